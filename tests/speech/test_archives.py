"""LibriSpeech and VoiceBank–DEMAND, in small, in the layout of the published archives."""

import hashlib
import http.server
import io
import re
import tarfile
import threading
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

from sicore.downloads import Archive, download, obtain
from sicore.errors import InputError
from sicore.testing import check_dataset
from sicore_speech.data import librispeech, voicebank
from sicore_speech.data.bank import Bank, map_bank, read_bank, write_bank
from sicore_speech.data.librispeech import LibriSpeech
from sicore_speech.data.voicebank import VoiceBankDemand

from .conftest import int16, voice


def sound(wave, rate, kind):
    file = io.BytesIO()
    soundfile.write(file, wave, rate, format=kind)
    return file.getvalue()


class Server(http.server.BaseHTTPRequestHandler):
    """Serves ``server.files``, the rest of one if it is asked for, and notes where it starts."""

    def do_GET(self):
        content = self.server.files[self.path]
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked[1]) if asked and self.server.resumes else 0
        self.server.starts.append(start)
        if start and start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start : start + self.server.limit])

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        server.files, server.starts, server.resumes, server.limit = {}, [], True, 1 << 30
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def served(server, name, content, algorithm="sha256"):
    server.files[f"/{name}"] = content
    url = f"http://127.0.0.1:{server.server_port}/{name}"
    return Archive(url, hashlib.new(algorithm, content).hexdigest(), algorithm)


@pytest.mark.parametrize("resumes", [True, False])
def test_a_download_goes_on_where_it_stopped(server, tmp_path, resumes):
    content = np.random.default_rng(0).bytes(3_000_000)
    archive = served(server, "a.zip", content)
    server.limit, server.resumes = 2_000_000, resumes
    with pytest.raises(InputError, match=r"1000000 bytes are missing.*run the command again"):
        obtain(archive, "", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip.part"]
    server.limit = 1 << 30
    assert obtain(archive, "url", tmp_path).read_bytes() == content
    assert server.starts == [0, 2_000_000 if resumes else 0]
    assert obtain(archive, "", tmp_path).is_file()
    assert len(server.starts) == 2  # what is there is not fetched again
    (tmp_path / "a.zip").rename(tmp_path / "a.zip.part")
    assert download(archive, tmp_path).read_bytes() == content


def test_a_wrong_archive_is_refused_and_not_kept(server, tmp_path):
    archive = replace(served(server, "a.zip", b"content"), digest="0" * 64)
    with pytest.raises(InputError, match=r"is not what was published \(sha256 ed7002b439e9"):
        obtain(archive, "", tmp_path)
    assert not list(tmp_path.iterdir())
    (tmp_path / "a.zip").write_bytes(b"content")
    with pytest.raises(InputError, match="is not what was published"):
        obtain(archive, str(tmp_path), tmp_path / "out")
    assert (tmp_path / "a.zip").is_file()  # it is the user's
    with pytest.raises(InputError, match=r"b\.zip: is not there; it is at http"):
        obtain(replace(archive, name="b.zip"), str(tmp_path), tmp_path)


def test_a_server_that_cannot_be_reached(tmp_path):
    archive = Archive((tmp_path / "no.zip").as_uri(), "", "md5", "a.zip")
    with pytest.raises(InputError, match=r"cannot download file://.*--source"):
        obtain(archive, "", tmp_path)


def test_banks_are_written_as_they_come_and_mapped(tmp_path):
    clips = [("a", int16(voice(0.5))), ("ü", np.arange(3, dtype=np.int16))]
    write_bank(tmp_path / "x.safetensors", iter(clips))
    for bank in (map_bank(tmp_path / "x.safetensors"), read_bank(tmp_path / "x.safetensors")):
        assert bank.names == ("a", "ü")
        for number, (_, clip) in enumerate(clips):
            np.testing.assert_array_equal(bank.clip(number), clip)
    with pytest.raises(ValueError, match="read-only"):
        map_bank(tmp_path / "x.safetensors").samples[0] = 1
    (tmp_path / "y.safetensors").write_bytes(b"something else")
    for wrong in ("y.safetensors", "missing.safetensors"):
        with pytest.raises(InputError, match="fetch them again"):
            map_bank(tmp_path / wrong)


def libri(subset, speakers):
    """A tar file: ``LibriSpeech/SUBSET/SPEAKER/CHAPTER/SPEAKER-CHAPTER-NNNN.flac``, and texts."""
    files = {"LibriSpeech/SPEAKERS.TXT": b"; readers"}
    for speaker in speakers:
        folder = f"LibriSpeech/{subset}/{speaker}/12{speaker}"
        names = [f"{speaker}-12{speaker}-{number:04d}" for number in range(3)]
        for number, name in enumerate(names):
            wave = voice(0.8, 100 + speaker, number)
            files[f"{folder}/{name}.flac"] = sound(wave, 16_000, "FLAC")
        texts = "\n".join(f"{name} SOME WORDS" for name in names)
        files[f"{folder}/{speaker}-12{speaker}.trans.txt"] = texts.encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


@pytest.fixture
def readings(server, monkeypatch):
    """The three archives on a server."""
    archives = {}
    for number, subset in enumerate(librispeech.SUBSETS.values()):
        content = libri(subset, [10 * number + k for k in (1, 2)])
        archives[subset] = served(server, f"{subset}.tar.gz", content)
    monkeypatch.setattr(librispeech, "ARCHIVES", archives)
    return server


def test_librispeech_is_fetched_and_mixed(readings, monkeypatch, tmp_path):
    monkeypatch.setenv("SICORE_DATA", str(tmp_path))
    assert not LibriSpeech.available()
    place = LibriSpeech.fetch()
    assert sorted(path.name for path in place.iterdir()) == [
        f"{subset}.safetensors" for subset in ("dev-clean", "test-clean", "train-clean-100")
    ]
    assert LibriSpeech.available()
    count = len(readings.starts)
    assert LibriSpeech.fetch() == place
    assert len(readings.starts) == count
    speakers = []
    for split in librispeech.SUBSETS:
        data = LibriSpeech(split, frames=32)
        check_dataset(data)
        names = data.mixer.speech[0].names
        assert len(names) == 6
        speakers.append({name.split("-")[0] for name in names})
    assert speakers == [{"1", "2"}, {"11", "12"}, {"21", "22"}]
    np.testing.assert_allclose(data.mixer.speech[0].clip(0), int16(voice(0.8, 121, 0)), atol=1)


def test_librispeech_that_is_extracted_already(readings, tmp_path):
    for subset in librispeech.SUBSETS.values():
        with tarfile.open(fileobj=io.BytesIO(readings.files[f"/{subset}.tar.gz"])) as tar:
            tar.extractall(tmp_path, filter="data")
    place = LibriSpeech.fetch(tmp_path / "out", str(tmp_path))
    assert not readings.starts
    assert len(LibriSpeech("test", frames=32, folder=str(place)).mixer.speech[0]) == 6


def prepared_speech(place):
    for subset in librispeech.SUBSETS.values():
        Bank.of([int16(voice(1.5))], ["1-1-0000"]).save(place / f"{subset}.safetensors")
    return str(place)


def test_the_noises_of_librispeech(recordings, monkeypatch, tmp_path):
    """A folder's, the recipe's of the same split, or none but those that are made."""
    monkeypatch.setenv("SICORE_DATA", str(tmp_path))
    speech = prepared_speech(tmp_path / "libri")
    made = LibriSpeech("test", frames=32, folder=speech)
    assert len(made.mixer.noise) == 0
    check_dataset(made)
    (tmp_path / "mine" / "deep").mkdir(parents=True)
    soundfile.write(tmp_path / "mine" / "deep" / "fan.wav", voice(1.0), 8_000)
    mine = LibriSpeech("test", frames=32, folder=speech, noise=str(tmp_path / "mine"), snr=(5, 5))
    assert [name[-7:] for name in mine.mixer.noise.names] == ["fan.wav"]
    clean, noisy = mine.waveforms(0, 8_000)
    assert 10 * np.log10(np.mean(clean**2) / np.mean((noisy - clean) ** 2)) < 5.1
    with pytest.raises(InputError, match=r"data\.noise"):
        LibriSpeech("test", folder=speech, noise=str(tmp_path / "nowhere"))
    monkeypatch.setattr(librispeech, "find_recordings", lambda: recordings)
    names = LibriSpeech("test", frames=32, folder=speech).mixer.noise.names
    assert len(names) == 7
    assert "x/minepump03.ogg" in names


def test_what_is_not_there(tmp_path):
    for dataset in (LibriSpeech, VoiceBankDemand):
        with pytest.raises(InputError, match="get it with 'sicore data fetch speech/"):
            dataset(folder=str(tmp_path))
        with pytest.raises(InputError, match="unknown split 'dev'"):
            dataset("dev", folder=str(tmp_path))


SPEAKERS = {"train": ("p226", "p228", "p287", "p290"), "test": ("p232", "p257")}


def voicebank_zip(given, side, gain):
    """A zip file as Edinburgh DataShare has it: 48 kHz, with the leftovers of a Mac."""
    folder = voicebank.ARCHIVES[given, side].file.removesuffix(".zip")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number, speaker in enumerate(SPEAKERS[given]):
            for take in (1, 2):
                wave = np.repeat(voice(0.8, 100 + 9 * number, take), 3)
                name = f"{speaker}_{take:03d}.wav"
                archive.writestr(f"{folder}/{name}", sound(gain * wave, 48_000, "WAV"))
                archive.writestr(f"__MACOSX/{folder}/._{name}", b"odd")
    return packed.getvalue()


@pytest.fixture
def voices(server, monkeypatch):
    """The four archives on a server; the noisy recordings are the clean ones, softer by half."""
    archives = {
        (given, side): served(
            server, archive.file, voicebank_zip(given, side, 1 if side == "clean" else 0.5), "md5"
        )
        for (given, side), archive in voicebank.ARCHIVES.items()
    }
    monkeypatch.setattr(voicebank, "ARCHIVES", archives)
    return server


def test_voicebank_is_fetched_with_its_usual_splits(voices, monkeypatch, tmp_path):
    monkeypatch.setenv("SICORE_DATA", str(tmp_path))
    assert not VoiceBankDemand.available()
    place = VoiceBankDemand.fetch()
    assert len(list(place.iterdir())) == 6
    assert VoiceBankDemand.available()
    speakers = {}
    for split in ("train", "validation", "test"):
        data = VoiceBankDemand(split, frames=32)
        check_dataset(data)
        speakers[split] = {name[:4] for name in data.pairs.clean.names}
        clean, noisy = data.recording(0)
        assert len(clean) == 12_800
        np.testing.assert_allclose(noisy, clean / 2, atol=2e-4)
        clean, noisy = data.waveforms(1, 4_000)
        np.testing.assert_allclose(noisy, clean / 2, atol=2e-4)
    assert speakers == {
        "train": {"p228", "p290"},
        "validation": {"p226", "p287"},
        "test": {"p232", "p257"},
    }
    assert data.batch(torch.arange(2))[1]["x0"].shape[0] == 2


def test_voicebank_goes_on_after_an_interruption(voices, tmp_path):
    voices.limit = 1000
    with pytest.raises(InputError, match="bytes are missing"):
        VoiceBankDemand.fetch(tmp_path)
    voices.limit = 1 << 30
    place = VoiceBankDemand.fetch(tmp_path)
    assert voices.starts[:2] == [0, 1000]
    assert len(VoiceBankDemand("test", folder=str(place)).pairs.clean) == 4


def test_voicebank_that_is_extracted_already(voices, tmp_path):
    for archive in voicebank.ARCHIVES.values():
        with zipfile.ZipFile(io.BytesIO(voices.files[f"/{archive.file}"])) as packed:
            packed.extractall(tmp_path)
    place = VoiceBankDemand.fetch(tmp_path / "out", str(tmp_path))
    assert not voices.starts
    assert len(VoiceBankDemand(folder=str(place)).pairs.clean) == 4
    (tmp_path / "noisy_testset_wav" / "p232_001.wav").unlink()
    with pytest.raises(InputError, match=r"do not have the same files.*p232_001"):
        VoiceBankDemand.fetch(tmp_path / "again", str(tmp_path))
    assert not list((tmp_path / "again").glob("*"))


def test_the_archives_are_the_published_ones():
    assert {archive.algorithm for archive in voicebank.ARCHIVES.values()} == {"md5"}
    digests = [
        a.digest for table in (voicebank.ARCHIVES, librispeech.ARCHIVES) for a in table.values()
    ]
    assert len(set(digests)) == 7
    assert {len(digest) for digest in digests} == {32, 64}
