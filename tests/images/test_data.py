import gzip
import hashlib
import subprocess
import urllib.request
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from sicore.errors import InputError
from sicore_images.data import fetch, places
from sicore_images.data.fashion_mnist import FashionMNIST
from sicore_images.data.folder import ImageFolder
from sicore_images.data.places import IdxFile
from sicore_images.data.sample import ClothesSample
from sicore_images.data.statistics import channel_statistics


def idx(array):
    head = bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes()
    return head + array.astype(np.uint8).tobytes()


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A Fashion-MNIST of the real numbers of pictures, 1×1 pixel each, with its own hashes."""
    source = tmp_path / "source"
    source.mkdir()
    files = {}
    for part, n in (("train", 60_000), ("test", 10_000)):
        pixels = (np.arange(n) % 251).reshape(n, 1, 1)
        for kind, array in (("images", pixels), ("labels", np.arange(n) % 10)):
            name = places.FILES[f"{part} {kind}"].name
            content = idx(array)
            (source / f"{name}.gz").write_bytes(gzip.compress(content, 1))
            files[f"{part} {kind}"] = IdxFile(name, hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(places, "FILES", files)
    monkeypatch.setattr(fetch, "FILES", files)
    monkeypatch.setattr(places, "DEBIAN_FOLDER", tmp_path.relative_to("/") / "nowhere")
    monkeypatch.setenv("SICORE_DATA", str(tmp_path / "cache"))
    return source


def test_fetch_from_a_folder_then_load_every_split(tiny, tmp_path):
    assert not FashionMNIST.available()
    place = FashionMNIST.fetch(None, str(tiny))
    assert place == tmp_path / "cache" / "fashion-mnist"
    assert FashionMNIST.available()
    assert sorted(p.name for p in place.iterdir()) == sorted(f.name for f in places.FILES.values())
    train, validation, test = (FashionMNIST(s) for s in ("train", "validation", "test"))
    assert (len(train), len(validation), len(test)) == (55_000, 5_000, 10_000)
    pictures, condition = validation.batch(torch.tensor([0, 4_999]))
    assert pictures.flatten().tolist() == [55_000 % 251, 59_999 % 251]
    assert pictures.shape == (2, 1, 1, 1)
    assert pictures.dtype == torch.uint8
    assert condition["class"].tolist() == [0, 9]
    assert condition["class"].dtype == torch.int64


def test_packed_files_are_read_where_they_are(tiny):
    assert len(FashionMNIST("test", folder=str(tiny))) == 10_000


def test_mean_and_deviation_are_those_of_the_split(tiny):
    config = FashionMNIST("train", folder=str(tiny)).domain_config()
    values = (np.arange(55_000) % 251) / 255
    assert config["mean"] == pytest.approx([values.mean()], abs=1e-5)
    assert config["std"] == pytest.approx([values.std()], abs=1e-5)
    assert config["shape"] == [1, 1, 1]
    assert len(config["classes"]) == 10


def test_wrong_content_is_never_kept(tiny, tmp_path):
    path = tiny / f"{places.FILES['test labels'].name}.gz"
    path.write_bytes(gzip.compress(b"something else"))
    with pytest.raises(InputError, match=r"t10k-labels.*wrong content"):
        fetch.fetch_fashion_mnist(tmp_path / "out", str(tiny))
    left = [p.name for p in (tmp_path / "out").iterdir()]
    assert places.FILES["test labels"].name not in left
    assert not [name for name in left if name.startswith("tmp")]


def test_a_damaged_archive_and_an_incomplete_folder(tiny, tmp_path):
    path = tiny / f"{places.FILES['train images'].name}.gz"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(InputError, match="damaged"):
        fetch.fetch_fashion_mnist(tmp_path / "out", str(tiny))
    path.unlink()
    with pytest.raises(InputError, match="has neither"):
        fetch.fetch_fashion_mnist(tmp_path / "out", str(tiny))
    with pytest.raises(InputError, match=r"'url'.*'debian'.*folder"):
        fetch.fetch_fashion_mnist(tmp_path / "out", "nosuchplace")


def test_download_tries_the_second_address_and_fetches_only_what_is_missing(
    tiny, tmp_path, monkeypatch
):
    asked = []

    class Answer:
        def __init__(self, content):
            self.content, self.headers = content, {"Content-Length": str(len(content))}

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

        def read(self, size):
            part, self.content = self.content[:size], self.content[size:]
            return part

    def urlopen(url, timeout):
        asked.append(url)
        if url.startswith(places.UPSTREAM):
            raise OSError("down")
        return Answer((tiny / url.rsplit("/", 1)[-1]).read_bytes())

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    place = fetch.fetch_fashion_mnist(tmp_path / "out")
    assert len(asked) == 8
    (place / places.FILES["test labels"].name).write_bytes(b"broken")
    fetch.fetch_fashion_mnist(tmp_path / "out", "url")
    assert len(asked) == 10
    monkeypatch.setattr(
        urllib.request, "urlopen", lambda *a, **k: (_ for _ in ()).throw(OSError("off"))
    )
    with pytest.raises(InputError, match=r"cannot download .*off.*debian"):
        fetch.fetch_fashion_mnist(tmp_path / "other")


def test_debian_package(tiny, tmp_path, monkeypatch):
    def run(command, cwd, **options):
        if command[0] == "apt-get":
            assert command[1:] == ["download", "dataset-fashion-mnist"]
            (cwd / "dataset.deb").touch()
        else:
            target = cwd / "unpacked" / fetch.DEBIAN_FOLDER
            target.mkdir(parents=True)
            for path in tiny.iterdir():
                (target / path.name).write_bytes(path.read_bytes())
        return SimpleNamespace()

    monkeypatch.setattr(fetch.subprocess, "run", run)
    place = fetch.fetch_fashion_mnist(tmp_path / "out", "debian")
    assert len(FashionMNIST("test", folder=str(place))) == 10_000

    def fail(command, **options):
        raise subprocess.CalledProcessError(100, command, stderr=b"E: Unable to locate package")

    monkeypatch.setattr(fetch.subprocess, "run", fail)
    with pytest.raises(InputError, match="Unable to locate"):
        fetch.fetch_fashion_mnist(tmp_path / "other", "debian")


def test_missing_data_says_the_three_ways(tiny):
    with pytest.raises(InputError, match=r"data fetch.*--source debian.*--source FOLDER"):
        FashionMNIST()


def test_a_file_that_is_no_idx(tiny, tmp_path):
    place = fetch.fetch_fashion_mnist(tmp_path / "out", str(tiny))
    (place / places.FILES["test images"].name).write_bytes(b"\0\0\x08\x03 short")
    with pytest.raises(InputError, match="not a whole IDX file"):
        FashionMNIST("test", folder=str(place))


@pytest.mark.parametrize("dataset", [FashionMNIST, ClothesSample])
def test_unknown_split(dataset):
    with pytest.raises(InputError, match="unknown split 'tests'"):
        dataset("tests")


def test_sample_has_every_class_and_disjoint_splits():
    parts = [ClothesSample(s) for s in ("train", "validation", "test")]
    assert [len(p) for p in parts] == [200, 50, 50]
    everything = torch.cat([p.images.flatten(1) for p in parts])
    assert len(everything.unique(dim=0)) == 300
    assert set(parts[0].labels.tolist()) == set(range(10))


def test_statistics_by_counting():
    pictures = torch.randint(0, 256, (7, 3, 5, 4), dtype=torch.uint8)
    mean, std = channel_statistics(pictures)
    scaled = pictures.double() / 255
    assert mean == pytest.approx(scaled.mean((0, 2, 3)).tolist(), abs=1e-6)
    assert std == pytest.approx(scaled.std((0, 2, 3), correction=0).tolist(), abs=1e-6)
    assert channel_statistics(torch.zeros(2, 1, 3, 3, dtype=torch.uint8))[1][0] > 0


@pytest.fixture
def album(tmp_path):
    """60 colour pictures in two classes, of several sizes and kinds, and some rubbish."""
    generator = np.random.default_rng(0)
    for number in range(60):
        folder = tmp_path / "album" / ("cats", "dogs")[number % 2] / f"deep{number % 3}"
        folder.mkdir(parents=True, exist_ok=True)
        size = generator.integers(20, 90, 2)
        colour = (250, 10, 10) if number % 2 else (10, 10, 250)
        suffix = ("png", "JPG")[number % 4 // 2]
        Image.new("RGB", (int(size[0]), int(size[1])), colour).save(folder / f"{number}.{suffix}")
    (tmp_path / "album" / "notes.txt").write_text("not a picture")
    (tmp_path / "album" / ".hidden.png").write_bytes(b"rubbish")
    return tmp_path / "album"


def test_folder_with_classes(album):
    parts = {s: ImageFolder(str(album), size=16, split=s) for s in ("train", "validation", "test")}
    assert sum(len(p) for p in parts.values()) == 60
    assert len(parts["train"]) > 45
    data = parts["train"]
    pictures, condition = data.batch(torch.arange(len(data)))
    assert pictures.shape[1:] == (3, 16, 16)
    assert data.classes == ("cats", "dogs")
    red = pictures[:, 0].float().mean((1, 2)) > 128
    assert torch.equal(red, condition["class"] == 1)  # every dog is red, whatever its file
    config = data.domain_config()
    assert config["shape"] == [3, 16, 16]
    assert config["classes"] == ["cats", "dogs"]
    assert len(config["mean"]) == 3


def test_split_does_not_change_when_pictures_are_added(album):
    before = len(ImageFolder(str(album), split="validation"))
    held = ImageFolder(str(album), size=8, split="validation").images
    for number in range(20):
        Image.new("RGB", (9, 9)).save(album / "cats" / f"zz{number}.png")
    after = ImageFolder(str(album), size=8, split="validation")
    assert len(after) >= before
    flat = {bytes(p.numpy()) for p in after.images}
    assert {bytes(p.numpy()) for p in held} <= flat


def test_folder_without_classes_in_grey(tmp_path):
    for number in range(20):
        Image.new("RGB", (30, 20), (0, 200, 0)).save(tmp_path / f"{number}.png")
    data = ImageFolder(str(tmp_path), size=8, colour=False)
    pictures, condition = data.batch(torch.tensor([0]))
    assert pictures.shape == (1, 1, 8, 8)
    assert condition == {}
    assert data.domain_config()["classes"] == []


def test_pictures_beside_class_folders_have_no_class(album):
    for number in range(10):
        Image.new("RGB", (9, 9)).save(album / f"loose{number}.png")
    assert -1 in ImageFolder(str(album)).labels.tolist()


def test_unreadable_files_are_named_and_left_out(album):
    (album / "cats" / "broken.png").write_bytes(b"rubbish")
    whole = len(ImageFolder(str(album), split="train"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        total = sum(len(ImageFolder(str(album), split=s)) for s in ("train", "validation", "test"))
    assert total == 60
    assert whole > 40
    assert [w for w in caught if "broken.png" in str(w.message)]
    assert not [w for w in caught if "hidden" in str(w.message)]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: ImageFolder(), "data.folder=PATH"),
        (lambda path: ImageFolder(str(path / "none")), "no such folder"),
        (lambda path: ImageFolder(str(path)), "no picture found"),
        (lambda path: ImageFolder(str(path), split="all"), "unknown split"),
    ],
)
def test_folders_that_cannot_be_used(make, message, tmp_path):
    with pytest.raises(InputError, match=message):
        make(tmp_path)


def test_home_is_understood(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "pics").mkdir()
    for number in range(5):
        Image.new("L", (9, 9)).save(tmp_path / "pics" / f"{number}.png")
    assert len(ImageFolder("~/pics")) > 0
