"""The domain of time series: windows of values in time, standardised.

A window is ``(T, C)``: T moments, C channels. A value that is missing (NaN) is 0 in a state and
stays 0; a value is there if it is not 0. Conditions are what was observed of a window (NaN where it
was not), its moments, and features of the calendar. So one model generates, when nothing is
observed, forecasts, when the last rows are not, and imputes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from sicore.errors import InputError, UnknownName
from sicore.hub import Array, Domain
from sicore.hub.conditions import ConditionKind
from sicore.predictions import Condition
from sicore.states import CorrelatedSpace, MaskedSpace, Noise, State, StateSpace, TensorSpace
from sicore_timeseries.data.scaling import Standard, read_scaling
from sicore_timeseries.data.states import bridged, states
from sicore_timeseries.framing import FRAMINGS, Framing
from sicore_timeseries.kernels import factor_of

if TYPE_CHECKING:
    from sicore.hub import Model

OBSERVED, TIMES, CALENDAR = "observed", "times", "calendar"


class TimeSeries(Domain):
    """Windows of values in time.

    Args:
        length: T, the number of moments of a window.
        channels: the names of the values.
        scaling: how values are standardised, as `sicore_timeseries.data.scaling` writes it; None
            for values that are standardised already.
        calendar: the number of features of the calendar.
        framing: how the rows of a series become what a model is asked: ``absolute`` values, those
            ``relative`` to what is known, or one column at a time ``surrounded`` by those
            some seasons away; see `sicore_timeseries.framing`.
        kernel: of the Gaussian process that paths start from: its name (``rbf``, ``matern12``,
            ``matern32``, ``matern52``) and its length in units of the window, e.g.
            ``["matern12", 0.3]``; None is white noise.
        hidden_only: whether states hold the values that are hidden alone, and those that are
            observed are missing in them.
        units: what the framing has learned of the data, by the names of its parameters.

    Raises:
        InputError, UnknownName: for a length below 1, no channels, or an unknown framing.
    """

    name: ClassVar[str] = "timeseries"
    suffixes: ClassVar[frozenset[str]] = frozenset({".csv", ".parquet"})
    standardised: ClassVar[bool] = True
    space: TensorSpace
    framing: Framing

    def __init__(
        self,
        length: int,
        channels: Sequence[str],
        scaling: Mapping[str, Any] | None = None,
        calendar: int = 0,
        framing: str = "absolute",
        kernel: tuple[str, float] | None = None,
        hidden_only: bool = False,
        units: Mapping[str, Any] | None = None,
    ) -> None:
        self.channels = tuple(channels)
        count = len(self.channels)
        if length < 1 or not count:
            raise InputError(
                f"domain: expected a length >= 1 and names of channels, got {length} and {count}"
            )
        self.scaling = read_scaling(scaling) if scaling else unscaled(count)
        if framing not in FRAMINGS:
            raise UnknownName("framing", framing, FRAMINGS)
        learned = {name: torch.tensor(numbers) for name, numbers in (units or {}).items()}
        self.framing = FRAMINGS[framing](**learned)
        self.calendar, self.kernel, self.hidden_only = calendar, kernel, hidden_only
        self.space = TensorSpace((length, count))
        self.conditions: Mapping[str, ConditionKind] = {
            OBSERVED: Array((length, count)),
            TIMES: Array((length,)),
            **({CALENDAR: Array((length, calendar))} if calendar else {}),
        }

    def encode(self, items: Tensor) -> Tensor:
        """Standardised float32 values ``(B, T, C)``; 0 where they are missing, and only there."""
        return states(items, self.scaling)

    def decode(self, x: State) -> Tensor:
        """Values in the user's units, float64 ``(B, T, C)``; 0 becomes the usual value."""
        return self.scaling.decode(self._tensor(x).double())

    def start(self, observed: Tensor, times: Tensor | None = None) -> Tensor:
        """Where two-sided paths start: what is known, and what it says of the rest, as a state.

        Args:
            observed: ``(B, T, C)``, in the units of the table, NaN where not known; see `bridged`.
            times: moments ``(B, T)``; equally far apart if not given.
        """
        at = self.times_of({} if times is None else {TIMES: times}, observed)
        return self.encode(bridged(observed, at))

    def times_of(self, condition: Condition, like: Tensor) -> Tensor:
        """The moments ``(B, T)``; 0 to 1 at equal distances where they are not given."""
        regular = torch.linspace(0, 1, like.shape[1], device=like.device).to(like)
        given = (condition or {}).get(TIMES)
        if given is None:
            return regular.expand(like.shape[:2])
        return torch.where(given.isnan(), regular, given.to(like))

    def space_of(self, x: State, condition: Condition = None) -> StateSpace:
        """Without the values that are missing, and with the noise of the kernel."""
        values = self._tensor(x)
        there = values != 0
        space = self.space if bool(there.all()) else MaskedSpace(self.space, there)
        return self._noisy(space, condition, values)

    def space_for(self, noise: Noise, condition: Condition) -> StateSpace:
        """With the noise of the kernel at the moments that are asked for."""
        like = self.space.zeros(len(noise.index), torch.float32, noise.index.device)
        observed = (condition or {}).get(OBSERVED)
        space: StateSpace = self.space
        if self.hidden_only and observed is not None:
            space = MaskedSpace(space, observed.isnan())
        return self._noisy(space, condition, like)

    def save(self, decoded: Tensor, folder: Path, *, stem: str = "sample") -> Sequence[Path]:
        """One CSV: the number of the sample, of the moment, and the channels."""
        from sicore_timeseries.data.writing import write_windows

        path = folder / f"{stem}s.csv"
        write_windows(path, decoded, self.channels)
        return [path]

    def evaluate(self, model: Model, *, n: int, seed: int = 0, **options: Any) -> dict[str, Any]:
        """Likeness of n windows that nothing was observed of to held-out ones.

        Args:
            model: of this domain.
            n: how many windows.
            seed: of the samples.
            options: passed on to ``Model.sample``.

        Raises:
            InputError: for a model of any series, whose data are no windows of one.
        """
        from sicore_timeseries.data.window_data import WindowData
        from sicore_timeseries.metrics.evaluation import evaluate_windows

        train, test = (model.config.data.build(split=split) for split in ("train", "test"))
        if not isinstance(train, WindowData):
            raise InputError(f"{model.config.data.name}: has no whole windows to compare with")
        drawn = model.sample(n, train.given(n), seed=seed, **options)
        train, test = train.whole, test.whole
        return {"nfe": drawn.nfe, **evaluate_windows(drawn.decoded, test, train, seed=seed)}

    def _noisy(self, space: StateSpace, condition: Condition, like: Tensor) -> StateSpace:
        if self.kernel is None:
            return space
        times = self.times_of(condition, like)
        return CorrelatedSpace(space, factor_of(*self.kernel, times=times))

    def _tensor(self, x: State) -> Tensor:
        self.space.check(x)
        assert isinstance(x, Tensor)
        return x


def unscaled(channels: int) -> Standard:
    """The scaling that changes nothing."""
    return Standard(np.zeros(channels), np.ones(channels))
