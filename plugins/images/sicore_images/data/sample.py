"""A small sample of Fashion-MNIST that ships with the package: no download."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

from sicore.errors import InputError
from sicore_images.data.fashion_mnist import CLASSES
from sicore_images.data.statistics import describe_pictures

SAMPLES = Path(__file__).parent.parent / "samples"
SPLITS = {"train": slice(0, 200), "validation": slice(200, 250), "test": slice(250, 300)}


class ClothesSample:
    """300 test pictures of Fashion-MNIST, 30 of each class: for trying things out.

    Args:
        split: ``train`` (200), ``validation`` (50) or ``test`` (50).

    Raises:
        InputError: for an unknown split.
    """

    title = "300 pictures from the test set of Fashion-MNIST"
    licence = "MIT, © 2017 Zalando SE"
    source = "ships with sicore-images; https://github.com/zalandoresearch/fashion-mnist"
    classes = CLASSES

    def __init__(self, split: str = "train") -> None:
        if split not in SPLITS:
            raise InputError(f"unknown split '{split}' of the sample; known: {', '.join(SPLITS)}")
        stored = load_file(SAMPLES / "clothes-300.safetensors")
        self.images = stored["images"][SPLITS[split]]
        self.labels = stored["labels"][SPLITS[split]].long()

    def __len__(self) -> int:
        """The number of pictures of the split."""
        return len(self.labels)

    def batch(self, indices: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Pictures ``(B, 1, 28, 28)`` uint8 and ``{"class": (B,) int64}``."""
        return self.images[indices], {"class": self.labels[indices]}

    def domain_config(self) -> dict[str, Any]:
        """The ``domain:`` section that fits these pictures."""
        return describe_pictures(self.images, CLASSES)

    @classmethod
    def available(cls) -> bool:
        """Always."""
        return True
