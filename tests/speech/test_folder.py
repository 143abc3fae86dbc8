import numpy as np
import pytest
import soundfile
import torch

from sicore.errors import InputError
from sicore.testing import check_dataset
from sicore_speech.data import folder as module
from sicore_speech.data.bank import Bank
from sicore_speech.data.folder import SpeechFolder
from sicore_speech.data.pairs import RecordedPairs

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
    names = [set(SpeechFolder(str(own), s).pairs.speech[0].names) for s in module.SPLITS]
    assert sum(map(len, names)) == 40
    assert len(set.union(*names)) == 40


def test_what_cannot_be_read_is_left_out(own):
    for path in sorted((own / "noise").iterdir())[:30]:
        path.write_text("text")
    with pytest.warns(UserWarning, match="left out"):
        data = SpeechFolder(str(own), frames=32)
    assert data.batch(torch.arange(2))[0].isfinite().all()


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
