"""The model that comes with the plugin, on a real voice and a real noise that it has not heard."""

from pathlib import Path

import numpy as np
import pytest
import torch

import sicore
from sicore_speech.audio import read_audio
from sicore_speech.data.rooms import reverberate, room_response
from sicore_speech.enhancement import enhance_sound
from sicore_speech.metrics import si_sdr

DATA = Path(__file__).parent / "data"
LIMIT = 12e6  # bytes of all models of the plugin


@pytest.fixture(scope="module")
def model():
    return sicore.load("speech/enhance", device="cpu")


@pytest.fixture(scope="module")
def recordings():
    return read_audio(DATA / "clean.flac").samples[0], read_audio(DATA / "noisy.flac")


def test_it_takes_noise_off_and_more_steps_are_not_worse(model, recordings):
    clean, noisy = recordings
    before = si_sdr(clean, noisy.samples[0])
    one, four = (si_sdr(clean, enhance_sound(model, noisy, steps=n).samples[0]) for n in (1, 4))
    assert one > before + 4
    assert four > one - 0.2


def test_its_samples_differ_where_the_answer_is_not_known(model, recordings):
    """Posterior samples: each is a cleaner recording, and no two are the same."""
    clean, noisy = recordings
    made = [
        enhance_sound(model, noisy, solver="exponential-sde", steps=4, seed=seed).samples[0]
        for seed in (0, 1)
    ]
    before = si_sdr(clean, noisy.samples[0])
    assert all(si_sdr(clean, sample) > before + 2 for sample in made)
    apart = np.square(made[0] - made[1]).mean() / np.square(made[0]).mean()
    assert 1e-4 < apart < 0.5


def test_silence_stays_silent(model, recordings):
    _, noisy = recordings
    silence = type(noisy)(np.zeros_like(noisy.samples[:, :40000]), noisy.rate)
    assert float(np.abs(enhance_sound(model, silence).samples).max()) < 1e-3


def test_what_ships_is_small_and_says_where_it_is_from(model):
    root = sicore.hub.model.model_folder("speech/enhance")
    files = [path for path in root.parent.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < LIMIT
    assert not [path for path in files if path.suffix in (".pt", ".pth", ".pkl", ".ckpt")]
    for word in ("Licence", "PESQ", "Limits", "RNNoise", "sicore train speech/enhance"):
        assert word in model.card
    assert all(bool(tensor.isfinite().all()) for tensor in model.network.state_dict().values())
    assert model.dtype == torch.float32


def test_the_room_is_taken_off(recordings):
    """A real voice in drawn rooms: nearer to its early reflections than it was."""
    clean, noisy = recordings
    model, gains = sicore.load("speech/dereverb", device="cpu"), []
    for seed in range(4):
        early, whole = reverberate(clean, room_response(np.random.default_rng(seed)))
        room = type(noisy)(whole[None], noisy.rate)
        made = enhance_sound(model, room).samples[0]
        gains.append(si_sdr(early, made) - si_sdr(early, whole))
    assert min(gains) > -1
    assert np.mean(gains) > 1
