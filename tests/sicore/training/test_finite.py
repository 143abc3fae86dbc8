"""What is not finite is never saved, except where float16's scaler has skipped the step."""

import pytest
import torch
from accelerate import Accelerator

from sicore.errors import InputError
from sicore.objectives import Objective
from sicore.training import checkpoint, train
from sicore.training.trainer import _Run


class Spoilt(torch.autograd.Function):
    """A loss that is finite, with a gradient that is not."""

    @staticmethod
    def forward(context, loss, factor):
        context.factor = factor
        return loss.clone()

    @staticmethod
    def backward(context, gradient):
        return gradient * context.factor, None


@pytest.mark.parametrize("factor", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_is_not_saved(configured, tmp_path, monkeypatch, factor):
    """At the very step of a checkpoint, where the loss still looks well."""
    genuine, steps = Objective.loss, []

    def loss(*arguments):
        steps.append(1)
        made = genuine(*arguments)
        return Spoilt.apply(made, factor) if len(steps) == 20 else made

    monkeypatch.setattr(Objective, "loss", loss)
    folder = tmp_path / "model"
    with pytest.raises(InputError, match=r"training: the gradient is (nan|inf) at step 20; lower"):
        train(configured(), folder, device="cpu", progress=False)
    (kept,) = checkpoint.checkpoints(folder)
    assert kept.name == "checkpoint-10"


def run_of(config, folder):
    """A training that has not begun."""
    accelerator = Accelerator(cpu=True)
    dataset = config.data.build()
    whole = config.model_copy(update={"domain": config.domain.filled(dataset.domain_config())})
    return _Run(whole, folder, accelerator, dataset)


def test_weights_that_are_not_finite_are_not_saved(configured, tmp_path):
    run = run_of(configured(), tmp_path)
    run._check_weights(torch.tensor(1.0))
    with torch.no_grad():
        next(run.state.network.parameters()).view(-1)[3] = float("inf")
    with pytest.raises(InputError, match="training: a weight is not finite at step 0"):
        run._check_weights(torch.tensor(1.0))


def test_a_step_that_the_scaler_of_float16_skips_is_no_failure(configured, tmp_path, monkeypatch):
    run = run_of(configured(), tmp_path)
    skipped = property(lambda self: True)
    monkeypatch.setattr(Accelerator, "optimizer_step_was_skipped", skipped)
    run._check_weights(torch.tensor(float("inf")))
    with torch.no_grad():
        next(run.state.network.parameters()).fill_(float("nan"))
    with pytest.raises(InputError, match="a weight is not finite"):
        run._check_weights(torch.tensor(float("inf")))


def test_the_scaler_of_float16_goes_on_from_a_checkpoint(configured, tmp_path):
    first, second = (run_of(configured(), tmp_path / name) for name in ("first", "second"))
    for run in (first, second):
        run.state.scaler = torch.amp.GradScaler("cpu", growth_interval=3)
    scaler = first.state.scaler
    gradient = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([gradient])
    for value in (float("inf"), 1.0, 1.0):  # one step skipped, two of three until it grows
        scaler.scale((gradient * value).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
    assert scaler.get_scale() == 2.0**15
    checkpoint.save_checkpoint(tmp_path, first.state, "config")
    checkpoint.load_checkpoint(checkpoint.checkpoints(tmp_path)[-1], second.state)
    assert second.state.scaler.state_dict() == scaler.state_dict()
    assert second.state.scaler.state_dict()["_growth_tracker"] == 2
