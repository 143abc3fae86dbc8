"""Tilted laws over kinds: exact where the log-likelihood is a sum over entries."""

import pytest
import torch
from torch import Tensor

from sicore.dynamics import PathDynamics
from sicore.errors import InputError
from sicore.guidance import Tilted
from sicore.interpolants import Categorical, Linear
from sicore.predictions import CATEGORICAL, DATA, FunctionPrediction
from sicore.solvers import CategoricalLeap, solve
from sicore.states import Noise, State, TensorSpace, inner

N = 20_000
LAW = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]], dtype=torch.float64)
GAIN = torch.tensor([[0.0, 1.0, -1.0], [2.0, 0.0, 0.5]], dtype=torch.float64)
PATH = Categorical({"": [1 / 3, 1 / 3, 1 / 3]})


def posterior(t: Tensor, x: State) -> State:
    """``p(x1|x_t)`` where the entries are independent with the law `LAW`."""
    assert isinstance(x, Tensor)
    kappa = float(PATH.coefficients(torch.as_tensor(t))[1])
    made = LAW * (kappa * x + (1 - kappa) / 3)
    return made / made.sum(-1, keepdim=True)


def linear(x: State) -> Tensor:
    """``Σ g x``."""
    return inner(GAIN.expand_as(x), x)  # type: ignore[arg-type]


def wanted(scale: float) -> Tensor:
    made = LAW * (scale * GAIN).exp()
    return made / made.sum(-1, keepdim=True)


PREDICTION = FunctionPrediction(posterior, PATH, CATEGORICAL)


@pytest.mark.parametrize("scale", [0.0, 1.0, 2.5])
def test_samples_of_a_tilted_law(scale: float) -> None:
    """A log-likelihood that is a sum over entries tilts each of them exactly."""
    space, noise = TensorSpace((2, 3)), Noise.of(1, N)
    x = PATH.prior(noise, space, torch.float64)
    flow = PathDynamics(Tilted(PREDICTION, linear, scale))
    made = solve(flow, x, torch.linspace(0, 1, 17), CategoricalLeap(), noise).x
    assert isinstance(made, Tensor)
    # Five standard errors of a share.
    torch.testing.assert_close(made.mean(0), wanted(scale), atol=5 * 0.5 / N**0.5, rtol=0)


def test_absent_entries_get_no_law() -> None:
    """Rows of zeros stay rows of zeros, and nothing is NaN."""
    p = torch.tensor([[[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]], dtype=torch.float64)
    tilted = Tilted(FunctionPrediction(lambda t, x: p, PATH, CATEGORICAL), linear)
    out = tilted(0.5, torch.zeros_like(p))
    torch.testing.assert_close(out, p)


def test_a_part_of_the_batch_keeps_its_target() -> None:
    """``take`` goes on to the log-likelihood."""

    class Target:
        def __init__(self, value: Tensor) -> None:
            self.value = value

        def __call__(self, x: State) -> Tensor:
            assert isinstance(x, Tensor)
            return self.value * linear(x)

        def take(self, index: Tensor) -> "Target":
            return Target(self.value[index])

    x = PATH.prior(Noise.of(0, 4), TensorSpace((2, 3)), torch.float64)
    whole = Tilted(PREDICTION, Target(torch.arange(4.0, dtype=torch.float64)))
    index = torch.tensor([3, 1])
    torch.testing.assert_close(whole.take(index)(0.3, x[index]), whole(0.3, x)[index])  # type: ignore[index]


def test_no_gradient_goes_through_the_generator() -> None:
    """Under no_grad, as sampling is, and without asking the network for gradients."""
    x = PATH.prior(Noise.of(0, 4), TensorSpace((2, 3)), torch.float64)
    with torch.no_grad():
        out = Tilted(PREDICTION, linear)(0.3, x)
    assert isinstance(out, Tensor) and not out.requires_grad


def test_other_kinds_are_refused() -> None:
    """A denoiser of numbers has no law over kinds."""
    with pytest.raises(InputError, match="kind 'categorical', got 'data'"):
        Tilted(FunctionPrediction(posterior, Linear(), DATA), linear)
