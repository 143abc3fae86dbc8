"""Networks as predictions, and what preconditioning does around them."""

import pytest
import torch

from sicore.interpolants import VP, Linear
from sicore.predictions import (
    DATA,
    NOISE,
    VELOCITY,
    EDMPreconditioning,
    NetworkPrediction,
    NoPreconditioning,
)
from sicore.states import Noise

N = 40_000


class Recorder:
    """A network that keeps what it was called with and answers with a constant."""

    def __init__(self, answer=0.0):
        self.answer, self.calls = answer, []

    def __call__(self, x, t, condition):
        self.calls.append((x, t, condition))
        return torch.full_like(x, self.answer)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_network_sees_times_of_the_batch_in_its_dtype(dtype):
    network = Recorder()
    prediction = NetworkPrediction(network, Linear(), VELOCITY)
    condition = {"class": torch.tensor([1, 2, 3])}
    for t in (torch.tensor(0.3, dtype=torch.float64), torch.full((3,), 0.3).double()):
        prediction(t, torch.zeros(3, 2, dtype=dtype), condition)
        _, times, given = network.calls[-1]
        assert times.shape == (3,) and times.dtype == dtype and given is condition
        torch.testing.assert_close(times, torch.full((3,), 0.3, dtype=dtype))
    assert len(network.calls) == 2 and prediction.calls == 1


def test_kinds():
    assert NetworkPrediction(Recorder(), Linear(), NOISE).kind is NOISE
    assert NoPreconditioning().kind(NOISE) is NOISE
    made = NetworkPrediction(Recorder(), Linear(), NOISE, EDMPreconditioning())
    assert made.kind is DATA


@pytest.mark.parametrize("deviation", [1.0, 0.5])
@pytest.mark.parametrize("time", [0.0, 0.1, 0.5, 0.8])
def test_edm_input_and_target_have_unit_variance(one_sided, time, deviation):
    """The target of F is ``(x1 − c_skip x)/c_out``: of variance 1, uncorrelated with the input."""
    edm = EDMPreconditioning(deviation)
    noise = Noise.of(0, N)
    x1 = deviation * noise.normal((1,), torch.float64)
    p = one_sided.at(time)
    z = noise.named("z").normal((1,), torch.float64)
    x = one_sided.sample(None, x1, p.t, z).x_t
    zero, one = Recorder(0.0), Recorder(1.0)
    skip = edm(zero, one_sided, p.t, p.t, x, None)
    out = edm(one, one_sided, p.t, p.t, x, None) - skip
    given, target = zero.calls[0][0], (x1 - skip) / out
    spread = 5 * (2 / N) ** 0.5
    assert abs(given.var() - 1) < spread
    assert abs(target.var() - 1) < spread
    assert abs((given * target).mean()) < 5 / N**0.5


def test_edm_at_the_data_is_the_identity():
    p = VP().at(1.0)
    x = Noise.of(0, 4).normal((3,), torch.float64)
    torch.testing.assert_close(EDMPreconditioning()(Recorder(5.0), VP(), p.t, p.t, x, None), x)


def test_edm_has_the_paper_form():
    """c_skip, c_out and c_in of the paper's table 1, at σ = γ/β on the unscaled state x/β."""
    edm, p = EDMPreconditioning(0.5), VP().at(0.7)
    sigma, deviation = p.gamma / p.beta, 0.5
    x = Noise.of(0, 4).normal((3,), torch.float64)
    network = Recorder(0.7)
    made = edm(network, VP(), p.t, p.t, x, None)
    total = sigma**2 + deviation**2
    torch.testing.assert_close(network.calls[0][0], x / p.beta / total.sqrt())
    expected = deviation**2 / total * x / p.beta + sigma * deviation / total.sqrt() * 0.7
    torch.testing.assert_close(made, expected)
