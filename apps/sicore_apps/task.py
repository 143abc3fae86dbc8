"""A restoration in the words of the command line. Light to import: no torch."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Task:
    """What ``sicore restore`` is asked to do; the defaults here are the command's.

    Args:
        model: name or folder.
        input: the picture file.
        operator: what happened to the picture: ``inpaint``, ``blur`` or ``superres``.
        mask: of ``inpaint``: where the hole is.
        sigma: of ``blur``: standard deviation in pixels.
        factor: of ``superres``: how many times smaller.
        noise: standard deviation of the measurement's noise, on the scale [0, 1] from black to
            white.
        degrade: the input is a clean picture, to be degraded first.
        resize: scale and cut an input of another size.
        samples: posterior samples to draw.
        method: how the measurement guides the sampler.
        solver: by name; the model's when None.
        steps: of the solver; the model's when None.
        epsilon: of an SDE solver: how much noise is stirred in, in units of the path's own.
        label: the class of the picture, name or number; None when it is not known.
        seed: of the samples, and of the noise that is added when degrading.
    """

    model: str
    input: Path
    operator: str
    mask: str = "center"
    sigma: float = 1.5
    factor: int = 4
    noise: float = 0.01
    degrade: bool = False
    resize: bool = False
    samples: int = 16
    method: str = "mmps"
    solver: str | None = None
    steps: int | None = None
    epsilon: float | None = None
    label: str | None = None
    seed: int = 0

    def command(self, output: Path | str) -> str:
        """The command line that does this task; options at their defaults are left out."""
        words = ["sicore", "restore", self.model]
        for option in fields(self)[1:]:
            value = getattr(self, option.name)
            if value == option.default:
                continue
            flag = "--class" if option.name == "label" else f"--{option.name}"
            words += [flag] if value is True else [flag, str(value)]
        return shlex.join([*words, "-o", str(output)])


def default(name: str) -> Any:
    """The default of an option."""
    return next(option.default for option in fields(Task) if option.name == name)
