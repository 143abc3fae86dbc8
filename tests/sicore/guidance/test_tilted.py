"""Tilted laws over kinds: given a sum over many independent entries, its Gaussian posterior."""

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

N, ENTRIES = 1500, 40
PATH = Categorical({"": [1 / 3, 1 / 3, 1 / 3]})
STREAM = Noise.of(7, ENTRIES)
LAW = STREAM.named("law").uniform((3,)).add(0.1)
LAW = LAW / LAW.sum(-1, keepdim=True)
GAIN = STREAM.named("gain").normal((3,), torch.float64)
MEAN = float((LAW * GAIN).sum())
VARIANCE = float((LAW * (GAIN - (LAW * GAIN).sum(-1, keepdim=True)).square()).sum())


def posterior(t: Tensor, x: State) -> State:
    """``p(x1|x_t)`` where the entries are independent with the law `LAW`."""
    assert isinstance(x, Tensor)
    kappa = float(PATH.coefficients(torch.as_tensor(t))[1])
    made = LAW * (kappa * x + (1 - kappa) / 3)
    return made / made.sum(-1, keepdim=True)


def linear(x: State) -> Tensor:
    """``Σ g x``."""
    assert isinstance(x, Tensor)
    return inner(GAIN.expand_as(x), x)


PREDICTION = FunctionPrediction(posterior, PATH, CATEGORICAL)


@pytest.mark.parametrize(("away", "std"), [(0.0, 2.0), (2.0, 2.0), (2.0, 6.0)])
def test_samples_have_the_measured_sum(away: float, std: float) -> None:
    """f of the samples has mean ``m + V (y − m)/(V + σ²)`` and variance ``V σ²/(V + σ²)``."""
    space, noise = TensorSpace((ENTRIES, 3)), Noise.of(1, N)
    value = torch.tensor(MEAN + away * VARIANCE**0.5)
    x = PATH.prior(noise, space, torch.float64)
    flow = PathDynamics(Tilted(PREDICTION, linear, value, std))
    made = linear(solve(flow, x, torch.linspace(0, 1, 51), CategoricalLeap(), noise).x)
    gain = VARIANCE / (VARIANCE + std**2)
    mean, deviation = MEAN + gain * (float(value) - MEAN), (gain * std**2) ** 0.5
    # What is left is the error of the normal law, of the first order, and of 50 steps: the mean
    # within a tenth of f's own deviation, the deviation within a fifth.
    assert abs(float(made.mean()) - mean) < 0.1 * VARIANCE**0.5
    assert abs(float(made.std()) / deviation - 1) < 0.2


def test_absent_entries_get_no_law() -> None:
    """Rows of zeros stay rows of zeros, and nothing is NaN."""
    p = torch.zeros(1, ENTRIES, 3, dtype=torch.float64)
    p[0, 0, 1] = 1.0
    inside = FunctionPrediction(lambda t, x: p, PATH, CATEGORICAL)
    out = Tilted(inside, linear, torch.tensor(3.0), 1.0)(0.5, torch.zeros_like(p))
    torch.testing.assert_close(out, p)


def test_a_part_of_the_batch_keeps_its_target() -> None:
    """Each sample has its own value."""
    x = PATH.prior(Noise.of(0, 4), TensorSpace((ENTRIES, 3)), torch.float64)
    assert isinstance(x, Tensor)
    whole, index = Tilted(PREDICTION, linear, torch.arange(4.0), 1.0), torch.tensor([3, 1])
    every = whole(0.3, x)
    assert isinstance(every, Tensor)
    torch.testing.assert_close(whole.take(index)(0.3, x[index]), every[index])


def test_no_gradient_goes_through_the_generator() -> None:
    """Under no_grad, as sampling is, and without asking the network for gradients."""
    x = PATH.prior(Noise.of(0, 4), TensorSpace((ENTRIES, 3)), torch.float64)
    with torch.no_grad():
        out = Tilted(PREDICTION, linear, torch.tensor(0.0), 1.0)(0.3, x)
    assert isinstance(out, Tensor) and not out.requires_grad


def test_what_is_refused() -> None:
    """A denoiser of numbers has no law over kinds; f gives a number for each sample."""
    zero = torch.tensor(0.0)
    with pytest.raises(InputError, match="kind 'categorical', got 'data'"):
        Tilted(FunctionPrediction(posterior, Linear(), DATA), linear, zero, 1.0)
    with pytest.raises(InputError, match="std > 0, got 0"):
        Tilted(PREDICTION, linear, zero, 0.0)
    x = PATH.prior(Noise.of(0, 4), TensorSpace((ENTRIES, 3)), torch.float64)
    with pytest.raises(InputError, match=r"one number each, got \(\)"):
        Tilted(PREDICTION, lambda x: linear(x).sum(), zero, 1.0)(0.3, x)
