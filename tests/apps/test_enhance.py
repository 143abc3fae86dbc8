import hashlib

import numpy as np
import pytest
import soundfile
import torch

from sicore.config import load_config
from sicore.hub.build import build_parts
from sicore.hub.model import Model

RATE = 16_000


@pytest.fixture(scope="module")
def speech_model(tmp_path_factory):
    """An untrained model, which predicts what it is given."""
    torch.manual_seed(0)
    config = load_config(
        "speech/enhance",
        [
            "domain.frames=64",
            "network.channels=[8,8]",
            "network.patch=[4,2]",
            "network.recurrent=8",
        ],
    )
    folder = tmp_path_factory.mktemp("model") / "speech"
    return Model(config, build_parts(config), {}).save_pretrained(folder)


def tone(seconds, rate, channels=1, level=0.5):
    time = np.arange(int(seconds * rate)) / rate
    waves = [np.sin(2 * np.pi * (300 + 100 * c) * time) for c in range(channels)]
    return (level * np.stack(waves, 1)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "rate", "channels"),
    [("a.wav", 16_000, 1), ("a.flac", 44_100, 2), ("a.wav", 8_000, 1), ("a.wav", 96_000, 7)],
)
def test_rate_channels_length_and_loudness_stay(
    sicore, speech_model, tmp_path, name, rate, channels
):
    before = tone(1.3, rate, channels)
    source, target = tmp_path / name, tmp_path / f"clean-{name}"
    soundfile.write(source, before, rate)
    digest = hashlib.sha256(source.read_bytes()).digest()
    status, said, errors = sicore("enhance", source, "-o", target, "--model", speech_model)
    assert status == 0, errors
    assert said.strip() == str(target)
    after, found = soundfile.read(target, always_2d=True)
    assert found == rate
    assert after.shape == before.shape
    middle = slice(rate // 10, -rate // 10)
    assert np.abs(after[middle] - before[middle]).max() < 5e-3
    assert hashlib.sha256(source.read_bytes()).digest() == digest


@pytest.mark.parametrize("wave", [np.zeros((5000, 1)), np.full((1, 1), 0.5), tone(1, RATE, 1, 1.0)])
def test_silence_one_sample_and_full_scale(sicore, speech_model, tmp_path, wave):
    soundfile.write(tmp_path / "a.wav", wave, RATE)
    target = tmp_path / "b.wav"
    status, _, errors = sicore("enhance", tmp_path / "a.wav", "-o", target, "--model", speech_model)
    assert status == 0, errors
    after = soundfile.read(target, always_2d=True)[0]
    assert after.shape == wave.shape
    assert np.abs(after).max() <= 1


def test_a_folder(sicore, speech_model, tmp_path):
    source, target = tmp_path / "in", tmp_path / "out"
    (source / "deep").mkdir(parents=True)
    for name in ("a.wav", "deep/b.ogg"):
        soundfile.write(source / name, tone(0.5, RATE), RATE)
    (source / "broken.wav").write_text("text")
    (source / "notes.txt").write_text("left alone")
    status, said, errors = sicore("enhance", source, "-o", target, "--model", speech_model)
    assert status != 0
    assert "broken.wav: cannot be read as sound" in errors
    assert len(said.splitlines()) == 2
    assert {str(p.relative_to(target)) for p in target.rglob("*.*")} == {"a.wav", "deep/b.ogg"}


def test_what_cannot_be_done_is_said_before_the_model_is_loaded(sicore, tmp_path):
    source = tmp_path / "a.wav"
    soundfile.write(source, tone(0.5, RATE), RATE)
    (tmp_path / "empty").mkdir()
    (tmp_path / "b.wav").write_bytes(b"mine")
    for given, target, message in (
        (tmp_path / "missing.wav", "c.wav", "no such file or folder"),
        (tmp_path / "empty", "out", "holds no recording"),
        (tmp_path / "empty", "b.wav", "is a file"),
        (source, "c.xyz", "ends in one of .flac"),
        (source, "a.wav", "would be replaced by its result"),
        (source, "b.wav", "pass --overwrite"),
    ):
        status, _, errors = sicore("enhance", given, "-o", tmp_path / target, "--model", "none")
        assert status != 0
        assert message in errors
    assert (tmp_path / "b.wav").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("wave", "message"),
    [(np.zeros((0, 1)), "holds no samples"), (np.full((9, 1), np.nan), "not finite")],
)
def test_unfit_recordings(sicore, speech_model, tmp_path, wave, message):
    soundfile.write(tmp_path / "a.wav", wave, RATE, subtype="FLOAT")
    target = tmp_path / "b.wav"
    status, _, errors = sicore("enhance", tmp_path / "a.wav", "-o", target, "--model", speech_model)
    assert status != 0
    assert message in errors
    assert not target.exists()


def test_other_models_are_refused(sicore, tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(0.5, RATE), RATE)
    words = ("enhance", tmp_path / "a.wav", "-o", tmp_path / "b.wav")
    status, _, errors = sicore(*words, "--model", "images/fashion-mnist")
    assert status != 0
    assert "needs a bridge of the domain 'speech'" in errors
