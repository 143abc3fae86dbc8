from itertools import pairwise

import pytest
import torch

from sicore.errors import InputError
from sicore.interpolants import InterpolantSample
from sicore.predictions import DATA, NOISE
from sicore_speech.loudness_loss import LoudnessLoss, loudness_distance
from sicore_speech.spectrogram import Spectrogram

from .conftest import voice


@pytest.fixture
def clean():
    """Three voices of two seconds."""
    return torch.stack([torch.from_numpy(voice(2.0, 100 + 30 * k, k)) for k in range(3)])


def states(waveform):
    return Spectrogram().encode(waveform)


def noise(like, level):
    made = torch.randn(like.shape, generator=torch.Generator().manual_seed(0))
    return level * made * like.square().mean(1, keepdim=True).sqrt()


def test_what_cannot_be_heard_costs_nothing(clean):
    """The same recording, at another level, or with noise 60 dB below it; not at 20 dB."""
    x = states(clean)
    assert float(loudness_distance(x, x).max()) < 2e-3
    assert float(loudness_distance(x, states(3 * clean)).max()) < 2e-3
    assert float(loudness_distance(x, states(clean + noise(clean, 1e-3))).max()) < 0.2
    assert float(loudness_distance(x, states(clean + noise(clean, 0.1))).min()) > 0.5


def test_more_noise_costs_more(clean):
    costs = [
        loudness_distance(states(clean), states(clean + noise(clean, level)))
        for level in (0.05, 0.1, 0.2, 0.5, 1.0)
    ]
    for quieter, louder in pairwise(costs):
        assert bool((louder > quieter).all())


def test_what_is_added_costs_more_than_what_is_lost(clean):
    """The asymmetric part: full where noise is more than it was, none where speech is less."""
    x, y = states(clean), states(clean + noise(clean, 0.3))
    assert bool((loudness_distance(x, y) > 1.3 * loudness_distance(y, x)).all())


def test_it_ranks_as_pesq_does(clean):
    pytest.importorskip("pesq")
    from sicore_speech.metrics import pesq_wide_band

    pairs = [
        (
            float(loudness_distance(states(x), states(y))[0]),
            pesq_wide_band(x[0].numpy(), y[0].numpy()),
        )
        for x in clean.split(1)
        for y in (x + noise(x, level) for level in (0.02, 0.1, 0.5))
    ]
    ranks = torch.tensor(pairs, dtype=torch.float64).T.argsort(1).argsort(1).double()
    assert float(torch.corrcoef(ranks)[0, 1]) < -0.85


def test_gradients_are_finite_at_silence_and_point_downhill(clean):
    zero = torch.zeros(3, 2, 256, 64, requires_grad=True)
    loudness_distance(zero.detach(), zero).sum().backward()
    assert zero.grad is not None
    assert bool(zero.grad.isfinite().all())
    same = states(clean).requires_grad_()
    (none,) = torch.autograd.grad(loudness_distance(states(clean), same).sum(), same)
    assert bool(none.isfinite().all())
    x, y = states(clean), states(clean + noise(clean, 0.3)).requires_grad_()
    cost = loudness_distance(x, y).sum()
    (slope,) = torch.autograd.grad(cost, y)
    step = 1e-3 * slope / slope.norm() * y.detach().norm()
    assert float(loudness_distance(x, y.detach() - step).sum()) < float(cost.detach())


def test_the_loss_is_the_weighted_distance_of_predicted_data(clean):
    x, y = states(clean), states(clean + noise(clean, 0.3))
    sample = InterpolantSample(torch.zeros(3), x, x, x, x)
    loss = LoudnessLoss(0.5).of_value(DATA, y, sample)
    torch.testing.assert_close(loss, 0.5 * loudness_distance(x, y))
    with torch.autocast("cpu", torch.bfloat16):  # powers need all their digits
        torch.testing.assert_close(LoudnessLoss(0.5).of_value(DATA, y, sample), loss)
    with pytest.raises(InputError, match="prediction=data"):
        LoudnessLoss().of_value(NOISE, y, sample)
    with pytest.raises(InputError, match="weight >= 0"):
        LoudnessLoss(-1.0)
