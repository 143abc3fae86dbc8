"""Laws over kinds: the loss, its gradient and guidance."""

import torch

from sicore.interpolants import Categorical
from sicore.predictions import CATEGORICAL, Softmax
from sicore.states import Noise

PATH = Categorical({"": (0.5, 0.3, 0.2)})


def test_the_loss_is_the_cross_entropy_and_absent_entries_have_none():
    x1 = torch.eye(3)[torch.tensor([[0, 2, 1], [1, 1, 0]])]
    x1[1, 2] = 0  # absent
    t = torch.full((2,), 0.5)
    sample = PATH.sample(None, x1, t, Noise.of(0, 2).normal_like(x1))
    logits = torch.randn(2, 3, 3, requires_grad=True)
    value = Softmax()(lambda x, t, c: logits, PATH, t, t, sample.x_t, None)
    assert float(value[1, 2].detach().abs().sum()) == 0
    errors = CATEGORICAL.errors(PATH.at(t), sample, value)
    expected = -(logits.log_softmax(-1) * x1).sum((1, 2))
    torch.testing.assert_close(errors[0], expected)
    (gradient,) = torch.autograd.grad(errors.sum(), logits, retain_graph=True)
    (wanted,) = torch.autograd.grad(expected.sum(), logits)
    torch.testing.assert_close(gradient, wanted)


def test_guidance_is_linear_in_logarithms():
    q, p = torch.randn(2, 4, 3).softmax(-1)
    w = 2.5
    made = CATEGORICAL.extrapolated(w, q, p)
    wanted = p**w * q ** (1 - w)
    torch.testing.assert_close(made, wanted / wanted.sum(-1, keepdim=True))
    torch.testing.assert_close(CATEGORICAL.extrapolated(1.0, q, p), p)
    nothing = torch.zeros(1, 3)
    assert torch.equal(CATEGORICAL.extrapolated(w, nothing, nothing), nothing)
