"""The user's own pictures: a folder, with or without sub-folders as classes."""

from __future__ import annotations

import hashlib
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sicore.errors import InputError
from sicore_images.data.statistics import describe_pictures
from sicore_images.pictures import SUFFIXES, read_picture

# Hundredths of the file names' hash: 90 % train, 5 % validation, 5 % test.
SPLITS = {"train": (0, 90), "validation": (90, 95), "test": (95, 100)}


class ImageFolder:
    """Pictures of any size, scaled and cut to a square, in memory as uint8.

    A picture's class is its top-level sub-folder; pictures directly in the folder have none (−1).
    Which split a picture belongs to is decided by its name alone, so that it never changes when
    pictures are added. Files that cannot be read are named in a warning and left out.

    Args:
        folder: where the pictures are, searched with all its sub-folders.
        size: side of the square in pixels.
        colour: three channels, else one.
        split: ``train`` (about 90 %), ``validation`` or ``test`` (about 5 % each).

    Raises:
        InputError: when the folder is missing, holds no picture, or none in this split.
    """

    title = "Your own pictures"
    licence = "yours"
    source = "data.folder=PATH"

    def __init__(
        self, folder: str = "", size: int = 32, colour: bool = True, split: str = "train"
    ) -> None:
        if not folder:
            raise InputError("the data set images/folder needs your pictures: data.folder=PATH")
        if split not in SPLITS:
            raise InputError(f"unknown split '{split}' of a folder; known: {', '.join(SPLITS)}")
        root = Path(folder).expanduser()
        if not root.is_dir():
            raise InputError(f"{root}: no such folder of pictures")
        paths = sorted(
            path
            for path in root.rglob("*")
            if path.suffix.lower() in SUFFIXES and path.is_file() and path.name[0] != "."
        )
        if not paths:
            raise InputError(f"{root}: no picture found ({', '.join(sorted(SUFFIXES))})")
        self.channels, self.size = (3 if colour else 1), size
        names = [path.relative_to(root) for path in paths]
        self.classes = tuple(sorted({n.parts[0] for n in names if len(n.parts) > 1}))
        low, high = SPLITS[split]
        mine = [i for i, name in enumerate(names) if low <= _hundredth(name) < high]
        with ThreadPoolExecutor() as pool:
            read = list(pool.map(self._read, [paths[i] for i in mine]))
        kept = [(i, picture) for i, picture in zip(mine, read, strict=True) if picture is not None]
        if not kept:
            raise InputError(
                f"{root}: no readable picture in the split '{split}', {len(paths)} files"
            )
        code = {name: number for number, name in enumerate(self.classes)}
        labels = [code[names[i].parts[0]] if len(names[i].parts) > 1 else -1 for i, _ in kept]
        self.images = torch.from_numpy(np.stack([picture for _, picture in kept]))
        self.labels = torch.tensor(labels)

    def _read(self, path: Path) -> np.ndarray | None:
        try:
            return read_picture(path, self.channels, (self.size, self.size))
        except InputError as error:
            warnings.warn(f"left out: {error}", stacklevel=2)
            return None

    def __len__(self) -> int:
        """The number of pictures of the split."""
        return len(self.labels)

    def batch(self, indices: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Pictures ``(B, C, size, size)`` uint8 and their classes, when there are any."""
        condition = {"class": self.labels[indices]} if self.classes else {}
        return self.images[indices], condition

    def domain_config(self) -> dict[str, Any]:
        """The ``domain:`` section that fits these pictures."""
        return describe_pictures(self.images, self.classes)

    @classmethod
    def available(cls) -> bool:
        """Not before the user names a folder."""
        return False


def _hundredth(name: Path) -> int:
    return int.from_bytes(hashlib.sha256(name.as_posix().encode()).digest()[:8], "big") % 100
