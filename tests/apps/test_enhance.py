import errno
import hashlib
import tempfile

import numpy as np
import pytest
import soundfile

RATE = 16_000


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


@pytest.mark.parametrize(
    "wave",
    [
        np.zeros((5000, 1)),
        np.full((1, 1), 0.5),
        tone(1, RATE, 1, 1.0),
        tone(1, RATE, 1, 3.0).clip(-1, 1),
    ],
)
def test_silence_one_sample_full_scale_and_clipped(sicore, speech_model, tmp_path, wave):
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
        (source, "a.wav", "would be replaced by a result"),
        (source, "b.wav", "pass --overwrite"),
    ):
        status, _, errors = sicore("enhance", given, "-o", tmp_path / target, "--model", "none")
        assert status != 0
        assert message in errors
    assert (tmp_path / "b.wav").read_bytes() == b"mine"


def test_more_than_full_scale_is_scaled_down_as_a_whole(sicore, speech_model, tmp_path):
    before = tone(1, 44_100, 2, 2.0)
    soundfile.write(tmp_path / "a.wav", before, 44_100, subtype="FLOAT")
    words = ("enhance", tmp_path / "a.wav", "-o", tmp_path / "b.wav", "--model", speech_model)
    assert sicore(*words)[0] == 0
    after = soundfile.read(tmp_path / "b.wav")[0]
    assert 0.99 < np.abs(after).max() <= 1
    middle = slice(4_410, -4_410)
    ratio = np.abs(before).max() / np.abs(after).max()
    assert np.abs(ratio * after[middle] - before[middle]).max() < 2e-2


def test_names_with_spaces_and_letters_of_all_kinds(sicore, speech_model, tmp_path):
    source, target = tmp_path / "zwei Wörter 録音.wav", tmp_path / "neu und größer" / "ça.flac"
    soundfile.write(source, tone(0.5, RATE), RATE)
    status, said, errors = sicore("enhance", source, "-o", target, "--model", speech_model)
    assert status == 0, errors
    assert said.strip() == str(target)
    assert soundfile.info(target).frames == 8000


@pytest.mark.parametrize(
    ("content", "message"), [(b"", "cannot be read as sound"), (b"text", "cannot be read as sound")]
)
def test_files_that_are_no_sound(sicore, speech_model, tmp_path, content, message):
    source = tmp_path / "a.wav"
    source.write_bytes(content)
    words = ("enhance", source, "-o", tmp_path / "b.wav", "--model", speech_model)
    status, _, errors = sicore(*words)
    assert status == 1
    assert f"{source}: {message}" in errors
    assert source.read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_a_folder_that_cannot_be_written_into(sicore, tmp_path, monkeypatch):
    def refused(*args, **options):
        raise OSError(errno.EROFS, "Read-only file system")

    soundfile.write(tmp_path / "a.wav", tone(0.5, RATE), RATE)
    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    words = ("enhance", tmp_path / "a.wav", "-o", tmp_path / "new" / "b.wav", "--model", "none")
    status, _, errors = sicore(*words)
    assert status == 1
    assert f"{tmp_path}: cannot be written into (Read-only file system)" in errors
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_what_the_format_cannot_hold_is_said_before_the_work(
    sicore, speech_model, tmp_path, monkeypatch
):
    from sicore_apps import enhancing

    monkeypatch.setattr(enhancing, "enhance_blocks", None)  # would fail if it were called
    soundfile.write(tmp_path / "a.wav", tone(0.5, 96_000, 7), 96_000)
    words = ("enhance", tmp_path / "a.wav", "-o", tmp_path / "b.mp3", "--model", speech_model)
    status, _, errors = sicore(*words)
    assert status == 1
    assert "7 channels at 96000 Hz cannot be written" in errors


def test_nothing_is_left_of_what_was_interrupted(sicore, speech_model, tmp_path, monkeypatch):
    from sicore_apps import enhancing

    whole = enhancing.enhance_blocks

    def interrupted(*args, **options):
        yield next(whole(*args, **options))
        raise KeyboardInterrupt

    monkeypatch.setattr(enhancing, "enhance_blocks", interrupted)
    soundfile.write(tmp_path / "a.wav", tone(6, RATE), RATE)
    words = ("enhance", tmp_path / "a.wav", "-o", tmp_path / "b.wav", "--model", speech_model)
    assert sicore(*words)[0] == 130
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--fast", "--steps", 3], "--fast is one step of its own solver: leave out --steps"),
        (["--fast", "--samples", 3, "--solver", "ddim"], "leave out --solver and --samples"),
        (["--samples", 2, "--solver", "heun"], "'heun' is deterministic"),
        (["--samples", 1], "Invalid value for '--samples'"),
        (["--solver", "hein"], "unknown solver 'hein': did you mean 'heun'?"),
        (["--reference", "c.wav"], "add --report PAGE.html"),
        (["--reference", "c.wav", "--report", "p.html"], "c.wav: no such file"),
        (["--dereverb"], "--model and --dereverb exclude each other"),
        (["--method", "enhance"], "--model and --method exclude each other"),
    ],
)
def test_wrong_flags(sicore, speech_model, tmp_path, monkeypatch, flags, message):
    monkeypatch.chdir(tmp_path)
    soundfile.write("a.wav", tone(0.5, RATE), RATE)
    words = ("enhance", "a.wav", "-o", "b.wav", "--model", speech_model, *flags)
    status, _, errors = sicore(*words)
    assert status != 0
    assert message in errors
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_fast_is_one_step_of_ddim(sicore, random_speech_model, tmp_path, monkeypatch):
    from sicore_apps import samplers

    monkeypatch.setattr(samplers, "quick_bfloat16", lambda device: False)
    soundfile.write(tmp_path / "a.wav", tone(0.5, RATE), RATE)
    words = ("enhance", tmp_path / "a.wav", "--model", random_speech_model, "-o")
    assert sicore(*words, tmp_path / "b.wav", "--fast")[0] == 0
    assert sicore(*words, tmp_path / "c.wav", "--solver", "ddim", "--steps", 1)[0] == 0
    assert sicore(*words, tmp_path / "d.wav", "--solver", "ddim", "--steps", 2)[0] == 0
    assert (tmp_path / "b.wav").read_bytes() == (tmp_path / "c.wav").read_bytes()
    assert (tmp_path / "b.wav").read_bytes() != (tmp_path / "d.wav").read_bytes()


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
