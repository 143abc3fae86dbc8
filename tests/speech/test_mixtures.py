import numpy as np
import pytest
import torch

from sicore.errors import InputError
from sicore.testing import check_dataset
from sicore_speech.data.bank import Bank, read_bank
from sicore_speech.data.levels import active_level, rms
from sicore_speech.data.mixtures import Mixtures
from sicore_speech.data.places import find_recordings, prepared_file
from sicore_speech.data.recipe import SOURCES, SPLITS, split_of_noise
from sicore_speech.data.rooms import EARLY
from sicore_speech.domain import Speech


@pytest.mark.parametrize("split", SPLITS)
def test_the_mixtures_conform(recordings, split):
    data = Mixtures(split, frames=64, folder=str(recordings))
    check_dataset(data)
    section = data.domain_config()
    assert section.pop("name") == "speech"
    domain = Speech(**section)
    items, condition = data.batch(torch.arange(4))
    domain.space.check(items)
    domain.space.check(condition["x0"])
    assert items.dtype == torch.float32


def test_states_are_the_recordings_over_the_noisy_peak(recordings):
    data = Mixtures(frames=64, folder=str(recordings))
    items, condition = data.batch(torch.tensor([7]))
    domain = Speech(frames=64)
    clean, noisy = data.waveforms(7, domain.samples)
    peak = np.abs(noisy).max()
    for x, wave in ((items, clean), (condition["x0"], noisy)):
        np.testing.assert_allclose(domain.decode(x)[0], wave / peak, atol=1e-5)
    assert abs(float(domain.decode(condition["x0"]).abs().max()) - 1) < 1e-4


def test_the_test_split_is_a_grid(recordings):
    data = Mixtures("test", folder=str(recordings))
    assert len(data) == 40
    for number, ratio in ((0, 0), (13, 5), (29, 10), (37, 15)):
        clean, noisy = data.waveforms(number, 16_000)
        assert abs(20 * np.log10(active_level(clean)[0] / rms(noisy - clean)) - ratio) < 0.01


@pytest.mark.parametrize("split", SPLITS)
def test_reverberant_mixtures(recordings, split):
    """The same voice and noise; what the rooms add is after the direct path, and late."""
    n, numbers = 16_000, (0, 13, 29)
    rooms = Mixtures(split, reverberant=True, folder=str(recordings))
    dry = Mixtures(split, rooms=0.0, folder=str(recordings))
    late = []
    for number in numbers:
        (early, noisy), (clean, mixed) = (d.waveforms(number, n) for d in (rooms, dry))
        again = rooms.waveforms(number, n)
        assert np.array_equal(early, again[0]) and np.array_equal(noisy, again[1])
        reflected = (noisy - early) - (mixed - clean)  # the late part
        onset = int(np.flatnonzero(np.abs(clean) > 0)[0])
        assert np.abs(reflected[: onset + EARLY]).max(initial=0) < 1e-5
        assert rms(early - clean) > 1e-3 * rms(clean)
        late.append(rms(reflected) / rms(clean))
    assert min(late) > 1e-3


def test_no_noise_is_in_two_splits(recordings):
    names = {s: set(Mixtures(s, folder=str(recordings)).mixer.noise.names) for s in SPLITS}
    assert not names["train"] & names["test"]
    assert not names["train"] & names["validation"]
    assert not names["validation"] & names["test"]
    assert all(names.values())
    assert split_of_noise("sound/ambience/arcticwind.ogg") == "test"
    assert split_of_noise("sound/ambience/fire.ogg") == "train"


def test_no_voice_is_in_two_splits():
    splits = {s: {x.package for x in SOURCES if x.split == s} for s in SPLITS}
    assert not splits["train"] & splits["test"]
    assert not splits["validation"] & (splits["train"] | splits["test"])


def test_what_the_sources_take():
    source = next(s for s in SOURCES if s.name == "battle")
    assert source.takes("sound/ambience/fire.ogg")
    assert not source.takes("sound/soldiers/hurt.ogg")
    assert not source.takes("sound/ambience/tv_newswav.ogg")


def test_errors(recordings, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="unknown split 'dev'"):
        Mixtures("dev", folder=str(recordings))
    monkeypatch.setenv("SICORE_DATA", str(tmp_path))
    assert not Mixtures.available()
    with pytest.raises(InputError, match="sicore data fetch speech/mixtures"):
        Mixtures()
    assert find_recordings(recordings) == recordings
    broken = prepared_file(tmp_path, "broken")
    broken.write_bytes(b"no")
    with pytest.raises(InputError, match="no prepared recordings"):
        read_bank(broken)


def test_banks(tmp_path):
    clips = [np.arange(n, dtype=np.int16) for n in (3, 5, 2)]
    Bank.of(clips, ["a", "b", "c"]).save(tmp_path / "x.safetensors")
    bank = read_bank(tmp_path / "x.safetensors")
    assert len(bank) == 3
    assert [len(bank.clip(n)) for n in range(3)] == [3, 5, 2]
    assert bank.only([2, 0]).names == ("c", "a")
    assert np.array_equal(bank.only([2, 0]).samples, [0, 1, 0, 1, 2])


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("rescue", "./usr/share/games/searchandrescue/sounds/hh60/engine_start.wav"),  # a variant
        ("fish", "./usr/share/games/fillets-ng/sound/elk/en/deu-l-los0.ogg"),  # a voice
        ("fish", "./usr/share/games/fillets-ng/sound/music/en/ves-hs-papa.ogg"),
        ("fantasy", "./usr/share/games/wesnoth/1.16/data/core/sounds/human-hit-1.ogg"),
    ],
)
def test_what_is_left_out(name, path):
    source = next(s for s in SOURCES if s.name == name)
    assert not source.takes(path)
