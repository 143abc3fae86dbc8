"""What an adapter gives: named methods that run a field from its start to the data."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from problems import Field
    from torch import Tensor

LINEAR, VP, VE = "linear", "vp", "ve"
ANY = frozenset((LINEAR, VP, VE))
DIFFUSION = frozenset((VP, VE))

Run = Callable[["Field", "Tensor", int], "Tensor"]


@dataclass(frozen=True)
class Method:
    """One sampler of one library, with its grid.

    Args:
        name: what a reader calls it.
        library: whose it is.
        run: from the field, the states at t = 0 and a number to the states at the end. The number
            is that of the steps as the library counts them; for an adaptive method it is the
            exponent k of the tolerance ``10^(−k/2)``.
        kind: ``"ode"`` or ``"sde"``.
        paths: those it is made for.
        adaptive: whether the number is a tolerance, and the library chooses the steps.
        least: the smallest number of steps that it takes.
    """

    name: str
    library: str
    run: Run
    kind: str = "ode"
    paths: frozenset[str] = ANY
    adaptive: bool = False
    least: int = 1

    def cost(self, field: Field, x: Tensor, steps: int) -> int:
        """Network calls of so many steps, counted from outside on two of the states."""
        counted = field.fresh()
        self.run(counted, x[:2], steps)
        return counted.calls


def karras(low: float, high: float, n: int) -> Tensor:
    """``n`` noise levels from high to low, equal steps in ``σ^(1/7)``."""
    import torch

    ends = torch.tensor([high, low], dtype=torch.float64) ** (1 / 7)
    return torch.lerp(ends[0], ends[1], torch.linspace(0, 1, n, dtype=torch.float64)) ** 7


@contextlib.contextmanager
def stubbed(*names: str) -> Iterator[None]:
    """Empty modules in the place of packages that a library imports and does not use here.

    Only while it is imported, and only those that are not installed: torchvision has no build for
    every build of torch.
    """
    made = [name for name in names if name.split(".")[0] not in sys.modules and not _found(name)]
    for name in made:
        sys.modules[name] = _Stub(name)
    for name in made:
        parent, _, child = name.rpartition(".")
        if parent in sys.modules:
            setattr(sys.modules[parent], child, sys.modules[name])
    try:
        yield
    finally:
        for name in made:
            del sys.modules[name]


class _Stub(types.ModuleType):
    """A module in which every public name is an empty class."""

    __path__ = ()  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def _found(name: str) -> bool:
    return importlib.util.find_spec(name.split(".")[0]) is not None


def bare_package(name: str) -> None:
    """Make a package importable by its modules, without running its ``__init__``."""
    if name in sys.modules:
        return
    spec = importlib.util.find_spec(name)
    if spec is None or spec.submodule_search_locations is None:
        raise ModuleNotFoundError(f"No module named '{name}'")
    package = types.ModuleType(name)
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules[name] = package
