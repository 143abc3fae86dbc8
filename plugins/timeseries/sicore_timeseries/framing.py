"""How the rows of a series become what a model is asked: windows, in the model's own units."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

from torch import Tensor

from sicore_timeseries.data.reference import Reference
from sicore_timeseries.data.surroundings import LAGS, surroundings


@dataclass(frozen=True)
class Stretch:
    """Rows around windows, which all begin at row ``first``.

    Args:
        known: ``(B, n, C)``, float64, NaN where not known.
        first: rows before the window.
        length: T, the rows of the window.
        moments: of all rows, ``(B, n)``, in usual steps.
        calendar: features of all rows ``(B, n, K)``; NaN where there are none.
        season: in rows.
    """

    known: Tensor
    first: int
    length: int
    moments: Tensor
    calendar: Tensor
    season: int

    def window(self, rows: Tensor) -> Tensor:
        """The part of rows ``(B, n, …)`` that is in the window."""
        return rows[:, self.first : self.first + self.length]


@dataclass(frozen=True)
class Framed:
    """What is asked, and how answers become values again.

    Args:
        condition: of ``Model.sample``, for as many samples as there are windows to draw.
        values: from decoded samples to values ``(B, T, C)`` in the user's units.
    """

    condition: Mapping[str, Tensor]
    values: Callable[[Tensor], Tensor]


class Framing(Protocol):
    """One way to ask."""

    @property
    def single(self) -> bool:
        """Whether channels are asked about one at a time, whatever their number."""
        ...

    def reach(self, season: int) -> tuple[int, int]:
        """How many rows before the window and after it are looked at."""

    def frame(self, stretch: Stretch) -> Framed:
        """What a model is asked about the windows of a stretch."""


class Absolute:
    """The values as they are."""

    single = False

    def reach(self, season: int) -> tuple[int, int]:
        """The window alone."""
        return 0, 0

    def frame(self, stretch: Stretch) -> Framed:
        """All channels at once."""
        known = stretch.window(stretch.known)
        return _framed(stretch, Reference.absolute(known))


@dataclass(frozen=True)
class Relative:
    """Differences from what is known of each channel; see `sicore_timeseries.data.reference`.

    Args:
        usual: the usual step of each channel ``(C,)``, where differences are in units of the steps
            of their window.
        weights: of each channel's last steps in its continuation, ``(C, p)``; flat if not given.
        median: of each channel ``(C,)``, where nothing of it is known; 0 if not given.
        hurst: how differences grow with their distance from known values.
        pull: how fast each channel comes back to its median ``(C,)``; 0 for one that wanders.
    """

    usual: Tensor | None = None
    weights: Tensor | None = None
    median: Tensor | None = None
    hurst: Tensor | float = 0.0
    pull: Tensor | None = None
    single: ClassVar[bool] = False

    def reach(self, season: int) -> tuple[int, int]:
        """The window alone."""
        return 0, 0

    def frame(self, stretch: Stretch) -> Framed:
        """All channels at once."""
        known = stretch.window(stretch.known)
        moments = stretch.window(stretch.moments)
        learned = (self.usual, self.weights, self.median, self.hurst, self.pull)
        return _framed(stretch, Reference.of(known, moments, *learned))


class Surrounded:
    """One channel at a time, in its own units, with the values some seasons away."""

    single = True

    def reach(self, season: int) -> tuple[int, int]:
        """Seven seasons before, one after."""
        return max(LAGS) * season, -min(LAGS) * season

    def frame(self, stretch: Stretch) -> Framed:
        """The channels of a window follow each other; those without a gap are not asked about."""
        batch, rows, channels = stretch.known.shape
        apart = stretch.known.transpose(1, 2).reshape(batch * channels, rows)
        whole = stretch.window(apart)
        asked = whole.isnan().any(1)
        given = surroundings(apart[asked], stretch.first, stretch.length, stretch.season)

        def values(drawn: Tensor) -> Tensor:
            filled = whole.clone()
            filled[asked] = drawn.squeeze(-1) * given.spread + given.line
            return filled.view(batch, channels, -1).transpose(1, 2)

        condition = {"observed": given.observed.unsqueeze(-1), "calendar": given.features}
        return Framed({key: value.float() for key, value in condition.items()}, values)


def _framed(stretch: Stretch, reference: Reference) -> Framed:
    moments = stretch.window(stretch.moments)
    condition = {
        "observed": reference.observed,
        "times": (moments - moments[:, :1]) / (stretch.length - 1),
    }
    if stretch.calendar.shape[-1]:
        condition["calendar"] = stretch.window(stretch.calendar)
    return Framed({key: value.float() for key, value in condition.items()}, reference.completed)


FRAMINGS: Mapping[str, Callable[..., Framing]] = {
    "absolute": Absolute,
    "relative": Relative,
    "surrounded": Surrounded,
}
"""By the name that the ``domain:`` section of a configuration has."""
