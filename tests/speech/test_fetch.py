import hashlib
import io
import sys
import tarfile
import zipfile

import numpy as np
import pytest
import soundfile

from sicore.errors import InputError, PluginError
from sicore_speech.data import fetch
from sicore_speech.data.bank import read_bank
from sicore_speech.data.packages import PACKAGES, Package
from sicore_speech.data.packed import debian_data, files_of
from sicore_speech.data.prepare import decode, prepare, thinned
from sicore_speech.data.recipe import SOURCES, Source

from .conftest import voice


def wav(wave, rate=16_000):
    file = io.BytesIO()
    soundfile.write(file, wave, rate, format="WAV")
    return file.getvalue()


def debian(path, files):
    """A Debian package with these files."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:xz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    members = {"debian-binary": b"2.0\n", "control.tar.xz": b"odd", "data.tar.xz": data.getvalue()}
    with path.open("wb") as file:
        file.write(b"!<arch>\n")
        for name, content in members.items():
            file.write(f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode())
            file.write(content + b"\n" * (len(content) % 2))
    return path


def zipped(files):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


SPEECH = Source("toy", "toy", "speech", ("*.wav",), "train", strict=True)


def test_files_of_a_debian_package(tmp_path):
    inner = zipped({"sound/b.wav": b"b", "sound/a.wav": b"a", "sound/player/c.wav": b"c"})
    package = debian(tmp_path / "toy_1_all.deb", {"./x/a.wav": b"1", "./x/0.pk3": inner})
    assert dict(files_of(package, SPEECH)) == {"./x/a.wav": b"1"}
    source = Source("toy", "toy", "noise", ("*.wav",), archive=".pk3", leave_out=("*/player/*",))
    assert list(files_of(package, source)) == [("sound/a.wav", b"a"), ("sound/b.wav", b"b")]


def test_files_of_a_wheel(tmp_path):
    path = tmp_path / "toy-0.1-py3-none-any.whl"
    path.write_bytes(zipped({"toy/a.wav": b"1", "toy/b.txt": b"2"}))
    assert dict(files_of(path, SPEECH)) == {"toy/a.wav": b"1"}


def test_what_is_no_package(tmp_path):
    path = tmp_path / "toy.deb"
    path.write_bytes(b"something else")
    with pytest.raises(InputError, match="is no Debian package"):
        debian_data(path)


def test_only_what_fits_is_prepared(tmp_path):
    wave = voice(1.0)
    package = debian(
        tmp_path / "toy_1_all.deb",
        {
            "a.wav": wav(np.repeat(wave, 2), 32_000),
            "b.wav": wav(voice(1.0, seed=3)),
            "copy.wav": wav(voice(1.0, seed=3)),
            "clipped.wav": wav(np.clip(10 * wave, -1, 1)),
            "hiss.wav": wav(wave + 0.05 * np.random.default_rng(0).standard_normal(len(wave))),
            "short.wav": wav(wave[:1000]),
            "silent.wav": wav(0 * wave),
            "text.wav": b"text",
        },
    )
    with pytest.warns(UserWarning, match=r"text\.wav: cannot be read as sound"):
        bank = prepare(package, SPEECH)
    assert bank.names == ("a.wav", "b.wav")
    assert abs(len(bank.clip(0)) - 16_000) < 2
    assert bank.samples.dtype == np.int16


def test_nothing_that_fits(tmp_path):
    package = debian(tmp_path / "toy_1_all.deb", {"a.wav": wav(np.zeros(16_000))})
    with pytest.raises(InputError, match="holds no recording that fits the source 'toy'"):
        prepare(package, SPEECH)


def test_g722(monkeypatch):
    av = pytest.importorskip("av")
    file = io.BytesIO()
    with av.open(file, "w", format="g722") as container:
        stream = container.add_stream("g722", rate=16_000)
        stream.layout = "mono"
        samples = np.round(voice(1.0) / 2 * 32767).astype(np.int16).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.rate = 16_000
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    wave = decode("a.g722", file.getvalue())
    assert abs(len(wave) - 16_000) < 400
    original = voice(1.0) / 2
    lag = 22  # samples: the delay of the codec's filters
    n = len(wave) - lag
    assert np.corrcoef(wave[lag:], original[:n])[0, 1] > 0.95
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(PluginError, match="needs PyAV"):
        decode("a.g722", file.getvalue())


def test_minutes_are_spread_over_the_files():
    clips = [(str(n), np.zeros(16_000, np.int16)) for n in range(120)]
    kept = [int(name) for name, _ in thinned(clips, 0.5)]
    assert len(kept) == 30
    assert set(np.diff(kept)) == {4}
    assert thinned(clips, 5) == clips


def test_every_source_has_its_package():
    assert {s.package for s in SOURCES} <= set(PACKAGES)
    assert all(name in package.url for name, package in PACKAGES.items())
    assert len({s.name for s in SOURCES}) == len(SOURCES)


def test_fetching_from_a_folder(tmp_path, monkeypatch):
    path = debian(tmp_path / "toy_1_all.deb", {"a.wav": wav(voice(1.0))})
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(fetch, "SOURCES", (SPEECH,))
    monkeypatch.setattr(fetch, "PACKAGES", {"toy": Package("toy", "x/toy_1_all.deb", digest)})
    target = fetch.fetch_recordings(tmp_path / "out", str(tmp_path))
    assert len(read_bank(target / "toy.safetensors")) == 1
    path.unlink()  # what is prepared is not fetched again
    assert fetch.fetch_recordings(tmp_path / "out", str(tmp_path)) == target


def test_a_wrong_package_is_refused(tmp_path):
    path = debian(tmp_path / "toy_1_all.deb", {"a.wav": b""})
    package = Package("toy", "x/toy_1_all.deb", "0" * 64)
    with pytest.raises(InputError, match="not the version that the recipe knows"):
        fetch.obtain(package, str(tmp_path), tmp_path)
    path.unlink()
    with pytest.raises(InputError, match=r"has no toy_1_all\.deb"):
        fetch.obtain(package, str(tmp_path), tmp_path)
    with pytest.raises(InputError, match="is not a folder"):
        fetch.obtain(package, str(tmp_path / "nowhere"), tmp_path)
