import numpy as np
import pytest
import soundfile
import soxr

from sicore.errors import InputError
from sicore_speech import recording
from sicore_speech.recording import (
    check_format,
    fitted,
    open_recording,
    resampled,
    write_recording,
)

RATE = 16_000


def noise(n, channels=2, level=0.1):
    return (level * np.random.default_rng(0).standard_normal((channels, n))).astype(np.float32)


def cut(wave, size):
    return [wave[:, start : start + size] for start in range(0, wave.shape[1], size)]


@pytest.mark.parametrize("rates", [(48_000, RATE), (44_100, RATE), (RATE, 44_100), (8_000, RATE)])
@pytest.mark.parametrize("block", [100, 4096])
def test_blocks_are_resampled_as_if_at_once(rates, block):
    wave = noise(20_001)
    whole = soxr.resample(wave.T, *rates).T
    parts = np.concatenate(list(resampled(cut(wave, block), 2, *rates)), 1)
    np.testing.assert_allclose(parts, whole, atol=1e-6)


@pytest.mark.parametrize("n", [1, 99, 100, 101, 250, 300])
def test_fitted(n):
    wave = noise(250)
    parts = np.concatenate(list(fitted(cut(wave, 100), 2, n)), 1)
    assert parts.shape == (2, n)
    assert np.array_equal(parts[:, :250], wave[:, :n])
    assert not parts[:, 250:].any()


def test_what_is_beyond_is_not_read():
    blocks = iter(cut(noise(500), 100))
    assert sum(part.shape[1] for part in fitted(blocks, 2, 200)) == 200
    assert len(list(blocks)) == 3


def test_a_recording_is_what_was_written(tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "BLOCK", 1000)
    wave = noise(5_500)
    wave[1, 4_321] = -0.9
    written = write_recording(tmp_path / "a.wav", cut(wave, 777), RATE, 2, "FLOAT")
    found = open_recording(tmp_path / "a.wav")
    assert found == written
    assert (found.rate, found.channels, found.n) == (RATE, 2, 5_500)
    assert found.peak == pytest.approx(0.9)
    blocks = list(found.blocks())
    assert max(block.shape[1] for block in blocks) == 1000
    assert np.array_equal(np.concatenate(blocks, 1), wave)
    assert sum(block.shape[1] for block in found.blocks(44_100)) == found.length(44_100) == 15_159


def test_one_sample_has_a_sample_at_every_rate(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.ones(1), 96_000)
    found = open_recording(tmp_path / "a.wav")
    assert found.length(RATE) == 1
    assert [block.shape for block in found.blocks(RATE)] == [(1, 1)]


@pytest.mark.parametrize(
    ("name", "subtype", "stored"),
    [
        ("a.wav", "PCM_24", "PCM_24"),
        ("a.wav", "FLOAT", "FLOAT"),
        ("a.flac", "PCM_24", "PCM_24"),
        ("a.flac", "FLOAT", "PCM_16"),
        ("a.wav", "ULAW", "PCM_16"),
        ("a.ogg", "PCM_24", "VORBIS"),
    ],
)
def test_more_than_16_bits_stay(tmp_path, name, subtype, stored):
    write_recording(tmp_path / name, [noise(1000)], RATE, 2, subtype)
    assert soundfile.info(tmp_path / name).subtype == stored


def test_nothing_is_left_of_what_was_interrupted(tmp_path):
    def blocks():
        yield noise(1000)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_recording(tmp_path / "a.wav", blocks(), RATE, 2)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_read(tmp_path):
    (tmp_path / "text.wav").write_text("not a sound")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), RATE)
    late = np.zeros(200_000, np.float32)
    late[-1] = np.inf
    soundfile.write(tmp_path / "late.wav", late, RATE, subtype="FLOAT")
    for name, message in (
        ("text.wav", "cannot be read as sound"),
        ("missing.wav", "cannot be read as sound"),
        ("empty.wav", "holds no samples"),
        ("late.wav", "not finite"),
    ):
        with pytest.raises(InputError, match=f"{name}.*{message}"):
            open_recording(tmp_path / name)


def test_what_a_format_cannot_hold(tmp_path):
    with pytest.raises(InputError, match=r"7 channels at 96000 Hz.*choose \.wav or \.flac"):
        check_format(tmp_path / "a.mp3", 96_000, 7)
    check_format(tmp_path / "a.wav", 96_000, 7)
    assert not list(tmp_path.iterdir())
