"""How paths of a user's series are drawn, and how far they are from what is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sicore_apps.series_models import Chosen
from sicore_timeseries.answers.drawing import Rows, fill
from sicore_timeseries.answers.plans import Plan
from sicore_timeseries.metrics.scores import crps


@dataclass(frozen=True)
class Drawing:
    """How paths are drawn.

    Args:
        season: in rows.
        samples: S.
        steps: of the solver, or None for the model's own.
        seed: of the paths.
    """

    season: int
    samples: int
    steps: int | None
    seed: int


def paths_of(
    chosen: Chosen,
    rows: Rows,
    plan: Plan,
    drawing: Drawing,
    advance: Callable[[int], None] | None = None,
) -> np.ndarray:
    """Paths ``(S, n, C)`` of rows, drawn window by window; see `fill`."""
    return fill(
        chosen.model,
        rows,
        plan,
        samples=drawing.samples,
        seed=drawing.seed,
        steps=drawing.steps,
        advance=advance,
    )


def column_crps(paths: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The fair CRPS of each column ``(C,)``, in its units; NaN for one without a truth.

    Args:
        paths: ``(S, …, C)``.
        truth: ``(…, C)``, NaN where it is not known.
    """
    known = np.isfinite(truth).reshape(-1, truth.shape[-1]).any(0)
    return np.array(
        [
            crps(paths[..., c], truth[..., c], fair=True) if known[c] else np.nan
            for c in range(truth.shape[-1])
        ]
    )
