"""A back-test: several forecasts from the same moments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sicore.errors import InputError
from sicore_timeseries.forecasts.histories import Forecaster


@dataclass(frozen=True)
class Rolling:
    """Forecasts and what came.

    Args:
        origins: the first row of each window that is forecast, ``(W,)``.
        truths: ``(W, H, C)``.
        ensembles: of each method, ``(W, S, H, C)``.
    """

    origins: tuple[int, ...]
    truths: np.ndarray
    ensembles: dict[str, np.ndarray]


def rolling(
    values: np.ndarray,
    methods: Mapping[str, Forecaster],
    origins: Sequence[int],
    horizon: int,
    *,
    samples: int = 100,
    seed: int = 0,
    history: int | None = None,
) -> Rolling:
    """Forecast rows ``origin … origin + horizon − 1`` from the rows before, for each origin.

    Args:
        values: ``(n, C)``, equally far apart.
        methods: by name.
        origins: first rows of the windows.
        horizon: H.
        samples: S of each ensemble.
        seed: window number w is forecast with ``seed + w`` by all methods.
        history: rows before the origin that methods see; by default all.

    Raises:
        InputError: a window does not lie in the table or has no history, or an ensemble has
            another shape than it should.
    """
    data = np.asarray(values, np.float64)
    for origin in origins:
        if not 0 < origin <= len(data) - horizon:
            raise InputError(
                f"back-test: origin {origin} with horizon {horizon} does not lie in {len(data)} "
                f"rows; expected origins from 1 to {len(data) - horizon}"
            )
    truths = np.stack([data[origin : origin + horizon] for origin in origins])
    ensembles: dict[str, np.ndarray] = {}
    for name, method in methods.items():
        made = []
        for number, origin in enumerate(origins):
            start = 0 if history is None else max(0, origin - history)
            paths = np.asarray(method(data[start:origin], horizon, samples, seed + number))
            if paths.shape != (samples, *truths.shape[1:]):
                raise InputError(
                    f"back-test: {name} gave {paths.shape}, expected {(samples, *truths.shape[1:])}"
                )
            made.append(paths)
        ensembles[name] = np.stack(made)
    return Rolling(tuple(int(origin) for origin in origins), truths, ensembles)
