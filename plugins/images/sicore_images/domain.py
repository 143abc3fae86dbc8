"""Pictures as a domain: 8-bit or [0, 1] pictures outside, standardised tensors inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.hub import Categorical, Domain
from sicore.states import State, TensorSpace
from sicore_images.pictures import SUFFIXES, read_picture, to_pillow, write_picture
from sicore_images.rendering import contact_sheet

if TYPE_CHECKING:
    from sicore.hub.model import Model


class Images(Domain):
    """States are float ``(B, C, H, W)`` with mean 0 and variance 1: ``x = (picture − mean) / std``.

    Args:
        shape: (channels, height, width).
        mean: of each channel, on the scale [0, 1].
        std: standard deviation of each channel, on the scale [0, 1].
        classes: their names; none for pictures without classes.

    Raises:
        InputError: when the parts do not fit each other.
    """

    name: ClassVar[str] = "images"
    suffixes: ClassVar[frozenset[str]] = SUFFIXES

    def __init__(
        self,
        shape: tuple[int, int, int],
        mean: Sequence[float],
        std: Sequence[float],
        classes: Sequence[str] = (),
    ) -> None:
        if len(shape) != 3 or min(shape) < 1:
            raise InputError(f"domain.shape: expected (channels, height, width), got {shape}")
        if len(mean) != shape[0] or len(std) != shape[0] or min(std) <= 0:
            raise InputError(
                f"domain.mean and domain.std: expected {shape[0]} numbers each, the deviations "
                f"positive, got {list(mean)} and {list(std)}"
            )
        self.shape = (shape[0], shape[1], shape[2])
        self.space = TensorSpace(self.shape)
        self.mean, self.std = tuple(mean), tuple(std)
        self.conditions: Mapping[str, Categorical] = (
            {"class": Categorical(len(classes), tuple(classes))} if classes else {}
        )

    def encode(self, items: Any) -> Tensor:
        """Pictures ``(B, C, H, W)``, uint8 or floats in [0, 1], any size, to float32 states."""
        pictures = torch.as_tensor(items)
        if pictures.ndim != 4 or pictures.shape[1] != self.shape[0]:
            raise InputError(
                f"pictures: expected shape (B, {self.shape[0]}, H, W), got {tuple(pictures.shape)}"
            )
        scaled = pictures.float() / 255 if pictures.dtype == torch.uint8 else pictures.float()
        mean, std = self._moments(scaled)
        return (scaled - mean) / std

    def decode(self, x: State) -> Tensor:
        """States to pictures: floats in [0, 1], clipped, ``(B, C, H, W)``."""
        assert isinstance(x, Tensor)
        mean, std = self._moments(x)
        return (x * std + mean).clamp(0, 1)

    def _moments(self, like: Tensor) -> tuple[Tensor, Tensor]:
        mean, std = (like.new_tensor(v).reshape(-1, 1, 1) for v in (self.mean, self.std))
        return mean, std

    def read(self, path: Path, size: tuple[int, int] | None = None, resize: bool = False) -> Tensor:
        """A picture file as uint8 ``(1, C, H, W)``, in the model's channels.

        Args:
            path: PNG, JPEG, … any file that Pillow reads.
            size: (height, width) that it must have; by default the model's.
            resize: scale and cut a picture of another size, where it would be refused.

        Raises:
            InputError: when it cannot be read, or has another size.
        """
        want = size or self.shape[1:]
        picture = read_picture(Path(path), self.shape[0], (want[0], want[1]) if resize else None)
        got = picture.shape[1:]
        if got != tuple(want):
            raise InputError(
                f"{path}: the picture has {got[0]}×{got[1]} pixels (height × width), expected "
                f"{want[0]}×{want[1]}: scale it, or add --resize"
            )
        return torch.from_numpy(picture).unsqueeze(0)

    def save(self, decoded: Any, folder: Path, *, stem: str = "sample") -> list[Path]:
        """One PNG for each picture, ``stem-0000.png`` …, and a contact sheet of all of them."""
        pictures = as_pictures(decoded)
        folder = Path(folder)
        paths = [
            write_picture(to_pillow(picture), folder / f"{stem}-{number:04d}.png")
            for number, picture in enumerate(pictures)
        ]
        return [*paths, write_picture(contact_sheet(pictures), folder / f"{stem}s.png")]

    def likelihood(self, model: Model, *, n: int, seed: int = 0, **options: Any) -> dict[str, Any]:
        """Bits per dimension of n test pictures; see ``sicore_images.likelihood``."""
        from sicore_images.likelihood import evaluate_likelihood

        return evaluate_likelihood(model, n=n, seed=seed, **options)

    def evaluate(self, model: Model, *, n: int, seed: int = 0, **options: Any) -> dict[str, Any]:
        """Distances between the model's pictures and real ones; see ``sicore_images.metrics``."""
        from sicore_images.metrics import evaluate

        return evaluate(model, n=n, seed=seed, **options)


def as_pictures(decoded: Any) -> np.ndarray:
    """A batch of pictures, tensor or array, as an array ``(B, C, H, W)``."""
    array = decoded.detach().cpu().float().numpy() if isinstance(decoded, Tensor) else decoded
    return np.asarray(array)
