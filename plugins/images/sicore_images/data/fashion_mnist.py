"""Fashion-MNIST: 70,000 grey pictures of clothes, 28×28, in 10 classes.

Source: Xiao, Rasul and Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine
learning algorithms", 2017.
"""

from __future__ import annotations

import gzip
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sicore.errors import InputError
from sicore_images.data.fetch import fetch_fashion_mnist
from sicore_images.data.places import FILES, cache_folder, find_fashion_mnist, locate
from sicore_images.data.statistics import describe_pictures

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
SPLITS = {
    "train": ("train", slice(0, 55_000)),
    "validation": ("train", slice(55_000, 60_000)),
    "test": ("test", slice(0, 10_000)),
}


class FashionMNIST:
    """The pictures in memory, as uint8.

    Args:
        split: ``train`` (55,000), ``validation`` (the last 5,000 of the original training set) or
            ``test`` (10,000).
        folder: where the four files are; by default ``$SICORE_DATA/fashion-mnist``,
            ``~/.cache/sicore/fashion-mnist`` and the folder of Debian's package are tried.

    Raises:
        InputError: for an unknown split, or when the files are nowhere; says how to get them.
    """

    title = "Fashion-MNIST: 70,000 grey pictures of clothes, 28×28, 10 classes"
    licence = "MIT, © 2017 Zalando SE"
    source = "https://github.com/zalandoresearch/fashion-mnist"
    classes = CLASSES

    def __init__(self, split: str = "train", folder: str | None = None) -> None:
        if split not in SPLITS:
            raise InputError(
                f"unknown split '{split}' of Fashion-MNIST; known: {', '.join(SPLITS)}"
            )
        place = find_fashion_mnist(folder)
        if place is None:
            where = folder or f"{cache_folder()} or the folder of Debian's package"
            raise InputError(
                f"Fashion-MNIST is not in {where}; get it in one of three ways: "
                "'sicore data fetch images/fashion-mnist' (30 MB from its authors), the same with "
                "'--source debian' (Debian's package), or '--source FOLDER' (files you have)"
            )
        part, rows = SPLITS[split]
        self.split = split
        self.images = _read(place, f"{part} images", 3)[rows].unsqueeze(1)
        self.labels = _read(place, f"{part} labels", 1)[rows].long()

    def __len__(self) -> int:
        """The number of pictures of the split."""
        return len(self.labels)

    def batch(self, indices: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Pictures ``(B, 1, 28, 28)`` uint8 and ``{"class": (B,) int64}``."""
        return self.images[indices], {"class": self.labels[indices]}

    def domain_config(self) -> dict[str, Any]:
        """The ``domain:`` section that fits these pictures; mean and deviation of this split."""
        return describe_pictures(self.images, CLASSES)

    @classmethod
    def available(cls) -> bool:
        """Whether the files are on this machine."""
        return find_fashion_mnist() is not None

    @classmethod
    def fetch(cls, folder: Path | None = None, source: str = "url") -> Path:
        """Put the four verified files into ``folder``, by default the cache; see ``data.fetch``."""
        return fetch_fashion_mnist(folder or cache_folder(), source)


def _read(folder: Path, key: str, dimensions: int) -> Tensor:
    """An IDX file of bytes: magic 0 0 8 n, n big-endian sizes, then the values."""
    path = locate(folder, FILES[key].name)
    assert path is not None
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError) as error:
        raise InputError(f"{path}: cannot be read ({error}); fetch Fashion-MNIST again") from error
    header = 4 + 4 * dimensions
    whole = len(raw) >= header and raw[:4] == bytes((0, 0, 8, dimensions))
    shape = [int(n) for n in np.frombuffer(raw[4:header], ">u4")] if whole else []
    if not whole or len(raw) != header + math.prod(shape):
        raise InputError(f"{path}: not a whole IDX file; delete it and fetch Fashion-MNIST again")
    return torch.frombuffer(bytearray(raw), dtype=torch.uint8, offset=header).reshape(shape)
