"""Grids made for a model: better on starts that they were not made with, and still grids."""

import pytest
import torch

from sicore.dynamics import PathDynamics
from sicore.errors import InputError
from sicore.interpolants import VP
from sicore.predictions import VELOCITY
from sicore.solvers import RK5, UniformGrid, cosine_grid, solve
from sicore.solvers.family import v_adams_2
from sicore.solvers.tuning import distance, most_solves, tune_grid
from sicore.states import Noise

PATH = VP()


@pytest.fixture(scope="module")
def problem(exact):
    """Starts, where they end, and a solve on a grid."""
    law = exact(PATH)
    x = law.marginal(0.0).sample(Noise.of(0, 200))
    dynamics = PathDynamics(law.prediction(VELOCITY))
    fine = solve(dynamics, x, cosine_grid().times(150, PATH), RK5()).x

    def ends(times, part=slice(0, 200)):
        return solve(dynamics, x[part], times, v_adams_2()).x

    return fine, ends


@pytest.mark.parametrize("steps", [4, 7])
def test_it_helps_starts_that_it_has_not_seen(steps, problem):
    fine, ends = problem
    seen, unseen = slice(0, 100), slice(100, 200)
    first = UniformGrid().times(steps, PATH)
    calls = []

    def counted(times):
        calls.append(times)
        return ends(times, seen)

    made = tune_grid(counted, fine[seen], first)
    assert made.error < made.initial / 3
    assert made.error == pytest.approx(distance(ends(made.times, seen), fine[seen]))
    before, after = (distance(ends(t, unseen), fine[unseen]) for t in (first, made.times))
    assert after < before / 3
    assert made.times[0] == 0 and made.times[-1] == 1 and bool((made.times.diff() > 0).all())
    assert len(calls) <= most_solves(steps)


def test_it_is_deterministic(problem):
    fine, ends = problem
    first = UniformGrid().times(5, PATH)
    assert torch.equal(tune_grid(ends, fine, first).times, tune_grid(ends, fine, first).times)


def test_one_step_has_nothing_to_move(problem):
    fine, ends = problem
    with pytest.raises(InputError, match="a grid of one step has no time that could be moved"):
        tune_grid(ends, fine, UniformGrid().times(1, PATH))


def test_ends_that_are_not_finite(problem):
    fine, ends = problem
    with pytest.raises(InputError, match="the solver's ends on the first grid are not finite"):
        tune_grid(lambda times: float("nan") * ends(times), fine, UniformGrid().times(3, PATH))
