import io

import numpy as np
import pytest
import soundfile

from sicore.errors import InputError
from sicore_speech.audio import Sound, flac_bytes, read_audio, write_audio


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3"])
def test_formats(tmp_path, suffix):
    time = np.arange(32_000) / 16_000
    tone = np.stack([np.sin(2 * np.pi * f * time) for f in (300, 700)]).astype(np.float32) / 2
    sound = read_audio(write_audio(tmp_path / f"a{suffix}", tone, 16_000))
    assert sound.rate == 16_000
    n = min(sound.samples.shape[1], 32_000)
    assert n > 30_000
    energy = np.abs(np.fft.rfft(sound.samples[:, :n])).argmax(1) * 16_000 / n
    np.testing.assert_allclose(energy, [300, 700], atol=2)


def test_resampling_keeps_the_pitch():
    time = np.arange(44_100) / 44_100
    sound = Sound(np.sin(2 * np.pi * 440 * time)[None].astype(np.float32), 44_100).resampled(16_000)
    assert sound.samples.shape == (1, 16_000)
    assert np.abs(np.fft.rfft(sound.samples[0])).argmax() == 440
    assert sound.resampled(16_000) is sound


def test_files_that_are_no_sound(tmp_path):
    text = tmp_path / "text.wav"
    text.write_text("not a sound")
    for path in (text, tmp_path / "missing.wav"):
        with pytest.raises(InputError, match="cannot be read as sound"):
            read_audio(path)


def test_empty_and_not_finite(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(0, np.float32), 16_000)
    with pytest.raises(InputError, match="holds no samples"):
        read_audio(path)
    soundfile.write(path, np.array([0, np.nan], np.float32), 16_000, subtype="FLOAT")
    with pytest.raises(InputError, match="not finite"):
        read_audio(path)


def test_an_unknown_ending(tmp_path):
    with pytest.raises(InputError, match=r"ends in one of \.flac"):
        write_audio(tmp_path / "a.txt", np.zeros((1, 10), np.float32), 16_000)
    assert not list(tmp_path.iterdir())


def test_what_a_format_cannot_hold(tmp_path):
    with pytest.raises(InputError, match=r"7 channels at 96000 Hz.*choose \.wav or \.flac"):
        write_audio(tmp_path / "a.mp3", np.zeros((7, 100), np.float32), 96_000)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_into(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_audio(tmp_path / "file" / "a.wav", np.zeros((1, 10), np.float32), 16_000)


@pytest.mark.parametrize(("level", "scale"), [(0.5, 1.0), (2.0, 0.5)])
def test_flac_in_memory(level, scale):
    tone = level * np.sin(np.arange(4000) / 5)[None].repeat(2, 0)
    found, rate = soundfile.read(io.BytesIO(flac_bytes(tone, 8_000)))
    assert rate == 8_000
    np.testing.assert_allclose(found.T, scale * tone, atol=1e-3)
