import pytest
import torch

from sicore.errors import InputError
from sicore_speech.spectrogram import Spectrogram, loudest


@pytest.mark.parametrize("samples", [32_640, 12_345, 256])
def test_round_trip(samples):
    waveform = torch.rand(3, samples) * 2 - 1
    spectrogram = Spectrogram()
    x = spectrogram.encode(waveform)
    assert x.shape == (3, 2, 256, samples // 128 + 1)
    assert (spectrogram.decode(x, samples) - waveform).abs().max() < 1e-5


def test_amplitudes_are_compressed_and_phases_kept():
    waveform = torch.randn(2, 4000, dtype=torch.float64)
    window = torch.hann_window(510, periodic=True, dtype=torch.float64)
    c = torch.stft(waveform, 510, 128, window=window, return_complex=True)
    expected = torch.polar(0.15 * c.abs().sqrt(), c.angle())
    x = Spectrogram().encode(waveform)
    torch.testing.assert_close(torch.complex(x[:, 0], x[:, 1]), expected)


def test_frames_and_samples_fit():
    spectrogram = Spectrogram()
    assert spectrogram.samples(256) == 32_640
    assert spectrogram.encode(torch.zeros(1, 32_640)).shape[-1] == 256


def test_silence_stays_silence_and_has_a_gradient():
    x = torch.zeros(1, 2, 256, 8, requires_grad=True)
    waveform = Spectrogram().decode(x)
    assert (waveform == 0).all()
    (waveform - 1).abs().sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    assert (Spectrogram().encode(torch.zeros(1, 1000)) == 0).all()


@pytest.mark.parametrize(
    "wrong", [{"hop": 256}, {"hop": 0}, {"n_fft": 1}, {"factor": 0.0}, {"exponent": 1.5}]
)
def test_wrong_numbers(wrong):
    with pytest.raises(InputError, match="spectrogram"):
        Spectrogram(**wrong)


@pytest.mark.parametrize("shape", [(100,), (1, 255), (1, 1, 4000)])
def test_wrong_waveforms(shape):
    with pytest.raises(InputError, match="more than 255 samples"):
        Spectrogram().encode(torch.zeros(shape))


def test_loudest():
    waveforms = torch.tensor([[0.1, -0.5], [0.0, 0.0]])
    assert loudest(waveforms).tolist() == [[0.5], [1.0]]
