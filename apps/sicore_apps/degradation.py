"""From the command line's words to a measurement operator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sicore.errors import InputError, UnknownName
from sicore.inverse import Operator
from sicore.plugins import get_registry
from sicore.states import Noise
from sicore_apps.task import Task
from sicore_images.domain import Images
from sicore_images.pictures import read_picture

Size = tuple[int, int]


def make_operator(task: Task, size: Size) -> Operator:
    """The operator that turned a picture of ``size`` (height, width) into the measured one.

    Raises:
        InputError: when its parameters do not fit the size.
    """
    if task.operator not in _MAKERS:
        raise UnknownName("operator of restore", task.operator, _MAKERS)
    return _MAKERS[task.operator](get_registry().resolve("operator", task.operator), task, size)


def noise_std(task: Task, domain: Images) -> float:
    """The task's noise in units of the domain's states."""
    return task.noise / (sum(domain.std) / len(domain.std))


def seen(task: Task, operator: Operator, y: Tensor) -> Tensor:
    """Measurements without what lies in a hole, whatever a file or noise has put there."""
    return operator(y) if task.operator == "inpaint" else y


def degrade(task: Task, operator: Operator, x: Tensor, std: float) -> Tensor:
    """``A x`` plus noise of deviation ``std``, which depends on the task's seed alone."""
    y = operator(x)
    noise = Noise.of(task.seed, len(y)).named("measurement").normal(y.shape[1:], y.dtype)
    return seen(task, operator, y + std * noise)


def measured_size(operator: Operator, size: Size) -> Size:
    """Height and width of what the operator makes of a picture of ``size``."""
    height, width = operator(torch.zeros(1, 1, *size)).shape[-2:]
    return height, width


def hole(mask: str, size: Size) -> Tensor:
    """The missing part, True where nothing was seen, bool (height, width).

    Args:
        mask: ``center`` (the middle, half as high and wide), ``box:top,left,height,width`` in
            pixels, or a picture file of the same size, white where the hole is.
        size: (height, width).

    Raises:
        InputError: when it does not fit, or nothing or everything is missing.
    """
    if mask == "center":
        missing = _box((size[0] // 4, size[1] // 4, size[0] // 2, size[1] // 2), mask, size)
    elif mask.startswith("box:"):
        missing = _box(_numbers(mask), mask, size)
    else:
        missing = _from_file(Path(mask), size)
    if not missing.any() or missing.all():
        share = "nothing" if not missing.any() else "everything"
        raise InputError(f"--mask {mask}: {share} is missing; white marks the hole")
    return missing


def _numbers(mask: str) -> tuple[int, int, int, int]:
    try:
        top, left, height, width = (int(part) for part in mask.removeprefix("box:").split(","))
    except ValueError:
        raise InputError(
            f"--mask {mask}: expected box:top,left,height,width in pixels, e.g. box:7,7,14,14"
        ) from None
    return top, left, height, width


def _box(box: tuple[int, int, int, int], mask: str, size: Size) -> Tensor:
    top, left, height, width = box
    inside = min(top, left) >= 0 and top + height <= size[0] and left + width <= size[1]
    if not inside or min(height, width) < 1:
        raise InputError(
            f"--mask {mask}: the box does not lie in the picture of {size[0]}×{size[1]} pixels "
            "(height × width)"
        )
    missing = torch.zeros(size, dtype=torch.bool)
    missing[top : top + height, left : left + width] = True
    return missing


def _from_file(path: Path, size: Size) -> Tensor:
    if not path.exists():
        raise InputError(
            f"--mask {path}: no such file; expected center, box:top,left,height,width or a picture "
            "that is white where the hole is"
        )
    picture = read_picture(path, 1)[0]
    if picture.shape != size:
        raise InputError(
            f"{path}: the mask has {picture.shape[0]}×{picture.shape[1]} pixels "
            f"(height × width), the picture {size[0]}×{size[1]}"
        )
    return torch.from_numpy(np.ascontiguousarray(picture >= 128))


def _inpaint(make: Callable[..., Operator], task: Task, size: Size) -> Operator:
    return make(mask=~hole(task.mask, size))


def _blur(make: Callable[..., Operator], task: Task, size: Size) -> Operator:
    return make(sigma=task.sigma)


def _superres(make: Callable[..., Operator], task: Task, size: Size) -> Operator:
    if task.factor < 2 or size[0] % task.factor or size[1] % task.factor:
        raise InputError(
            f"--factor {task.factor}: must be at least 2 and divide the model's {size[0]}×{size[1]}"
        )
    return make(factor=task.factor)


_MAKERS: dict[str, Callable[[Callable[..., Operator], Task, Size], Operator]] = {
    "inpaint": _inpaint,
    "blur": _blur,
    "superres": _superres,
}
