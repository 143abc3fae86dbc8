"""How well a trained model obeys the Fokker–Planck equation, over the time of its path."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sicore.errors import ConversionError, InputError
from sicore.objectives import Coupled, Coupling, Independent
from sicore.objectives.fokker_planck import probes_for, score_residual
from sicore.predictions import SCORE, VELOCITY, Condition, Prediction, combination
from sicore.progress import progress_bar
from sicore.states import Noise, State, inner, size_per_sample, take
from sicore.states import batch_size as batch_size_of

TIMES = tuple((i + 0.5) / 8 for i in range(8))


def fokker_planck_diagnostic(
    prediction: Prediction,
    x1: State,
    noise: Noise,
    *,
    times: Sequence[float] = TIMES,
    condition: Condition = None,
    coupling: Coupling | None = None,
    probes: int = 2,
    batch_size: int = 16,
    progress: bool = False,
) -> dict[str, Any]:
    r"""The residual ``R = ∂_t s + ∇(∇·b + b·s)`` of a model at the states of its own path.

    It is reported relative to the rate at which the score changes: ``ρ(t) = √(E‖R‖² / E‖∂_t s‖²)``
    over draws of ``x_t``. This ratio has no unit, and does not depend on the clock of the path nor
    on the scale of the data; 0 is a model whose ODE and SDEs have one law, and 1 one whose score
    changes in time in a way that has nothing to do with how its velocity moves mass. A ratio of
    means over draws, since a draw at which the score happens to stand still says nothing.

    Cost: about 20 evaluations of the network for each draw, time and pair of probes.

    Args:
        prediction: of any kind that determines score and velocity.
        x1: data as states ``(N, ...)``, such as ``domain.encode`` makes.
        noise: the streams of these N samples.
        times: where to look, inside (0, 1); by default the middles of eight equal parts.
        condition: what each sample is conditioned on, or None.
        coupling: what x0 and z each x1 is paired with; as in training.
        probes: of Hutchinson's estimator, at least 2, for states of more than 16 entries; the
            divergence of smaller ones is exact.
        batch_size: samples that are in memory at once.
        progress: show a bar.

    Returns:
        ``samples``, ``probes`` (0 where exact), ``t``, and for each time ``relative`` ρ with
        ``low`` and ``high``, the ends of its normal 95 % interval, ``residual`` ``√(E‖R‖²/d)`` and
        ``rate`` ``√(E‖∂_t s‖²/d)``. The estimate of a square from probes may fall below zero; its
        root is then given as 0.

    Raises:
        InputError: if the model determines no score, as one that predicts only the velocity of a
            two-sided path.

    Source: Lai et al., "FP-Diffusion", 2023, for the vector residual; the normalisation is ours.
    """
    coupling = Independent() if coupling is None else coupling
    observed = coupling.observed is not None
    _check(prediction, times, probes, observed)
    model = _Model(prediction, coupling.shown(condition), observed, probes)
    pair = coupling(prediction.interpolant, x1, noise, condition)
    n, size = batch_size_of(x1), size_per_sample(x1)
    points = []
    with progress_bar("residual", len(times) * n, progress) as bar, torch.no_grad():
        for i, t in enumerate(times):
            parts = []
            for first in range(0, n, batch_size):
                part = slice(first, min(first + batch_size, n))
                parts.append(model.squares(pair, t, noise.named(f"time {i}"), part))
                bar.advance(part.stop - part.start)
            squares, rates = (torch.cat(columns).double() for columns in zip(*parts, strict=True))
            points.append(_point(squares, rates, size))
    exact = not probes_for(x1, noise)
    curve = {name: [point[name] for point in points] for name in points[0]}
    return {"samples": n, "probes": 0 if exact else probes, "t": list(times), **curve}


@dataclass(frozen=True)
class _Model:
    prediction: Prediction
    condition: Condition
    observed: bool
    probes: int

    def squares(self, pair: Coupled, t: float, noise: Noise, part: slice) -> tuple[Tensor, Tensor]:
        """``‖R‖²`` and ``‖∂_t s‖²`` at draws of ``x_t``, each ``(B,)``."""
        x0 = None if pair.x0 is None else take(pair.x0, part)
        time = torch.tensor(t, dtype=torch.float64)
        x = self.prediction.interpolant.sample(
            x0, take(pair.x1, part), time, take(pair.z, part)
        ).x_t
        given = {k: v[part] for k, v in self.condition.items()} if self.condition else None
        known = x0 if self.observed else None
        probes = probes_for(x, noise.take(part), self.probes)
        found = score_residual(self.prediction, time, x, given, probes, known)
        return found.squared().cpu(), inner(found.rate, found.rate).cpu()


def _point(squares: Tensor, rates: Tensor, size: int) -> dict[str, float]:
    """The figures of one time; the interval is that of a ratio of means, by the delta method."""
    ratio = squares.mean() / rates.mean()
    error = 1.96 * (squares - ratio * rates).std() / rates.mean() / len(rates) ** 0.5
    roots = {
        "relative": ratio,
        "low": ratio - error,
        "high": ratio + error,
        "residual": squares.mean() / size,
        "rate": rates.mean() / size,
    }
    return {name: math.sqrt(max(float(square), 0.0)) for name, square in roots.items()}


def _check(prediction: Prediction, times: Sequence[float], probes: int, observed: bool) -> None:
    if not times or not all(0 < t < 1 for t in times):
        raise InputError(f"times: expected times inside (0, 1), got {list(times)}")
    if probes < 2:
        raise InputError(f"probes: expected at least 2, got {probes}")
    path, kind = prediction.interpolant, prediction.kind
    p = path.at(times[0])
    try:
        if not path.gaussian:
            raise ConversionError("its noise is not normal")
        for wanted in (SCORE, VELOCITY):
            (row,) = wanted.rows(p)
            combination(path, p, kind, row, observed=observed)
    except ConversionError:
        raise InputError(
            f"fokker-planck: a {kind.name} prediction on the path {type(path).__name__} does not "
            f"determine both score and velocity, which the residual compares; two-sided paths need "
            f"a model of the kind velocity-noise, and γ > 0"
        ) from None
