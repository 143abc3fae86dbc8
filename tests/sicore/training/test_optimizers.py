"""Muon beside AdamW: orthogonal steps, one learning rate, and state that resumes."""

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from sicore.errors import InputError
from sicore.training import train
from sicore.training.optimizers import MuonAndAdamW


def stepped(network, gradients, **options):
    optimizer = MuonAndAdamW(network, **{"learning_rate": 0.1, "weight_decay": 0.0, **options})
    before = [p.detach().clone() for p in network.parameters()]
    for parameter, gradient in zip(network.parameters(), gradients, strict=True):
        parameter.grad = gradient.clone()
    optimizer.step()
    return [p.detach() - b for p, b in zip(network.parameters(), before, strict=True)]


def test_a_matrix_steps_along_the_nearest_orthogonal_one():
    gradient = torch.randn(6, 6, generator=torch.Generator().manual_seed(0))
    step, _ = stepped(nn.Linear(6, 6), [gradient, torch.ones(6)])
    u, _, v = torch.linalg.svd(gradient)
    scale = 0.1 * 0.2 * 6**0.5
    singular = torch.linalg.svdvals(step) / scale
    assert (singular > 0.6).all() and (singular < 1.3).all()  # those of Newton and Schulz
    alignment = (-step * (u @ v)).sum() / step.norm() / 6**0.5
    assert alignment > 0.97


def test_the_scale_of_a_gradient_does_not_matter():
    gradient = torch.randn(4, 6, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(0)
    first, _ = stepped(nn.Linear(6, 4), [gradient, torch.ones(4)])
    torch.manual_seed(0)
    second, _ = stepped(nn.Linear(6, 4), [1000 * gradient, torch.ones(4)])
    assert torch.allclose(first, second, rtol=0.05, atol=1e-3)


def test_what_is_no_matrix_steps_as_adamw_does():
    _, step = stepped(nn.Linear(6, 4), [torch.ones(4, 6), torch.tensor([1.0, -2.0, 3.0, -4.0])])
    assert torch.allclose(step, torch.tensor([-0.1, 0.1, -0.1, 0.1]), atol=1e-6)


def test_a_network_without_matrices_is_refused():
    with pytest.raises(InputError, match="no matrices"):
        MuonAndAdamW(nn.Conv2d(1, 1, 3), 0.1, 0.0)


def test_a_training_resumes_bit_by_bit(configured, tmp_path):
    config = configured(optimizer="muon")
    whole = train(config, tmp_path / "whole", device="cpu", progress=False)
    with pytest.MonkeyPatch.context() as patch:
        from sicore.training import trainer

        step, count = trainer._Run._step, iter(range(1000))

        def stopping(self, prediction):
            if next(count) == 15:
                raise RuntimeError("killed")
            return step(self, prediction)

        patch.setattr(trainer._Run, "_step", stopping)
        with pytest.raises(RuntimeError, match="killed"):
            train(config, tmp_path / "part", device="cpu", progress=False)
    part = train(config, tmp_path / "part", device="cpu", progress=False, resume=True)
    first, second = (load_file(folder / "model.safetensors") for folder in (whole, part))
    assert all(torch.equal(first[name], second[name]) for name in first)
