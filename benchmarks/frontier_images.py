"""Error at a number of network calls on the shipped images model, beside its peers.

The field is that of the trained network ``images/fashion-mnist``, each picture with its own class.
Every method starts from the same noise on the linear path, and its error is the mean distance (root
mean square over pixels, in units of the data's deviation) of its ends from those of a fine solve.
Peers run as in ``frontier``, each that knows the network's path.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import frontier
import peers
from common import arguments, record
from frontier import Score, Table, Way, best, built, quiet, reason, ways
from problems import Field

if TYPE_CHECKING:
    from torch import Tensor

COUNT, TUNING = 16, 16
BUDGETS = (5, 10, 20)
SOLVERS = ("heun", "midpoint", "ab2", "dpmpp-2m", "unipc-2", "v-adams-2", "v-adams-3")
GRIDS = ("uniform", "cosine", "ratio (scale 2.0)", "ratio (scale 3.0)")
frontier.EXTRA["grid"].append({"name": "ratio", "scale": 3.0})


@dataclass(frozen=True)
class NetworkLaw:
    """What the network knows of the law of ``α x1 + σ z``: its denoiser and its score.

    Args:
        condition: a class for each picture.
    """

    model: Any
    condition: dict[str, Tensor]

    def mixed(
        self, alpha: Tensor, variance: Tensor, x: Tensor, *rows: tuple[Tensor, Tensor]
    ) -> list[Tensor]:
        """``a E[x1|x] + b ∇ log p(x)`` for each row, as ``problems.Law.mixed``."""
        import torch

        sigma = variance.sqrt()
        size = alpha + sigma
        t = (alpha / size).reshape(-1)
        shape = self.model.domain.space.shape
        state = (x / _column(size)).reshape(-1, *shape).float()
        given = {name: codes[: len(x)] for name, codes in self.condition.items()}
        times = float(t[0]) if len(t) == 1 else t
        with torch.no_grad():
            velocity = self.model.prediction(times, state, given).double().flatten(1)
        share, straight = _column(alpha / size), state.double().flatten(1)
        data = straight + (1 - share) * velocity
        noise = straight - share * velocity
        score = -noise / _column(sigma)
        return [_column(a) * data + _column(b) * score for a, b in rows]


class NetworkField(Field):
    """The network's field; states are moved along it by a fine solve."""

    def fresh(self, limit: float = math.inf) -> NetworkField:
        """The same field with its own count."""
        other = NetworkField(self.law, self.name, limit)
        other._moved = self._moved
        return other

    def moved(self, x: Tensor, level: float) -> Tensor:
        """As ``problems.Field.moved``, by RK4."""
        import torch

        key = (id(x), level)
        if key not in self._moved:
            end = float(self.path.time_at(torch.tensor(level, dtype=torch.float64)))
            ends = solved(self.fresh(), x, end) if end > 1e-9 else x
            self._moved[key] = (x, ends / self.path.at(max(end, 0.0)).beta)
        return self._moved[key][1]


def solved(field: Field, x: Tensor, end: float, steps: int = 40) -> Tensor:
    """RK4 on the cosine grid, from the start of the path."""
    from sicore.dynamics import PathDynamics
    from sicore.predictions import VELOCITY, FunctionPrediction
    from sicore.solvers import RK4, cosine_grid, solve

    times = cosine_grid().times(steps, field.path, 0.0, end)
    flow = PathDynamics(FunctionPrediction(field.velocity, field.path, VELOCITY))
    with quiet():
        return solve(flow, x, times, RK4()).x  # type: ignore[return-value]


def _column(c: Tensor) -> Tensor:
    return c if c.ndim == 0 else c.unsqueeze(-1)


@dataclass(frozen=True)
class Pictures:
    """The starts, where they should end, and the error: a cell as ``frontier`` takes it."""

    path_name: str
    field: Field = field(repr=False)
    law_name: str = "images"
    count: int = COUNT

    def starts_of(self, seed: int) -> Tensor:
        """Noise, at t = 0 of the path."""
        import torch

        from sicore.states import Noise

        p = self.field.path.at(0.0)
        z = Noise.of(seed, self.count).named("starts").normal((784,), torch.float64)
        return (p.beta**2 + p.gamma**2).sqrt() * z

    @cached_property
    def starts(self) -> Tensor:
        """Those of the comparison."""
        return self.starts_of(0)

    @cached_property
    def ends(self) -> Tensor:
        """By a fine solve."""
        return self.fine(self.starts)

    def fine(self, x: Tensor) -> Tensor:
        """RK4 with 60 steps on the cosine grid, and the denoiser at the end."""
        from sicore.solvers import RK4, cosine_grid

        with quiet():
            return Way("fine", RK4(), cosine_grid(), direct=False)(self.field.fresh(), x, 60)

    def error(self, x: Tensor) -> float:
        """The mean distance of the ends."""
        gap = (x - self.ends).square().mean(1).sqrt().mean()
        return float(gap) if math.isfinite(float(gap)) else math.inf


def cell(path_name: str) -> Pictures:
    """The trained model on one path."""
    import torch

    import sicore

    model = sicore.load("images/fashion-mnist", device="cpu")
    condition = {"class": torch.arange(COUNT) % 10}
    return Pictures(path_name, NetworkField(NetworkLaw(model, condition), path_name))  # type: ignore[arg-type]


def peer_table(pictures: Pictures) -> tuple[Table, dict[str, str]]:
    """All methods of all peers with fixed steps."""
    table: Table = {}
    reasons: dict[str, str] = {}
    for method in peers.methods("ode", pictures.path_name):
        if method.adaptive:
            continue
        name = f"{method.library} {method.name}"
        measure = functools.partial(
            frontier.scores_at, method.run, least=method.least, budgets=BUDGETS
        )
        try:
            table[name] = measure(pictures.field, pictures.starts, pictures.error)
        except Exception as problem:
            reasons[name] = reason(problem)
    return table, reasons


def sicore_table(pictures: Pictures) -> tuple[Table, Table, dict[str, str]]:
    """The registered solvers for ODEs on some grids, and the best of them on tuned grids."""
    solvers, reasons = built("solver")
    grids, _ = built("grid")
    found = ways(
        pictures,  # type: ignore[arg-type]
        "ode",
        {name: solvers[name] for name in SOLVERS},
        {name: grids[name] for name in GRIDS},
    )
    table: Table = {}
    known: dict[str, Way] = {}
    for way in found:
        if way.on_linear:
            continue
        known[way.name] = way
        try:
            measure = functools.partial(way.measure, budgets=BUDGETS)
            table[way.name] = measure(pictures.field, pictures.starts, pictures.error)
        except Exception as problem:
            reasons[way.name] = reason(problem)
    tuned: Table = {}
    for budget in (5, 10):
        for name in frontier.leaders(table, budget, 2):
            grid = tuned_grid(pictures, known[name], budget)
            way = replace(known[name], name=f"{name}, tuned", grid=grid)
            own = pictures.field.fresh()
            with quiet():
                ends = way(own, pictures.starts, len(grid.given) - 1)
            tuned.setdefault(way.name, {})[budget] = Score(pictures.error(ends), own.calls)
    return table, tuned, reasons


def tuned_grid(pictures: Pictures, way: Way, budget: int) -> Any:
    """A grid made on other starts."""
    from sicore.solvers import GivenGrid
    from sicore.solvers.tuning import tune_grid

    x = pictures.starts_of(7)[:TUNING]
    cost = frontier.Cost(way, pictures.field, x)
    steps = cost.fitting(budget, way.solver.evaluations, 2) or 2

    def ends(times: Tensor) -> Tensor:
        return replace(way, grid=GivenGrid(times))(pictures.field.fresh(), x, len(times) - 1)

    first = way.grid.times(steps, pictures.field.path)
    with quiet():
        return GivenGrid(tune_grid(ends, pictures.fine(x), first).times)


def main() -> None:
    options = arguments(__doc__)
    pictures = cell("linear")
    theirs, broken = peer_table(pictures)
    ours, tuned, skipped = sicore_table(pictures)
    rows = []
    for budget in BUDGETS:
        peer, own, made = (best(table, budget) for table in (theirs, ours, tuned))
        rows.append(
            {
                "at most": budget,
                "best peer": frontier._text(peer),
                "best sicore": frontier._text(own),
                "best sicore on a tuned grid": frontier._text(made),
            }
        )
    figures = {
        "pictures": COUNT,
        "best": rows,
        "every sicore solver": frontier.rows(ours),
        "every peer": frontier.rows(theirs),
        "peers that did not run": broken,
        "sicore that did not run": skipped,
    }
    record("frontier_images", options, figures)


if __name__ == "__main__":
    main()
