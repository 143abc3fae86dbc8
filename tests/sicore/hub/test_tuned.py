"""Grids of a model: made, kept, found again, and refused with a reason."""

import json

import pytest
import torch

import sicore
from sicore.cli import run
from sicore.errors import InputError
from sicore.hub.tuned import Tuned, TunedGrids, read_tuned, steps_for, tune
from sicore.interpolants import Linear
from sicore.solvers import RK4, DormandPrince, Euler, Heun


@pytest.fixture
def grid():
    return Tuned({"name": "heun"}, (0.0, 0.4, 0.7, 1.0), 1.0, 5, 0.1, 0.2)


def test_a_tuned_grid_is_not_worse_and_is_found_again(model, tmp_path):
    ticks = []
    made = tune(model, "ab2", 4, samples=8, tick=lambda: ticks.append(1))
    assert made.error <= made.initial and made.nfe == 4 and len(made.times) == 5
    assert len(ticks) <= TunedGrids().check_new("ab2", 4, overwrite=False)
    model.grids = TunedGrids().with_grid(made)
    folder = model.save_pretrained(tmp_path / "model")
    again = sicore.load(folder, device="cpu")
    assert again.grids == model.grids
    samples = again.sample(2, solver="ab2", steps=4, grid="tuned")
    assert samples.nfe == 4 and samples.settings["grid"] == "tuned"
    uniform = again.sample(2, solver="ab2", steps=4, grid="uniform")
    if made.error < made.initial:
        assert not torch.allclose(samples.x, uniform.x)


def test_the_grid_of_a_solver_and_a_number_of_steps(grid):
    grids = TunedGrids((grid,), {"name": "heun"})
    assert grids.times(3, Linear()).tolist() == list(grid.times)
    with pytest.raises(InputError, match=r"has none for .*heun.* with 5 steps; it has: .* 3 steps"):
        grids.times(5, Linear())
    with pytest.raises(InputError, match="it has: none"):
        TunedGrids((), {"name": "heun"}).times(3, Linear())


def test_a_new_grid_takes_the_place_of_the_old_one(grid):
    other = Tuned(grid.solver, (0.0, 0.5, 0.8, 1.0), 1.0, 5, 0.05, 0.2)
    assert TunedGrids((grid,)).with_grid(other).grids == (other,)
    with pytest.raises(InputError, match="pass --overwrite to replace it"):
        TunedGrids((grid,)).check_new("heun", 5, overwrite=False)
    assert TunedGrids((grid,)).check_new("heun", 5, overwrite=True) > 0


def test_how_many_steps_are_that_many_calls():
    assert steps_for(Euler(), 8) == 8
    assert steps_for(Heun(), 8) == 4  # three steps of two calls, and DDIM's last one
    assert steps_for(RK4(), 9) == 3
    with pytest.raises(InputError, match="3 network calls are less than two steps"):
        steps_for(RK4(), 3)
    with pytest.raises(InputError, match="chooses its steps itself"):
        steps_for(DormandPrince(), 10)


def test_solvers_that_draw_noise_are_refused(model):
    with pytest.raises(InputError, match="for solvers of ODEs; this one draws noise"):
        tune(model, "euler-maruyama", 4)


@pytest.mark.parametrize("content", ["[]", '{"grids": [{"solver": "heun"}]}', '{"grids": 3}'])
def test_another_file_is_refused(content, tmp_path):
    path = tmp_path / "grids.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"grids\.json: not a file of time grids"):
        read_tuned(path)


def test_the_command(model, tmp_path, capsys):
    folder = model.save_pretrained(tmp_path / "model")
    arguments = ["tune-grid", str(folder), "--nfe", "3", "--solver", "euler", "-n", "4"]
    assert run(arguments) == 0
    assert "3 steps, 3 network calls: distance from a fine solve" in capsys.readouterr().out
    assert len(json.loads((folder / "grids.json").read_text())["grids"]) == 1
    assert run(arguments) == 1
    assert "pass --overwrite to replace it" in capsys.readouterr().err
    assert run([*arguments, "--overwrite"]) == 0
    out = str(tmp_path / "out")
    sample = ["sample", str(folder), "-n", "2", "--solver", "euler", "--grid", "tuned", "-o", out]
    assert run([*sample, "--steps", "5"]) == 1
    assert "has none for {'name': 'euler'} with 5 steps" in capsys.readouterr().err
    assert run([*sample, "--steps", "3"]) == 0
    assert run(["tune-grid", str(folder), "--nfe", "4", "--solver", "eulr"]) == 1
    assert "did you mean 'euler'" in capsys.readouterr().err
