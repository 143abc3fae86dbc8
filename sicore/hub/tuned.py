"""Time grids that were made for a model: how `sicore tune-grid` makes, keeps and finds them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.files import read_json, write_json
from sicore.hub.plan import built
from sicore.hub.samples import Samples
from sicore.interpolants import Interpolant, OneSided
from sicore.solvers import RK4, GivenGrid, Grid, Solver, UniformGrid, angle_grid, cosine_grid
from sicore.solvers.tuning import distance, most_solves, tune_grid

if TYPE_CHECKING:
    from sicore.hub.conditions import ConditionLike
    from sicore.hub.model import Model

FINE = 64  # steps of the reference solve, of order 4


@dataclass(frozen=True)
class Tuned:
    """One grid of a model.

    Attributes:
        solver: as in a configuration.
        times: the grid, from source to data.
        guidance: the scale that it was made with.
        nfe: network calls of a sample on it.
        error: the mean distance (root mean square over the entries of a state) of its ends from
            those of a fine solve, on starts that it was not made with.
        initial: the same of the best grid that it could have begun with.
    """

    solver: Any
    times: tuple[float, ...]
    guidance: float
    nfe: int
    error: float
    initial: float

    def fits(self, solver: Any, steps: int) -> bool:
        """Whether it is one for this solver and number of steps."""
        return bool(self.solver == solver and len(self.times) == steps + 1)


@dataclass(frozen=True)
class TunedGrids:
    """All grids of a model; as a ``Grid``, the one for a solver.

    Args:
        grids: what there is.
        solver: the solver, as in a configuration, for which ``times`` finds one.
    """

    grids: tuple[Tuned, ...] = ()
    solver: Any = None
    name: ClassVar[str] = "tuned"

    def times(
        self, steps: int, interpolant: Interpolant, start: float = 0.0, end: float = 1.0
    ) -> Tensor:
        """The times that were made for this solver and number of steps.

        Raises:
            InputError: if there are none; says which there are.
        """
        for grid in self.grids:
            if grid.fits(self.solver, steps):
                return torch.tensor(grid.times, dtype=torch.float64)
        have = ", ".join(f"{g.solver} with {len(g.times) - 1} steps" for g in self.grids)
        raise InputError(
            f"grid 'tuned': this model has none for {self.solver} with {steps} steps; "
            f"it has: {have or 'none'} (`sicore tune-grid MODEL` makes them)"
        )

    def check_new(self, solver: str, nfe: int, overwrite: bool) -> int:
        """Solves of a tuning at most, if there is room for its grid.

        Raises:
            InputError: if there is one already, and ``overwrite`` is false; as `steps_for`.
        """
        chosen, name = built("solver", solver)
        steps = steps_for(chosen, nfe)
        if not overwrite and any(grid.fits(name, steps) for grid in self.grids):
            raise InputError(
                f"tune-grid: there is a grid for {name} with {steps} steps: pass --overwrite to "
                f"replace it"
            )
        return most_solves(steps) + 7  # two fine solves, three first grids, the end and its calls

    def with_grid(self, new: Tuned) -> TunedGrids:
        """These and a new one, which takes the place of one for the same solver and steps."""
        rest = [g for g in self.grids if not g.fits(new.solver, len(new.times) - 1)]
        made = sorted([*rest, new], key=lambda g: (str(g.solver), g.nfe))
        return TunedGrids(tuple(made))

    def save(self, path: Path) -> None:
        """Write them as JSON."""
        write_json(path, {"grids": [vars(g) | {"times": list(g.times)} for g in self.grids]})


def read_tuned(path: Path) -> TunedGrids:
    """Read ``grids.json``.

    Raises:
        InputError: if it is not what `TunedGrids.save` writes.
    """
    content = read_json(path)
    try:
        rows: Sequence[Mapping[str, Any]] = content["grids"]
        grids = [Tuned(**{**row, "times": tuple(map(float, row["times"]))}) for row in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not a file of time grids ({error})") from None
    return TunedGrids(tuple(grids))


def steps_for(solver: Solver, nfe: int) -> int:
    """The most steps of a solver with so many calls; a last step of DDIM's is one call.

    Raises:
        InputError: if there are fewer than two, or the solver chooses its steps itself.
    """
    if solver.adaptive:
        raise InputError("tune-grid: this solver chooses its steps itself")
    calls = nfe - solver.startup
    whole = calls // solver.evaluations if solver.lands else 1 + (calls - 1) // solver.evaluations
    if whole < 2:
        raise InputError(f"tune-grid: {nfe} network calls are less than two steps of this solver")
    return whole


def tune(
    model: Model,
    solver: str | Solver,
    nfe: int,
    *,
    condition: ConditionLike = None,
    guidance: float | None = None,
    samples: int = 64,
    seed: int = 1,
    tick: Callable[[], None] = lambda: None,
) -> Tuned:
    """Make a grid for a solver of ODEs and a number of network evaluations.

    It begins with the better of the uniform and the angle grid, moves the times by one half of
    the samples and measures by the other half.

    Args:
        model: any model.
        solver: a registered name or an object.
        nfe: evaluations for each sample; guidance makes two network calls of each.
        condition: as in ``Model.sample``; by default all classes in turn, if there are any.
        guidance: as in ``Model.sample``.
        samples: how many starts.
        seed: of the starts.
        tick: called after every solve.

    Raises:
        InputError: for an SDE solver, one that chooses its steps, or too few calls.
    """
    chosen, name = built("solver", solver)
    if chosen.stochastic or chosen.draws:
        raise InputError("tune-grid: for solvers of ODEs; this one draws noise")
    steps, half = steps_for(chosen, nfe), max(samples // 2, 1)
    given = _classes(model, half) if condition is None else condition

    def drawn(method: Solver, grid: Grid, count: int, part: int) -> Samples:
        made = model.sample(
            half, given, solver=method, grid=grid, steps=count, guidance=guidance,
            seed=seed, first_index=part * half, batch_size=half,
        )  # fmt: skip
        tick()
        return made

    fine = [drawn(RK4(), fine_grid(model.interpolant), FINE, part).x for part in (0, 1)]

    def error(grid: Grid) -> float:
        return distance(drawn(chosen, grid, steps, 1).x, fine[1])

    starts = candidates(model.interpolant)
    errors = [error(grid) for grid in starts]
    initial = min(errors)
    first = starts[errors.index(initial)]
    plan_times = first.times(
        steps, model.interpolant, model.config.sampling.start, model.config.sampling.end
    )
    made = tune_grid(lambda times: drawn(chosen, GivenGrid(times), steps, 0).x, fine[0], plan_times)
    times = made.times
    final = error(GivenGrid(times))
    if final > initial:  # what helped one half did not help the other
        times, final = plan_times, initial
    calls = drawn(chosen, GivenGrid(times), steps, 1).nfe
    scale = model.config.sampling.guidance if guidance is None else guidance
    return Tuned(name, tuple(times.tolist()), scale, calls, final, initial)


def candidates(interpolant: Interpolant) -> list[Grid]:
    """The grids that a tuning begins with."""
    uniform: list[Grid] = [UniformGrid()]
    return [*uniform, angle_grid(), cosine_grid()] if isinstance(interpolant, OneSided) else uniform


def fine_grid(interpolant: Interpolant) -> Grid:
    """That of the reference."""
    return candidates(interpolant)[-1]


def _classes(model: Model, n: int) -> ConditionLike:
    known = model.domain.categories("class").size
    return {"class": [i % known for i in range(n)]} if known else None
