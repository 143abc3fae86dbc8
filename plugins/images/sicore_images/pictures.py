"""Picture files in and out: any file that Pillow reads becomes uint8 ``(C, H, W)``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from sicore.errors import InputError
from sicore.files import write_atomically

SUFFIXES = frozenset(
    {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)
_MODES = {1: "L", 3: "RGB"}


def read_picture(path: Path, channels: int, size: tuple[int, int] | None = None) -> np.ndarray:
    """A picture file as uint8 ``(channels, H, W)``: grey for 1 channel, colour for 3.

    The first frame of an animation is taken, the camera's orientation is applied, transparency
    lies on white, and 16-bit grey is scaled to 8 bits.

    Args:
        path: any file that Pillow reads.
        channels: 1 or 3.
        size: (height, width); the picture's middle is scaled and cut to it. None keeps its size.

    Raises:
        InputError: when the file is missing, or is no picture that can be read.
    """
    if channels not in _MODES:
        raise InputError(f"{path}: picture files have 1 or 3 channels, the model has {channels}")
    try:
        with Image.open(path) as file:
            picture = _plain(ImageOps.exif_transpose(file), _MODES[channels])
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except UnidentifiedImageError:
        raise InputError(f"{path}: not a picture that can be read (PNG, JPEG, …)") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: the picture cannot be read ({error})") from error
    if size is not None:
        picture = ImageOps.fit(picture, (size[1], size[0]), Image.Resampling.LANCZOS)
    array = np.array(picture, dtype=np.uint8)  # a copy: Pillow's own memory is read-only
    return np.ascontiguousarray(array[None] if channels == 1 else array.transpose(2, 0, 1))


def _plain(picture: Image.Image, mode: str) -> Image.Image:
    """Without depth beyond 8 bits, palette or transparency."""
    if picture.mode.startswith(("I", "F")):
        values = np.asarray(picture, dtype=np.float64)
        top = 65535 if values.max(initial=0) > 255 else 255
        picture = Image.fromarray((values / top * 255).clip(0, 255).round().astype(np.uint8))
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return picture.convert(mode)


def to_pillow(picture: np.ndarray) -> Image.Image:
    """``(C, H, W)``, uint8 or floats in [0, 1], as a Pillow picture; other C show channel 0."""
    if picture.dtype != np.uint8:
        picture = (np.nan_to_num(picture).clip(0, 1) * 255).round().astype(np.uint8)
    if picture.shape[0] == 3:
        return Image.fromarray(np.ascontiguousarray(picture.transpose(1, 2, 0)))
    return Image.fromarray(np.ascontiguousarray(picture[0]))


def write_picture(picture: Image.Image, path: Path) -> Path:
    """Write a PNG whole or not at all."""
    write_atomically(path, lambda scratch: picture.save(scratch, format="PNG", optimize=True))
    return path
