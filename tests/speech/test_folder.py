from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from sicore.errors import InputError
from sicore.testing import check_dataset
from sicore_speech.data.bank import Bank
from sicore_speech.data.folder import SpeechFolder
from sicore_speech.data.matching import matched
from sicore_speech.data.pairs import RecordedPairs
from sicore_speech.data.recipe import SPLITS
from sicore_speech.data.rooms import direct_path_first

from .conftest import voice


@pytest.fixture
def own(tmp_path):
    """Forty clean recordings at 8 kHz, and noises."""
    rng = np.random.default_rng(0)
    (tmp_path / "clean" / "deep").mkdir(parents=True)
    (tmp_path / "noise").mkdir()
    for k in range(40):
        place = tmp_path / "clean" / ("deep" if k % 2 else ".")
        soundfile.write(place / f"{k}.wav", voice(0.8, 100 + 3 * k, k)[::2], 8_000)
        soundfile.write(tmp_path / "noise" / f"{k}.flac", 0.1 * rng.standard_normal(8_000), 16_000)
    return tmp_path


def paired(own):
    """The noises become noisy recordings of the same names, softer by half."""
    (own / "noise").rename(own / "noisy")
    for path in (own / "clean").rglob("*.wav"):
        wave, rate = soundfile.read(path)
        target = own / "noisy" / path.relative_to(own / "clean")
        target.parent.mkdir(exist_ok=True)
        soundfile.write(target, 0.5 * wave, rate)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_mixed_recordings_conform(own, split):
    check_dataset(SpeechFolder(str(own), split, frames=32))


def test_recorded_pairs_are_cut_at_the_same_place(own):
    paired(own)
    data = SpeechFolder(str(own), frames=32)
    check_dataset(data)
    for k in range(20):
        clean, noisy = data.waveforms(k, 4000)
        np.testing.assert_allclose(noisy, clean / 2, atol=2e-3)
        assert np.abs(clean).max() > 0.01


def test_a_short_recording_is_followed_by_silence():
    bank = Bank.of([np.full(100, 3277, np.int16)], ["a"])
    clean, noisy = RecordedPairs(bank, bank).draw(150, 0, 0)
    assert (clean[100:] == 0).all()
    assert np.array_equal(clean, noisy)


def test_no_file_is_in_two_splits(own):
    names = [set(SpeechFolder(str(own), s).pairs.speech[0].names) for s in SPLITS]
    assert sum(map(len, names)) == 40
    assert len(set.union(*names)) == 40


def test_what_cannot_be_read_is_left_out(own):
    for path in sorted((own / "noise").iterdir())[:30]:
        path.write_text("text")
    with pytest.warns(UserWarning, match="left out"):
        data = SpeechFolder(str(own), frames=32)
    assert data.batch(torch.arange(2))[0].isfinite().all()


@pytest.mark.parametrize(
    ("clean", "noisy"),
    [
        ("s1/a.wav", "s1/a.wav"),
        ("s1/a.wav", "s1/a.flac"),
        ("s1/a.wav", "cafe/5dB/a.wav"),
        ("s1/a_clean.wav", "s1/a_noisy.wav"),
        ("s1/clean-a.wav", "mixed/noisy-a.flac"),
        ("s1/a_clean_7.wav", "a_noisy_7.wav"),
        ("clean_fileid_12.wav", "book_x_snr5_fileid_12.wav"),
    ],
)
def test_names_that_belong_together(clean, noisy):
    others = [Path("s2/b_noisy.wav"), Path("book_fileid_1.wav"), Path("nothing.wav")]
    assert matched([Path(clean), Path("s9/alone.wav")], [Path(noisy), *others]) == {
        Path(clean): Path(noisy)
    }


def test_stricter_rules_come_first_and_doubt_matches_nothing():
    clean = [Path("s1/a.wav"), Path("s2/a.wav"), Path("s3/a.wav"), Path("c.wav")]
    noisy = [Path("s1/a.wav"), Path("s1/a.flac"), Path("s2/a.flac"), Path("x/c.wav")]
    assert matched(clean, noisy) == {clean[0]: noisy[0], clean[1]: noisy[2], clean[3]: noisy[3]}
    assert matched(clean, [*noisy, Path("y/c.wav")]).keys() == {clean[0], clean[1]}
    assert matched(clean[:1], [Path("x/a.wav"), Path("y/a.wav")]) == {}


@pytest.mark.parametrize("valid", ["valid", "dev"])
def test_folders_of_splits(tmp_path, valid):
    """As SGMSE+ has them for WSJ0–CHiME3: the split is the folder's."""
    for number, split in enumerate(("train", valid, "test")):
        for side, gain in (("clean", 1.0), ("noisy", 0.5)):
            place = tmp_path / split / side / "011"
            place.mkdir(parents=True)
            soundfile.write(place / f"{number}.wav", gain * voice(0.8, seed=number), 16_000)
    for number, split in enumerate(SPLITS):
        pairs = SpeechFolder(str(tmp_path), split, frames=32).pairs
        assert [Path(name).stem for name in pairs.clean.names] == [str(number)]
    (tmp_path / "test").rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="none of 'test'"):
        SpeechFolder(str(tmp_path), "test")


def test_recorded_rooms(own):
    """With a room that repeats what is said after 100 ms, clean is without the echo."""
    (own / "rooms").mkdir()
    echo = np.zeros(3_000)
    echo[[300, 300 + 1_600]] = 0.5, -0.25
    soundfile.write(own / "rooms" / "hall.wav", np.stack([echo, 0 * echo], 1), 16_000)
    assert SpeechFolder(str(own), "train", frames=32).pairs.rooms == 0.35
    assert SpeechFolder(str(own), "test", frames=32).pairs.rooms == 0
    data = SpeechFolder(str(own), "train", frames=32, rooms=1.0, snr=(90, 90))
    for k in range(5):
        clean, noisy = data.waveforms(k, 8_000)
        late = np.pad(clean, (1_600, 0))[:8_000]
        np.testing.assert_allclose(noisy, clean - 0.5 * late, atol=2e-3 * np.abs(clean).max())
    soundfile.write(own / "rooms" / "hall.wav", 0 * echo, 16_000)
    with pytest.raises(InputError, match="silent"):
        SpeechFolder(str(own))
    (own / "rooms" / "hall.wav").unlink()
    with pytest.raises(InputError, match="holds no room response"):
        SpeechFolder(str(own))


def test_the_direct_path_of_a_response_is_first_and_one():
    response = direct_path_first(np.array([0, 0.1, -0.5, 0.25]))
    np.testing.assert_allclose(response, [1, -0.5])


def test_errors(own, tmp_path):
    with pytest.raises(InputError, match="needs your recordings"):
        SpeechFolder()
    with pytest.raises(InputError, match="unknown split 'dev'"):
        SpeechFolder(str(own), "dev")
    with pytest.raises(InputError, match="expected two sub-folders"):
        SpeechFolder(str(own / "clean"))
    (own / "noisy").mkdir()
    with pytest.raises(InputError, match="expected two sub-folders"):
        SpeechFolder(str(own))
    (own / "noise").rename(own / "other")
    with pytest.warns(UserWarning), pytest.raises(InputError, match="holds no recording with"):
        SpeechFolder(str(own))
    for path in (own / "clean").rglob("*.wav"):
        path.unlink()
    with pytest.raises(InputError, match="no recording in the split 'train', 0 files"):
        SpeechFolder(str(own))
    bank = Bank.of([np.zeros(3, np.int16)], ["a"])
    with pytest.raises(InputError, match="as many samples"):
        RecordedPairs(bank, Bank.of([np.zeros(4, np.int16)], ["a"]))
