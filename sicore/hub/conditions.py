"""What samples can be asked for: choices, numbers and arrays, and how they become tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import torch
from torch import Tensor

from sicore.errors import InputError, UnknownName

ConditionLike = Mapping[str, "float | str | Sequence[float | str] | Tensor"] | None
FAR = 2.0
"""Standard deviations: a number that lies further off is rare in the data."""
ConditionKind: TypeAlias = "Categorical | Scalar | Array"


@dataclass(frozen=True)
class Categorical:
    """A condition that is one of ``size`` values, named or numbered.

    Args:
        size: how many values there are; they are coded 0 … size − 1, and −1 means "not given".
        names: a name for each, or empty.
        seen: whether networks are given it; if not, it is for the domain alone.
    """

    size: int
    names: tuple[str, ...] = ()
    seen: bool = True

    def index(self, value: str | int) -> int:
        """The code of a name or number; raises UnknownName with the nearest right one."""
        lowered = {name.lower(): i for i, name in enumerate(self.names)}
        text = str(value).strip()
        if text.lower() in lowered:
            return lowered[text.lower()]
        if text.isdigit() and int(text) < self.size:
            return int(text)
        numbers = [f"0 to {self.size - 1}"]
        raise UnknownName("condition value", text, [*self.names, *numbers])

    def coded(self, values: Sequence[Any]) -> Tensor:
        """The codes of names and numbers, int64 ``(n,)``."""
        return torch.tensor([self.index(value) for value in values])

    def checked(self, codes: Tensor) -> Tensor:
        """Codes as a dataset gives them, in which some may be missing."""
        return _checked_codes(self, codes)

    def missing(self, n: int) -> Tensor:
        """N times "not given"."""
        return torch.full((n,), -1)

    def usual(self) -> str:
        """The choices, for people."""
        return ", ".join(self.names) or f"0 to {self.size - 1}"

    def examples(self, n: int) -> Tensor:
        """N different values, as far as there are so many."""
        return torch.arange(n) % self.size


@dataclass(frozen=True)
class Scalar:
    """A condition that is a number, such as a property; NaN means "not given".

    Args:
        mean: over the data; networks see ``(value − mean)/std``.
        std: over the data.
        unit: for people.

    Raises:
        InputError: unless the deviation is above 0.
    """

    mean: float = 0.0
    std: float = 1.0
    unit: str = ""
    seen: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not self.std > 0:
            raise InputError(f"condition: expected a standard deviation > 0, got {self.std}")

    def coded(self, values: Sequence[Any]) -> Tensor:
        """The numbers, float32 ``(n,)``.

        Raises:
            InputError: for what is no finite number.
        """
        return torch.tensor([self._number(value) for value in values], dtype=torch.float32)

    def checked(self, codes: Tensor) -> Tensor:
        """Numbers as a dataset gives them, in which some may be missing."""
        return _checked_codes(self, codes)

    def missing(self, n: int) -> Tensor:
        """N times "not given"."""
        return torch.full((n,), float("nan"))

    def usual(self) -> str:
        """The range in which nearly all of the data lie, for people."""
        low, high = self.mean - FAR * self.std, self.mean + FAR * self.std
        return f"{low:.3g} to {high:.3g} {self.unit}".strip()

    def examples(self, n: int) -> Tensor:
        """N different values, within two deviations of the mean."""
        return self.mean + self.std * torch.linspace(-2, 2, n)

    def _number(self, value: Any) -> float:
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = float("nan")
        if not math.isfinite(number):
            raise InputError(f"condition: expected a finite number, got '{value}'")
        return number


@dataclass(frozen=True)
class Array:
    """A condition that is an array of numbers for each sample, such as what was observed of it.

    A number that is not known is NaN. What it means is between dataset and network:
    `sicore.backbones.ConditionEmbedding` leaves it out.

    Args:
        shape: of one sample's.
        unit: for people.
    """

    shape: tuple[int, ...]
    unit: str = ""
    seen: ClassVar[bool] = True

    def coded(self, values: Any) -> Tensor:
        """One array for all, or one for each sample, float32 ``(n, *shape)``.

        Raises:
            InputError: for arrays of another shape, or with infinite numbers.
        """
        try:
            return self.checked(torch.as_tensor(values, dtype=torch.float32))
        except (TypeError, ValueError, RuntimeError):
            raise InputError(
                f"condition: expected numbers of shape {self.shape}, or (n, ...) of it"
            ) from None

    def checked(self, codes: Tensor) -> Tensor:
        """The same of a tensor."""
        shape = tuple(codes.shape)
        arrays = codes.unsqueeze(0) if shape == tuple(self.shape) else codes
        if tuple(arrays.shape[1:]) != tuple(self.shape):
            expected = f"expected shape {self.shape}, or (n, ...) of it"
            raise InputError(f"condition: {expected}, got {shape}")
        if bool(arrays.isinf().any()):
            raise InputError("condition: expected finite numbers, or NaN where they are not known")
        return arrays

    def missing(self, n: int) -> Tensor:
        """N times "nothing is known"."""
        return torch.full((n, *self.shape), float("nan"))

    def usual(self) -> str:
        """The shape, for people."""
        return f"an array of shape {self.shape} {self.unit}".strip()

    def examples(self, n: int) -> Tensor:
        """N different arrays, in which every third number is not known."""
        count = n * math.prod(self.shape)
        numbers = torch.linspace(-2, 2, max(count, 1))[torch.arange(count) * 7 % max(count, 1)]
        known = torch.arange(count) % 3 > 0
        return torch.where(known, numbers, float("nan")).reshape(n, *self.shape)


def coded_conditions(
    kinds: Mapping[str, ConditionKind], condition: ConditionLike, n: int
) -> dict[str, Tensor]:
    """Names and numbers as codes ``(n,)``, arrays as ``(n, ...)``.

    Args:
        kinds: what can be asked for.
        condition: a value for all samples, or n of them, by name; tensors are codes as a dataset
            gives them, in which some may be missing.
        n: how many samples.

    Raises:
        InputError, UnknownName: for what cannot be asked for, or another number of values.
    """
    codes = {}
    for name, value in (condition or {}).items():
        if name not in kinds:
            raise UnknownName("condition", name, kinds)
        if isinstance(value, Tensor):
            made = kinds[name].checked(value)
        else:
            made = kinds[name].coded([value] if isinstance(value, (int, float, str)) else value)
        if len(made) not in (1, n):
            raise InputError(f"condition '{name}': expected 1 or {n} values, got {len(made)}")
        codes[name] = made.expand(n, *made.shape[1:]) if len(made) == 1 else made
    return codes


def _checked_codes(kind: Categorical | Scalar, codes: Tensor) -> Tensor:
    """Codes that a dataset gives, in which "not given" is allowed."""
    known = codes.reshape(-1)
    missing = kind.missing(1).to(known)
    free = (known == missing) | (known.isnan() & missing.isnan())
    checked = kind.missing(len(known)).to(codes.device)
    if bool((~free).any()):
        checked[~free] = kind.coded(known[~free].tolist()).to(checked)
    return checked


def plain_condition(condition: ConditionLike) -> dict[str, Any] | None:
    """A condition as plain values, for a manifest."""
    if not condition:
        return None
    return {k: v.tolist() if isinstance(v, Tensor) else v for k, v in condition.items()}
