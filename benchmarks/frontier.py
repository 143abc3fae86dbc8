"""Error at a number of network calls: every solver of sicore beside those of its peers.

The problems are exact (see ``problems``): no network, no training, and the true ends of the same
starting points. A method that cannot use a number of calls exactly takes the most that it can; an
adaptive one takes the best of a ladder of tolerances. Calls are counted by the field, not by the
library. ODE solvers are compared on five cells, SDE solvers on three, where the error is that of
samples and cannot fall below the floor, the distance between two exact sets.

The tables ``all peers`` and ``all sicore`` give ``error / calls`` at each budget.
"""

from __future__ import annotations

import functools
import math
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import peers
from common import arguments, record
from problems import ODE_CELLS, SDE_CELLS, Cell, Field, OverBudget, distance

if TYPE_CHECKING:
    from torch import Tensor

BUDGETS = (5, 10, 20, 50, 100)
REPEATS = 3  # of the SDE solvers
LADDER = range(-1, 22)  # k of the tolerances 10^(−k/2)

# Solvers and grids beyond the defaults of the registered names.
EXTRA: dict[str, list[dict[str, Any]]] = {
    "solver": [{"name": "ddim", "eta": 1.0}],
    "grid": [{"name": "noise-level", "sigma_min": 0.02}],
}


@dataclass(frozen=True)
class Score:
    """An error, and the network calls that it took."""

    error: float
    nfe: int


Table = dict[str, dict[int, Score]]
Runner = Callable[[Field, "Tensor", int], "Tensor"]


@dataclass(frozen=True)
class Way:
    """One way of sicore to the data: solver, grid, ε, the path that it works on.

    Args:
        name: what a reader calls it.
        run: from the field, the states at t = 0 and the number of steps to the end states.
        per_step: network calls of a step, where the search for the number of steps begins.
    """

    name: str
    run: Runner
    per_step: int = 1


def extra_grids(cell: Cell, solver: Any, nfe: int) -> dict[str, Any]:
    """Grids made for one cell, solver and budget, by name: the place of a ``tuned`` one.

    A grid has ``times(steps, path, start, end)``, as the registered ones.
    """
    return {}


@contextmanager
def quiet(seed: int = 0) -> Iterator[None]:
    """No gradients, no warnings, and the same random numbers in every run."""
    import torch

    torch.manual_seed(seed)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


# ------------------------------------------------------------------ how many steps a budget buys
def fitting(
    cost: Callable[[int], int], budget: int, per_step: int = 1, least: int = 1
) -> int | None:
    """The most steps that cost no more than the budget; None if even the least cost more."""
    steps = max(least, budget // per_step)
    while steps >= least and cost(steps) > budget:
        steps -= max(1, (cost(steps) - budget) // (2 * per_step))
    if steps < least:
        return None if cost(least) > budget else least
    while steps < 2 * budget and cost(steps + 1) <= budget:
        steps += 1
    return steps


def counted(run: Runner, field: Field, x: Tensor) -> Callable[[int], int]:
    """The network calls of a number of steps, on two of the states."""

    @functools.cache
    def cost(steps: int) -> int:
        own = field.fresh()
        with quiet():
            run(own, x[:2].clone(), steps)
        return own.calls

    return cost


def scores_at(
    run: Runner,
    field: Field,
    x: Tensor,
    error: Callable[[Tensor], float],
    per_step: int = 1,
    least: int = 1,
) -> dict[int, Score]:
    """The error at each budget, by a method with a number of steps."""
    cost, found = counted(run, field, x), {}

    @functools.cache
    def score(steps: int) -> Score:
        own = field.fresh()
        with quiet():
            ends = run(own, x, steps)
        return Score(error(ends), own.calls)

    for budget in BUDGETS:
        steps = fitting(cost, budget, per_step, least)
        if steps is not None:
            found[budget] = score(steps)
    return found


def ladder(
    run: Runner, field: Field, x: Tensor, error: Callable[[Tensor], float]
) -> dict[int, Score]:
    """The best of the tolerances within each budget, by an adaptive method."""
    tried = []
    for k in LADDER:
        own = field.fresh(limit=BUDGETS[-1])
        try:
            with quiet():
                ends = run(own, x, k)
        except OverBudget:
            break
        tried.append(Score(error(ends), own.calls))
    found = {}
    for budget in BUDGETS:
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
            reasons[name] = f"{type(problem).__name__}: {problem}".splitlines()[0]
    return table, reasons


def averaged(
    measure: Callable[..., dict[int, Score]], cell: Cell, kind: str, repeats: int
) -> dict[int, Score]:
    """For an ODE one measurement; for an SDE the mean over seeds."""
    if kind == "ode":
        return measure(cell.field, cell.starts, cell.error)
    rounds = []
    for seed in range(repeats):
        target = cell.exact_samples(seed)
        rounds.append(measure(cell.field, _starts(cell, seed), functools.partial(distance, target)))
    return {
        budget: Score(statistics.mean(r[budget].error for r in rounds), rounds[0][budget].nfe)
        for budget in rounds[0]
    }


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
    entries = [*get_registry().names(group), *EXTRA[group]]
    for entry in entries:
        name = entry if isinstance(entry, str) else _title(entry)
        try:
            made[name] = Component.parse(group, entry).build()
        except Exception as problem:
            reasons[name] = f"{type(problem).__name__}: {problem}".splitlines()[0]
    return made, reasons


def _title(entry: dict[str, Any]) -> str:
    rest = ", ".join(f"{key} {value:g}" for key, value in entry.items() if key != "name")
    return f"{entry['name']} ({rest})"


def ways(cell: Cell, kind: str, solvers: dict[str, Any], grids: dict[str, Any]) -> Iterator[Way]:
    """Every solver on every grid, on the problem's path and moved to the linear one.

    Moving is ``AsInterpolant``: the same network on another path. A solver that does not land is
    also run as ``Model.sample`` runs it, with DDIM's for the last step.
    """
    clocks = ("own",) if cell.path_name == "linear" else ("own", "linear")
    for name, solver in solvers.items():
        noisy = solver.stochastic or getattr(solver, "eta", 0) > 0
        if noisy != (kind == "sde"):
            continue
        epsilons = ("noising", "proportional") if solver.stochastic else (None,)
        lands = getattr(solver, "lands", True)
        endings = (True,) if lands else (False,) if solver.stochastic else (True, False)
        per_step = getattr(solver, "evaluations", 1)
        for clock in clocks:
            for grid_name, grid in grids.items():
                for epsilon in epsilons:
                    for direct in endings:
                        parts = [name, grid_name, epsilon]
                        parts += [None if direct else "DDIM last"]
                        parts += ["on the linear path" if clock == "linear" else None]
                        title = ", ".join(part for part in parts if part)
                        runner = Sicore(solver, grid, epsilon, direct, clock == "linear")
                        yield Way(title, runner, per_step)


@dataclass(frozen=True)
class Sicore:
    """A run of ``sicore.solvers.solve`` from t = 0 of the cell's path to the data."""

    solver: Any
    grid: Any
    epsilon: str | None
    direct: bool
    on_linear: bool

    def __call__(self, field: Field, x: Tensor, steps: int) -> Tensor:
        """The end states."""
        from sicore.dynamics import PathDynamics
        from sicore.interpolants import Linear
        from sicore.predictions import VELOCITY, AsInterpolant, FunctionPrediction
        from sicore.solvers import DDIM, solve
        from sicore.states import Noise

        prediction: Any = FunctionPrediction(field.velocity, field.path, VELOCITY)
        path: Any = field.path
        start = 0.0
        if self.on_linear:
            path = Linear()
            prediction = AsInterpolant(prediction, path)
            start = prediction.first_time
            x = field.moved(x, field.first_level) * start
        times = self.grid.times(steps, path, start, 1.0)
        ode = PathDynamics(prediction)
        dynamics = (
            ode if self.epsilon is None else PathDynamics(prediction, _epsilon(self.epsilon, path))
        )
        noise = Noise.of(int(1e6 * float(x.flatten()[0].abs())), len(x))
        if self.direct:
            return solve(dynamics, x, times, self.solver, noise).x  # type: ignore[return-value]
        if len(times) > 2:
            x = solve(dynamics, x, times[:-1], self.solver, noise).x  # type: ignore[assignment]
        return solve(ode, x, times[-2:], DDIM(), noise).x  # type: ignore[return-value]


def _epsilon(name: str, path: Any) -> Any:
    from sicore.dynamics import noising, proportional

    return noising(path) if name == "noising" else proportional(1.0, path)


def sicore_table(cell: Cell, kind: str, repeats: int) -> tuple[Table, dict[str, str]]:
    """Scores of every way, and the reasons of those that did not run."""
    solvers, reasons = built("solver")
    grids, unbuilt = built("grid")
    reasons.update(unbuilt)
    table: Table = {}
    for way in ways(cell, kind, solvers, grids):
        measure = functools.partial(scores_at, way.run, per_step=way.per_step)
        try:
            table[way.name] = averaged(measure, cell, kind, repeats)
        except Exception as problem:
            reasons[way.name] = f"{type(problem).__name__}: {problem}".splitlines()[0]
    for name, solver in solvers.items():
        for budget in BUDGETS:
            for title, grid in extra_grids(cell, solver, budget).items():
                tuned(table, reasons, cell, kind, repeats, f"{name}, {title}", solver, grid, budget)
    return table, reasons


def tuned(
    table: Table,
    reasons: dict[str, str],
    cell: Cell,
    kind: str,
    repeats: int,
    name: str,
    solver: Any,
    grid: Any,
    budget: int,
) -> None:
    """Add the score of a grid that is made for one budget."""
    epsilon = "noising" if solver.stochastic else None
    run = Sicore(solver, grid, epsilon, getattr(solver, "lands", True), False)
    measure = functools.partial(scores_at, run, per_step=getattr(solver, "evaluations", 1))
    try:
        scores = averaged(measure, cell, kind, repeats)
    except Exception as problem:
        reasons[name] = f"{type(problem).__name__}: {problem}".splitlines()[0]
        return
    if budget in scores:
        table.setdefault(name, {})[budget] = scores[budget]


# ------------------------------------------------------------------ what is recorded
def best(table: Table, budget: int) -> tuple[str, Score] | None:
    """The most accurate of a table at a budget."""
    known = {name: scores[budget] for name, scores in table.items() if budget in scores}
    finite = {name: score for name, score in known.items() if math.isfinite(score.error)}
    if not finite:
        return None
    name = min(finite, key=lambda key: finite[key].error)
    return name, finite[name]


def summary(theirs: Table, ours: Table, floor: float | None) -> dict[str, Any]:
    """At each budget the best of both sides, and whether sicore's is at least as accurate.

    Errors of an SDE below the floor are luck, and count as the floor.
    """
    figures: dict[str, Any] = {}
    for budget in BUDGETS:
        sides = {"best peer": best(theirs, budget), "best sicore": best(ours, budget)}
        row: dict[str, Any] = {
            side: found and f"{found[1].error:.3g} / {found[1].nfe} {found[0]}"
            for side, found in sides.items()
        }
        peer, own = sides.values()
        if peer and own:
            limit = max(peer[1].error, floor or 0.0)
            row["error over the best peer's"] = float(f"{own[1].error / limit:.3g}")
            row["sicore at least as accurate"] = own[1].error <= limit
        figures[f"{budget} calls"] = row
    return figures


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
    ours, skipped = sicore_table(cell, kind, repeats)
    figures: dict[str, Any] = {}
    floor = None
    if kind == "sde":
        pairs = [(cell.exact_samples(i), cell.exact_samples(50 + i)) for i in range(2 * repeats)]
        floor = statistics.mean(distance(*pair) for pair in pairs)
        figures["floor"] = round(floor, 4)
    figures["best"] = summary(theirs, ours, floor)
    figures["all peers"], figures["all sicore"] = rows(theirs), rows(ours)
    figures["peers that did not run"], figures["sicore that did not run"] = broken, skipped
    figures["processor seconds"] = {
        "peers": round(middle - start, 1),
        "sicore": round(time.process_time() - middle, 1),
    }
    return figures


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
            figures[f"{kind.upper()}, {cell.name}"] = measured(cell, kind, repeats)
    record("frontier", options, figures)


if __name__ == "__main__":
    main()
