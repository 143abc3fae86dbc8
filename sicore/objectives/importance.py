r"""A time law that learns from the losses which times are worth visiting.

An estimate ``L(t)/p(t)`` of the loss ``∫ E[L|t] dt`` has the mean of any law p, and the least
variance under ``p ∝ √E[L²|t]``. The second moment is followed in bins of t while training runs.

Source: Nichol and Dhariwal, "Improved denoising diffusion probabilistic models", 2021, equation
18 and section 3.3, there over discrete steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants import Interpolant
from sicore.objectives.laws import TimeLaw

_WARM = 10  # losses that every bin must remember before the law leaves the uniform one


@dataclass(eq=False)
class LearnedImportance(TimeLaw):
    """``p(t) = floor + (1 − floor) · √E[L²] / mean``, constant in each bin, learned on the way.

    The loss is divided by the density of its draw, so that its mean is that of uniform times
    whatever has been learned; only its variance changes. The law is uniform until each bin
    remembers 10 losses. A loss that is not finite teaches nothing.

    It holds what it has learned, in float64: two objects never share it, and ``state`` and
    ``load`` carry it through a checkpoint.

    Args:
        bins: how many equal parts of [0, 1] are told apart.
        history: the number of recent losses that a bin remembers, as an exponential mean.
        floor: the share of uniform draws. No weight exceeds 1/floor, and the second moment of the
            estimate is at most 1/(1 − floor) times the least. The paper's 0.001 leaves rare bins
            out of date for long, and one that is rare by mistake gets weights of up to 1000.

    Raises:
        InputError: if a parameter is out of its range.
    """

    bins: int = 64
    history: int = 100
    floor: float = 0.1
    _squares: Tensor = field(init=False, repr=False)
    _counts: Tensor = field(init=False, repr=False)
    _density: Tensor = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.bins < 2 or self.history < 2 * _WARM or not 0 < self.floor <= 1:
            raise InputError(
                f"learned-importance: expected bins >= 2, history >= {2 * _WARM} and a floor in "
                f"(0, 1], got {self.bins}, {self.history} and {self.floor}"
            )
        self._squares = torch.zeros(self.bins, dtype=torch.float64)
        self._counts = torch.zeros(self.bins, dtype=torch.float64)
        self._density = torch.ones(self.bins, dtype=torch.float64)

    def density(self) -> Tensor:
        """What the next draw follows: the density in each bin, ``(bins,)``, of mean 1."""
        size = (self._squares / self._counts.clamp(min=1)).sqrt()
        learned = self.floor + (1 - self.floor) * size / size.mean()
        warm = (self._counts >= _WARM).all() & (size.sum() > 0)
        return torch.where(warm, learned, 1.0)

    def quantile(self, u: Tensor, interpolant: Interpolant) -> Tensor:
        """The inverse of the piecewise linear distribution; ``correction`` is for these draws."""
        self._to(u.device)
        self._density = self.density()
        mass = torch.nn.functional.pad(self._density.cumsum(0), (1, 0))
        edges = mass / mass[-1]
        k = torch.searchsorted(edges[1:-1].contiguous(), u)
        return (k + (u - edges[k]) / (edges[k + 1] - edges[k])) / self.bins

    def correction(self, t: Tensor) -> Tensor:
        """``1/p(t)`` with the density of the latest draw."""
        return 1 / self._density.to(t.device)[self._bin(t)]

    def observe(self, t: Tensor, loss: Tensor) -> None:
        """Take in losses; they count from the next draw on."""
        self._to(t.device)
        hits = (self._bin(t).unsqueeze(1) == torch.arange(self.bins, device=t.device)).double()
        hits = hits * loss.isfinite().unsqueeze(1)
        squares = torch.nan_to_num(loss.double(), posinf=0.0, neginf=0.0) ** 2
        count = hits.sum(0)
        kept = (1 - 1 / self.history) ** count
        self._squares = kept * self._squares + (hits * squares.unsqueeze(1)).sum(0)
        self._counts = kept * self._counts + count

    def state(self) -> dict[str, Tensor]:
        """Sums of recent squares, and of their number, in each bin."""
        return {"squares": self._squares, "counts": self._counts}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Go on from them.

        Raises:
            InputError: if they are of another number of bins.
        """
        if state["squares"].shape != self._squares.shape:
            got = len(state["squares"])
            raise InputError(f"learned-importance: expected {self.bins} bins, the state has {got}")
        self._squares, self._counts = state["squares"].clone(), state["counts"].clone()

    def _bin(self, t: Tensor) -> Tensor:
        return (t * self.bins).long().clamp(0, self.bins - 1)

    def _to(self, device: torch.device) -> None:
        self._squares, self._counts = self._squares.to(device), self._counts.to(device)
