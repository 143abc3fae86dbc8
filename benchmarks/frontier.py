"""Error at a number of network calls: every solver of sicore beside those of its peers.

The problems are exact (see ``problems``): no network, no training, and the true ends of the same
starting points. A method that cannot use a number of calls exactly takes the most that it can; an
adaptive one takes the best of a ladder of tolerances. Calls are counted by the field, not by the
library. ODE solvers are compared on five cells, SDE solvers on three, where the error is that of
samples: the root mean square, over seeds, of the sliced W2 distance to the exact law. It cannot
fall below the floor, that of exact samples, but by luck.

Every solver of sicore is first run on every grid on few points; the best at each budget are run on
all, and, with few calls, once more on a grid that is tuned on other points. Tables give
``error / calls`` at each budget.
"""

from __future__ import annotations

import functools
import math
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any

import peers
from common import arguments, record
from problems import (
    LOOSE,
    ODE_CELLS,
    SDE_CELLS,
    Cell,
    Field,
    OverBudget,
    distance,
    travelled,
)

if TYPE_CHECKING:
    from torch import Tensor

BUDGETS = (5, 10, 20, 50, 100)
REPEATS = 2  # of the SDE solvers
LADDER = range(-1, 22)  # k of the tolerances 10^(−k/2)

KEPT = 3  # ways of sicore at each budget that are run on all points
SCREENING = {"ring": 400, "corr64": 150}  # points of the run that chooses them; SDEs: 1000
SCREENED = BUDGETS[:-1]  # and its budgets
TUNING, TUNED_UP_TO = 300, 20  # points, and the largest budget, of grids made for a problem

# Solvers and grids beyond the defaults of the registered names.
EXTRA: dict[str, list[dict[str, Any]]] = {
    "solver": [
        {"name": "ddim", "eta": 1.0},
        {"name": "multistep", "held": "noise", "clock": "log-snr", "nodes": 3},
        {"name": "multistep", "held": "noise", "clock": "log-snr", "nodes": 3, "corrected": True},
        {"name": "multistep", "held": "residual", "clock": "angle", "nodes": 3},
    ],
    "grid": [{"name": "noise-level", "sigma_min": 0.02}, {"name": "ratio", "scale": 2.0}],
}
ON_LINEAR = ("uniform", "angle", "cosine")  # grids that are tried on the linear path too


@dataclass(frozen=True)
class Score:
    """An error, and the network calls that it took."""

    error: float
    nfe: int


Table = dict[str, dict[int, Score]]
Runner = Callable[[Field, "Tensor", int], "Tensor"]


@contextmanager
def quiet(seed: int = 0) -> Iterator[None]:
    """No gradients, no warnings, and the same random numbers in every run."""
    import torch

    torch.manual_seed(seed)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


# ------------------------------------------------------------------ how many steps a budget buys
class Cost:
    """The network calls of a number of steps, counted on two of the states.

    Few steps are counted one by one; of many the count is taken to grow as it does between 8 and 16
    steps, and is checked when the method runs.
    """

    def __init__(self, run: Runner, field: Field, x: Tensor) -> None:
        self.run, self.field, self.x = run, field, field.pair(x)
        self.known: dict[int, int] = {}

    def __call__(self, steps: int) -> int:
        """The count, or what it is expected to be."""
        if steps in self.known:
            return self.known[steps]
        if steps > 16:
            slope = (self(16) - self(8)) / 8
            return round(self(16) + slope * (steps - 16))
        own = self.field.fresh()
        with quiet():
            self.run(own, self.x, steps)
        self.known[steps] = own.calls
        return own.calls

    def fitting(self, budget: int, per_step: int, least: int) -> int | None:
        """The most steps within the budget; None if even the least cost more."""
        if self(least) > budget:
            return None
        steps = max(least, budget // per_step)
        while steps > least and self(steps) > budget:
            steps -= 1
        while steps < 2 * budget and self(steps + 1) <= budget:
            steps += 1
        return steps


def scores_at(
    run: Runner,
    field: Field,
    x: Tensor,
    error: Callable[[Tensor], float],
    seed: int = 0,
    per_step: int = 1,
    least: int = 1,
    budgets: Sequence[int] = BUDGETS,
) -> dict[int, Score]:
    """The error at each budget, by a method with a number of steps."""
    cost, found = Cost(run, field, x), {}

    @functools.cache
    def score(steps: int) -> Score:
        own = field.fresh()
        with quiet(seed):
            ends = run(own, x, steps)
        cost.known[steps] = own.calls
        return Score(error(ends), own.calls)

    for budget in budgets:
        steps = cost.fitting(budget, per_step, least)
        while steps is not None and score(steps).nfe > budget:
            steps = cost.fitting(budget, per_step, least)
        if steps is not None:
            found[budget] = score(steps)
    return found


def ladder(
    run: Runner,
    field: Field,
    x: Tensor,
    error: Callable[[Tensor], float],
    seed: int = 0,
    budgets: Sequence[int] = BUDGETS,
) -> dict[int, Score]:
    """The best of the tolerances within each budget, by an adaptive method."""
    tried = []
    for k in LADDER:
        own = field.fresh(limit=budgets[-1])
        try:
            with quiet(seed):
                ends = run(own, x, k)
        except OverBudget:
            break
        tried.append(Score(error(ends), own.calls))
    found = {}
    for budget in budgets:
        within = [score for score in tried if score.nfe <= budget]
        if within:
            found[budget] = min(within, key=lambda score: score.error)
    return found


# ------------------------------------------------------------------ the peers
def peer_table(cell: Cell, kind: str, repeats: int) -> tuple[Table, dict[str, str]]:
    """Scores of every method of every peer, and the reasons of those that did not run."""
    table: Table = {}
    reasons: dict[str, str] = {}
    for method in peers.methods(kind, cell.path_name):
        name = f"{method.library} {method.name}"
        if method.adaptive:
            measure = functools.partial(ladder, method.run)
        else:
            measure = functools.partial(scores_at, method.run, least=method.least)
        try:
            table[name] = averaged(measure, cell, kind, repeats)
        except Exception as problem:
            reasons[name] = reason(problem)
    return table, reasons


def averaged(
    measure: Callable[..., dict[int, Score]], cell: Cell, kind: str, repeats: int
) -> dict[int, Score]:
    """For an ODE one measurement; for an SDE the root mean square over seeds."""
    if kind == "ode":
        return measure(cell.field, cell.starts, cell.error)
    rounds = [
        measure(cell.field, _starts(cell, seed), cell.distance_to_law, seed)
        for seed in range(repeats)
    ]
    return {
        budget: Score(mean_square([r[budget].error for r in rounds]), rounds[0][budget].nfe)
        for budget in rounds[0]
    }


def mean_square(values: list[float]) -> float:
    """The root of the mean square."""
    return statistics.mean(value**2 for value in values) ** 0.5


@functools.cache
def _starts(cell: Cell, seed: int) -> Tensor:
    return cell.starts_of(seed)


# ------------------------------------------------------------------ sicore
def built(group: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Every registered solver or grid, and the reasons of those that could not be built."""
    from sicore.config import Component
    from sicore.plugins import get_registry

    made: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    for entry in [*get_registry().names(group), *EXTRA[group]]:
        name = entry if isinstance(entry, str) else _title(entry)
        try:
            made[name] = Component.parse(group, entry).build()
        except Exception as problem:
            reasons[name] = reason(problem)
    return made, reasons


def reason(problem: Exception) -> str:
    """One line."""
    return f"{type(problem).__name__}: {problem}".splitlines()[0]


def _title(entry: dict[str, Any]) -> str:
    rest = ", ".join(f"{key} {value}" for key, value in entry.items() if key != "name")
    return f"{entry['name']} ({rest})"


@dataclass(frozen=True)
class Way:
    """A run of ``sicore.solvers.solve`` from t = 0 of the cell's path to the data.

    Args:
        name: what a reader calls it.
        solver: any.
        grid: any.
        epsilon: ``"noising"`` or ``"proportional"`` (to γ) for an SDE.
        direct: whether the solver takes the last step itself. If not, DDIM's does, as in
            ``Model.sample`` with a solver that does not land.
        on_linear: whether the prediction is moved to the linear path, by ``AsInterpolant``.
    """

    name: str
    solver: Any
    grid: Any
    epsilon: str | None = None
    direct: bool = True
    on_linear: bool = False

    def __call__(self, field: Field, x: Tensor, steps: int) -> Tensor:
        """The end states; for an adaptive solver, the number is that of the tolerance."""
        import torch

        from sicore.dynamics import PathDynamics
        from sicore.interpolants import Linear
        from sicore.predictions import VELOCITY, AsInterpolant, FunctionPrediction
        from sicore.solvers import DDIM, solve
        from sicore.states import Noise

        prediction: Any = FunctionPrediction(field.velocity, field.path, VELOCITY)
        path: Any = field.path
        start, solver = 0.0, self.solver
        if self.on_linear:
            path = Linear()
            prediction = AsInterpolant(prediction, path)
            start = prediction.first_time
        if self.adaptive:
            tolerance = 10 ** (-steps / 2)
            solver, steps = replace(solver, rtol=tolerance, atol=tolerance), 1
        times = self.grid.times(steps, path, start, 1.0)
        if self.on_linear or times[0] > 0:  # some grids begin at a lower noise level
            x = field.moved(x, float(path.noise_level(times[0]))) * path.at(times[0]).beta
        ode = PathDynamics(prediction)
        dynamics = PathDynamics(prediction, _epsilon(self.epsilon, path)) if self.epsilon else ode
        noise = Noise.of(torch.initial_seed(), len(x))
        if self.direct:
            return solve(dynamics, x, times, solver, noise).x  # type: ignore[return-value]
        if len(times) > 2:
            x = solve(dynamics, x, times[:-1], solver, noise).x  # type: ignore[assignment]
        return solve(ode, x, times[-2:], DDIM(), noise).x  # type: ignore[return-value]

    @property
    def adaptive(self) -> bool:
        """Whether the solver chooses its steps."""
        return bool(getattr(self.solver, "adaptive", False))

    @property
    def measure(self) -> Callable[..., dict[int, Score]]:
        """``scores_at`` or ``ladder``."""
        if self.adaptive:
            return functools.partial(ladder, self)
        per_step = getattr(self.solver, "evaluations", 1)
        return functools.partial(scores_at, self, per_step=per_step)


def _epsilon(name: str, path: Any) -> Any:
    from sicore.dynamics import noising, proportional

    return noising(path) if name == "noising" else proportional(1.0, path)


def ways(cell: Cell, kind: str, solvers: dict[str, Any], grids: dict[str, Any]) -> Iterator[Way]:
    """Every solver on every grid, and some of them on the linear path."""
    for name, solver in solvers.items():
        noisy = solver.stochastic or getattr(solver, "draws", 0) > 0
        if noisy != (kind == "sde"):
            continue
        epsilons = ("noising", "proportional") if solver.stochastic else (None,)
        adaptive = getattr(solver, "adaptive", False)
        lands = getattr(solver, "lands", True) or adaptive
        endings = (True,) if lands else (False,) if noisy else (True, False)
        clocks = (False,) if cell.path_name == "linear" else (False, True)
        for grid, epsilon, direct, linear in product(grids, epsilons, endings, clocks):
            if (linear and grid not in ON_LINEAR) or (adaptive and grid != "uniform"):
                continue
            parts = (name, grid, epsilon, None if direct else "DDIM last")
            title = ", ".join(part for part in (*parts, "moved to linear" * linear) if part)
            yield Way(title, solver, grids[grid], epsilon, direct, linear)


def extra_grids(cell: Cell, way: Way, nfe: int) -> dict[str, Any]:
    """Grids made for one cell, way and budget, by name: the ``tuned`` one.

    It is made by ``tune_grid`` on other starting points than those of the comparison, beginning
    from the grid of the way.
    """
    from sicore.interpolants import Linear
    from sicore.solvers import GivenGrid
    from sicore.solvers.tuning import tune_grid

    if nfe > TUNED_UP_TO or way.adaptive:
        return {}
    starts = cell.starts_of(7)[:TUNING]
    steps = Cost(way, cell.field, starts).fitting(nfe, getattr(way.solver, "evaluations", 1), 1)
    if steps is None or steps < 2:
        return {}
    reference = travelled(cell.field.fresh(), starts, 0.0, 1.0, LOOSE)
    path, start = cell.field.path, 0.0
    if way.on_linear:
        path, start = Linear(), 1 / (1 + cell.field.first_level)

    def ends(times: Tensor) -> Tensor:
        return replace(way, grid=GivenGrid(times))(cell.field.fresh(), starts, len(times) - 1)

    first = way.grid.times(steps, path, start, 1.0)
    with quiet():
        times = tune_grid(ends, reference, first).times
    return {"tuned": GivenGrid(times)}


def screened(cell: Cell, kind: str, found: list[Way]) -> tuple[Table, dict[str, str]]:
    """Rough scores of all ways, on few points."""
    points = 1000 if kind == "sde" else SCREENING[cell.law_name]
    few = Cell(cell.law_name, cell.path_name, min(points, cell.count), cell.field)
    table: Table = {}
    reasons: dict[str, str] = {}
    for way in found:
        try:
            measure = functools.partial(way.measure, budgets=SCREENED)
            table[way.name] = averaged(measure, few, kind, 1)
        except Exception as problem:
            reasons[way.name] = reason(problem)
    return table, reasons


def leaders(table: Table, budget: int, kept: int) -> list[str]:
    """The names of the most accurate at a budget."""
    known = {name: row[budget].error for name, row in table.items() if budget in row}
    return sorted(known, key=lambda name: known[name])[:kept]


def sicore_tables(
    cell: Cell, kind: str, repeats: int
) -> tuple[Table, Table, Table, dict[str, str]]:
    """Scores of the best ways, of these on tuned grids, rough ones of all, and reasons."""
    solvers, reasons = built("solver")
    grids, unbuilt = built("grid")
    found = {way.name: way for way in ways(cell, kind, solvers, grids)}
    rough, failed = screened(cell, kind, list(found.values()))
    reasons |= unbuilt | failed
    chosen = {name for budget in SCREENED for name in leaders(rough, budget, KEPT)}
    table = {name: averaged(found[name].measure, cell, kind, repeats) for name in sorted(chosen)}
    tuned: Table = {}
    for budget in BUDGETS if kind == "ode" else ():
        for name in leaders(table, budget, 2):
            try:
                for title, grid in extra_grids(cell, found[name], budget).items():
                    way = replace(found[name], name=f"{name}, {title}", grid=grid)
                    steps = len(grid.given) - 1
                    tuned.setdefault(way.name, {})[budget] = at_steps(way, cell, steps)
            except Exception as problem:
                reasons[f"{name}, tuned for {budget}"] = reason(problem)
    return table, tuned, rough, reasons


def at_steps(way: Way, cell: Cell, steps: int) -> Score:
    """The score of one number of steps of an ODE solver."""
    own = cell.field.fresh()
    with quiet():
        ends = way(own, cell.starts, steps)
    return Score(cell.error(ends), own.calls)


# ------------------------------------------------------------------ what is recorded
def best(table: Table, budget: int) -> tuple[str, Score] | None:
    """The most accurate of a table at a budget."""
    known = {name: scores[budget] for name, scores in table.items() if budget in scores}
    finite = {name: score for name, score in known.items() if math.isfinite(score.error)}
    if not finite:
        return None
    name = min(finite, key=lambda key: finite[key].error)
    return name, finite[name]


def summary(theirs: Table, ours: Table, tuned: Table, floor: float) -> dict[str, Any]:
    """At each budget the best of both sides, and whether sicore's is at least as accurate.

    Errors of an SDE below the floor are luck, and count as the floor.
    """
    figures: dict[str, Any] = {}
    for budget in BUDGETS:
        peer, own, made = (best(table, budget) for table in (theirs, ours, tuned))
        row: dict[str, Any] = {"best peer": _text(peer), "best sicore": _text(own)}
        if made:
            row["best sicore on a tuned grid"] = _text(made)
        if peer and own:
            limit = max(peer[1].error, floor)
            row["error over the best peer's"] = float(f"{max(own[1].error, floor) / limit:.3g}")
            row["sicore at least as accurate"] = own[1].error <= limit
        if peer and made:
            row["the same, tuned"] = float(f"{made[1].error / peer[1].error:.3g}")
        figures[f"{budget} calls"] = row
    return figures


def _text(found: tuple[str, Score] | None) -> str:
    return f"{found[1].error:.3g} / {found[1].nfe}: {found[0]}" if found else "none"


def rows(table: Table) -> dict[str, str]:
    """One line for each method, the most accurate at 20 calls first."""

    def text(score: Score | None) -> str:
        if score is None:
            return "–"
        return f"{score.error:.3g} / {score.nfe}" if math.isfinite(score.error) else "not finite"

    def place(name: str) -> float:
        score = table[name].get(20) or Score(math.inf, 0)
        return score.error if math.isfinite(score.error) else math.inf

    return {
        name: " | ".join(text(table[name].get(budget)) for budget in BUDGETS)
        for name in sorted(table, key=place)
    }


def measured(cell: Cell, kind: str, repeats: int) -> dict[str, Any]:
    """Everything about one cell."""
    start = time.process_time()
    theirs, broken = peer_table(cell, kind, repeats)
    middle = time.process_time()
    ours, tuned, rough, skipped = sicore_tables(cell, kind, repeats)
    figures: dict[str, Any] = {}
    floor = 0.0
    if kind == "sde":
        floor, figures["floor"] = floor_of(cell)
    figures["best"] = summary(theirs, ours, tuned, floor)
    figures["all peers"] = rows(theirs)
    figures["sicore, the best ways"] = rows(ours) | rows(tuned)
    figures["sicore, the other ways, on fewer points"] = rows(
        {name: scores for name, scores in rough.items() if name not in ours}
    )
    figures["peers that did not run"], figures["sicore that did not run"] = broken, skipped
    figures["processor seconds"] = {
        "peers": round(middle - start, 1),
        "sicore": round(time.process_time() - middle, 1),
    }
    return figures


def floor_of(cell: Cell) -> tuple[float, dict[str, float]]:
    """The distance of exact samples from the law, and from each other."""
    samples = [cell.exact_samples(seed) for seed in range(20)]
    single = [cell.distance_to_law(sample) for sample in samples]
    pairs = [distance(a, b) for a, b in pairwise(samples)]
    floor = mean_square(single)
    figures = {
        "root mean square": floor,
        "lowest": min(single),
        "highest": max(single),
        "between two exact sets": mean_square(pairs),
    }
    return floor, {name: round(value, 4) for name, value in figures.items()}


def main() -> None:
    options = arguments(__doc__)
    repeats = 1 if options.quick else REPEATS
    figures: dict[str, Any] = {
        "budgets": list(BUDGETS),
        "peers": peers.versions(),
        "peers not installed": peers.missing(),
    }
    for kind, cells in (("ode", ODE_CELLS), ("sde", SDE_CELLS)):
        for law_name, path_name in cells:
            cell = Cell.of(law_name, path_name, options.quick)
            title = f"{kind.upper()}, {cell.name}"
            print(f"{title} …", file=sys.stderr, flush=True)
            figures[title] = measured(cell, kind, repeats)
    record("frontier", options, figures)


if __name__ == "__main__":
    main()
