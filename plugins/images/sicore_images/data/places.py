"""Where Fashion-MNIST is looked for and fetched from. Light to import: no torch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

UPSTREAM = "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/"
MIRROR = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
DEBIAN_PACKAGE = "dataset-fashion-mnist"
DEBIAN_FOLDER = Path("usr/share/datasets/fashion-mnist")


@dataclass(frozen=True)
class IdxFile:
    """One file of the data set.

    Args:
        name: its name once unpacked; every source offers it as ``name.gz``.
        sha256: hash of the unpacked bytes, which do not depend on who compressed them.
    """

    name: str
    sha256: str


FILES = {
    "train images": IdxFile(
        "train-images-idx3-ubyte",
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    ),
    "train labels": IdxFile(
        "train-labels-idx1-ubyte",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    "test images": IdxFile(
        "t10k-images-idx3-ubyte",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
    "test labels": IdxFile(
        "t10k-labels-idx1-ubyte",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
}


def cache_folder() -> Path:
    """``$SICORE_DATA/fashion-mnist``, or ``~/.cache/sicore/fashion-mnist``."""
    root = os.environ.get("SICORE_DATA")
    base = Path(root).expanduser() if root else Path.home() / ".cache" / "sicore"
    return base / "fashion-mnist"


def find_fashion_mnist(folder: str | Path | None = None) -> Path | None:
    """The first place that has all four files, packed or not; ``folder`` alone when given."""
    if folder is not None:
        places = [Path(folder).expanduser(), Path(folder).expanduser() / "fashion-mnist"]
    else:
        places = [cache_folder(), Path("/") / DEBIAN_FOLDER]
    return next((place for place in places if _complete(place)), None)


def locate(folder: Path, name: str) -> Path | None:
    """The file ``name`` or ``name.gz`` in ``folder``."""
    return next((p for p in (folder / name, folder / f"{name}.gz") if p.is_file()), None)


def _complete(folder: Path) -> bool:
    return all(locate(folder, file.name) for file in FILES.values())
