import pytest
import torch

from sicore.errors import InputError
from sicore.interpolants import InterpolantSample
from sicore.predictions import DATA, VELOCITY
from sicore_speech.spectral_loss import SpectralLoss
from sicore_speech.spectrogram import Spectrogram


def sample_of(x1):
    return InterpolantSample(torch.zeros(len(x1)), x1, x1, x1, x1)


def test_values():
    spectrogram = Spectrogram()
    clean = torch.randn(3, 2048)
    x1, value = spectrogram.encode(clean), spectrogram.encode(-clean)  # the same magnitudes
    loss = SpectralLoss(magnitude=1.0, waveform=0.0).of_value(DATA, value, sample_of(x1))
    torch.testing.assert_close(loss, torch.zeros(3))
    loss = SpectralLoss(magnitude=0.0, waveform=0.5).of_value(DATA, value, sample_of(x1))
    torch.testing.assert_close(loss, clean.abs().mean(1), atol=1e-4, rtol=1e-4)
    loss = SpectralLoss(2.0, 0.0).of_value(DATA, 3 * x1, sample_of(x1))
    torch.testing.assert_close(loss, 2 * (2 * x1).square().sum(1).mean((1, 2)))


def test_gradients_are_finite_at_silence():
    value = torch.zeros(2, 2, 256, 8, requires_grad=True)
    x1 = torch.randn(2, 2, 256, 8)
    SpectralLoss().of_value(DATA, value, sample_of(x1)).sum().backward()
    assert value.grad is not None
    assert value.grad.isfinite().all()


def test_errors():
    x = torch.zeros(1, 2, 256, 8)
    with pytest.raises(InputError, match="set prediction=data"):
        SpectralLoss().of_value(VELOCITY, x, sample_of(x))
    with pytest.raises(InputError, match="weights >= 0"):
        SpectralLoss(magnitude=-1)
