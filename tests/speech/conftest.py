"""Voices and noises that are made, so that the tests need no recordings."""

import numpy as np
import pytest
import torch

from sicore_speech.backbones.unet import DualPathUNet
from sicore_speech.data.bank import Bank
from sicore_speech.data.places import prepared_file
from sicore_speech.data.recipe import SOURCES, TEST_NOISES, VALIDATION_NOISES
from sicore_speech.domain import Speech
from sicore_speech.spectrogram import RATE

SMALL = [
    "domain.frames=64",
    "data.frames=64",
    "network.channels=[8,8]",
    "network.patch=[4,2]",
    "network.recurrent=8",
]
"""Overrides that make the preset fit for tests."""


def voice(seconds, pitch=120.0, seed=0):
    """Something like speech, float32: harmonics that come and go four times a second."""
    rng = np.random.default_rng(seed)
    n = int(seconds * RATE)
    time = np.arange(n) / RATE
    glide = 2 * np.pi * np.cumsum(pitch * (1 + 0.1 * np.sin(2 * np.pi * 0.7 * time))) / RATE
    tones = sum(np.sin(k * glide + rng.uniform(0, 6)) / k for k in range(1, 25))
    syllables = np.clip(np.sin(2 * np.pi * 2 * time + rng.uniform(0, 6)), 0, 1) ** 0.5
    return (0.2 * syllables * tones + 1e-5 * rng.standard_normal(n)).astype(np.float32)


def int16(wave):
    return np.round(np.clip(wave, -1, 1) * 32767).astype(np.int16)


@pytest.fixture(scope="session")
def recordings(tmp_path_factory):
    """A folder with a few seconds for each source of the recipe."""
    folder = tmp_path_factory.mktemp("recordings")
    rng = np.random.default_rng(0)
    for number, source in enumerate(SOURCES):
        if source.kind == "noise":
            patterns = (*TEST_NOISES, *VALIDATION_NOISES) if source.name == "battle" else ()
            names = [f"{source.name}/one.ogg", *(p.replace("*", "x") for p in patterns)]
            clips = [int16(0.1 * rng.standard_normal(RATE)) for _ in names]
        else:
            names = ["a", "b"]
            clips = [int16(voice(1.5, 90 + 10 * number, seed)) for seed in (0, 1)]
        Bank.of(clips, names).save(prepared_file(folder, source.name))
    return folder


@pytest.fixture
def domain():
    """Segments of 64 frames, half a second."""
    return Speech(frames=64)


@pytest.fixture
def network(domain):
    torch.manual_seed(0)
    return DualPathUNet(domain, (8, 8), (4, 2), recurrent=8, observed="x0")
