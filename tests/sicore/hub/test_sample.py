"""Sampling a model: the same samples however they are grouped, and what they come with."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from sicore.cli import run
from sicore.config import Component
from sicore.errors import ConversionError, InputError, UnknownName
from sicore.hub import Categorical
from sicore.hub.bulk import sample_bulk
from sicore.interpolants import Linear
from sicore.plugins import get_registry
from sicore.solvers import Euler, NoiseLevelGrid
from sicore.states import Noise

SOLVERS = {
    entry.name: solver
    for entry in get_registry().entries("solver")
    if entry.plugin == "sicore"
    and not (solver := Component.parse("solver", entry.name).build()).categorical
}


def calls(solver, steps):
    """A solver that does not land leaves the last step to DDIM's one call."""
    each, more, lands = (getattr(SOLVERS[solver], k) for k in ("evaluations", "startup", "lands"))
    return more + (each * steps if lands else each * (steps - 1) + 1)


def close(a, b):
    torch.testing.assert_close(a, b, rtol=0, atol=1e-5)


@pytest.mark.parametrize("solver", ["heun", "euler-maruyama"])
@pytest.mark.parametrize("size", [1, 7, 64])
def test_samples_do_not_depend_on_the_batch_size(model, solver, size):
    settings = {"solver": solver, "steps": 5, "seed": 3}
    whole = model.sample(20, **settings)
    close(model.sample(20, batch_size=size, **settings).x, whole.x)
    assert whole.nfe == calls(solver, 5)
    for first in (0, 3, 13):
        close(
            model.sample(6, first_index=first, batch_size=size, **settings).x, whole.x[first:][:6]
        )


def test_seeds_and_samples_differ(model):
    x = model.sample(20, steps=3).x.flatten(1)
    assert torch.cdist(x, x)[~torch.eye(20, dtype=torch.bool)].min() > 1e-4
    assert not torch.allclose(x, model.sample(20, steps=3, seed=1).x.flatten(1), atol=1e-2)


def test_conditions(model):
    """One value for all, names, numbers, lists and tensors; each sample keeps its own."""
    bag = model.sample(4, {"class": "bag"}, steps=3).x
    close(model.sample(4, {"class": 0}, steps=3).x, bag)
    coat = model.sample(4, {"class": "Coat"}, steps=3).x
    mixed = torch.stack((bag[0], coat[1], bag[2], coat[3]))
    for codes in (["Bag", "Coat", 0, "1"], [0, 1, 0, 1], torch.tensor([0, 1, 0, 1])):
        for size in (64, 3):
            close(model.sample(4, {"class": codes}, steps=3, batch_size=size).x, mixed)
            part = {"class": codes[2:]}
            close(model.sample(2, part, steps=3, batch_size=size, first_index=2).x, mixed[2:])
    assert not torch.allclose(bag, coat, atol=1e-4)
    assert not torch.allclose(bag, model.sample(4, steps=3).x, atol=1e-4)


def test_guidance(model):
    free, bag = model.sample(4, steps=3), model.sample(4, {"class": 0}, steps=3)
    one = model.sample(4, {"class": 0}, steps=3, guidance=1.0)
    zero = model.sample(4, {"class": 0}, steps=3, guidance=0.0)
    two = model.sample(4, {"class": 0}, steps=3, guidance=2.0)
    close(one.x, bag.x)
    close(zero.x, free.x)
    assert not torch.allclose(two.x, bag.x, atol=1e-4)
    assert (free.nfe, one.nfe, two.nfe) == (5, 5, 10)


def test_the_configuration_gives_the_defaults(make_model):
    sampling = {"solver": "euler", "steps": 7, "guidance": 2.0, "grid": "noise-level"}
    model = make_model(sampling=sampling)
    plain = model.sample(3, {"class": 1})
    grid = NoiseLevelGrid()
    asked = model.sample(3, {"class": 1}, solver=Euler(), steps=7, guidance=2.0, grid=grid)
    close(plain.x, asked.x)
    assert plain.nfe == 14
    assert model.sample(3).nfe == 7  # there is nothing to guide towards


@pytest.mark.parametrize("path", ["linear", "trigonometric", "vp", "edm"])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("preconditioning", ["none", "edm"])
def test_every_solver_on_every_path(make_model, path, solver, preconditioning):
    model = make_model(path, preconditioning=preconditioning)
    for grid in ("uniform", "noise-level"):
        made = model.sample(5, solver=solver, steps=6, grid=grid)
        assert bool(made.x.isfinite().all()) and made.status.tolist() == [0] * 5
        assert made.x.dtype == torch.float32


@pytest.mark.parametrize("kind", ["velocity", "data", "v"])
def test_every_kind_that_starts_from_pure_noise(make_model, kind):
    made = make_model(prediction=kind).sample(3, steps=4)
    assert made.status.tolist() == [0, 0, 0]


def test_calls_are_counted_for_each_sample(model):
    counted = []
    model.network.register_forward_hook(lambda *_: counted.append(1))
    made = model.sample(10, steps=4, batch_size=5)
    assert made.nfe == len(counted) / 2 == calls("heun", 4)


def test_a_grid_that_starts_late_starts_from_the_law_at_that_time(model):
    """The noise-level grid starts the linear path at σ = 80, not at t = 0."""
    seen = []
    model.network.register_forward_pre_hook(lambda _, given: seen.append(given))
    model.sample(6, steps=3, grid="noise-level", solver="euler")
    x, t, _ = seen[0]
    start = NoiseLevelGrid().times(3, Linear())[0]
    torch.testing.assert_close(t, start.float().expand(6))
    noise = Noise.of(0, 6, space=model.domain.space)
    expected = Linear().prior(noise, model.domain.space, torch.float32, start)
    torch.testing.assert_close(x, expected, rtol=1e-6, atol=1e-6)


def test_callbacks_run(model):
    seen = []
    model.sample(4, steps=3, callbacks=(lambda step: seen.append(float(step.s)),))
    assert seen == pytest.approx([1 / 3, 2 / 3, 1.0])


def test_callbacks_see_steps_of_the_whole(model):
    """Heun leaves the last step to another solver; the numbers go on."""
    seen = []
    model.sample(2, steps=3, callbacks=(lambda step: seen.append((step.number, step.total)),))
    assert seen == [(0, 3), (1, 3), (2, 3)]


def test_an_sde_solver_gets_noise(model):
    quiet = model.sample(4, steps=20, solver="euler-maruyama", epsilon=1e-12).x
    loud = model.sample(4, steps=20, solver="euler-maruyama", epsilon=2.0).x
    torch.testing.assert_close(
        quiet, model.sample(4, steps=20, solver="euler").x, atol=1e-3, rtol=0
    )
    assert not torch.allclose(quiet, loud, atol=0.1)
    function = model.sample(4, steps=20, solver="euler-maruyama", epsilon=lambda t: 2 * (1 - t)).x
    close(function, loud)  # γ = 1 − t


def test_samples_come_with_their_history(model, tmp_path):
    made = model.sample(6, {"class": "Bag"}, steps=3, seed=4)
    assert len(made) == 6 and made.seed == 4
    torch.testing.assert_close(made.decoded, 2 * made.x)
    torch.testing.assert_close(made.mean(), made.decoded.mean(0))
    torch.testing.assert_close(made.std(), made.decoded.std(0))
    made.save(tmp_path / "out")
    assert torch.equal(load_file(tmp_path / "out/samples.safetensors")["x"], made.decoded)
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert (manifest["n"], manifest["seed"], manifest["nfe"]) == (6, 4, 5)
    assert manifest["condition"] == {"class": "Bag"} and manifest["steps"] == 3
    with pytest.raises(InputError, match="exists"):
        made.save(tmp_path / "out")
    made.save(tmp_path / "out", overwrite=True)


ERRORS = {
    "solver": ({"solver": "huen"}, UnknownName, "unknown solver 'huen': did you mean 'heun'"),
    "grid": ({"grid": "unifrom"}, UnknownName, "did you mean 'uniform'"),
    "steps": ({"steps": 0}, InputError, "steps: expected a whole number >= 1, got 0"),
    "none": ({"n": 0}, InputError, "expected numbers >= 1"),
    "batch": ({"batch_size": 0}, InputError, "expected numbers >= 1"),
    "condition": ({"condition": {"clas": 1}}, UnknownName, "did you mean 'class'"),
    "value": ({"condition": {"class": "Bga"}}, UnknownName, "did you mean 'Bag'"),
    "number": ({"condition": {"class": 3}}, UnknownName, "0 to 2"),
    "values": ({"condition": {"class": [0, 1, 2]}}, InputError, "expected 1 or 4 values, got 3"),
    "guidance": ({"guidance": 2.0}, InputError, "guidance 2: needs a condition"),
    "epsilon": ({"solver": "euler-maruyama", "epsilon": -1.0}, InputError, "epsilon: expected"),
    "ODE solver": ({"solver": "heun", "epsilon": 1.0}, InputError, "is for ODEs"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(model, case):
    settings, kind, message = ERRORS[case]
    with pytest.raises((kind, ValueError), match=message) as caught:
        model.sample(**{"n": 4, "steps": 2} | settings)
    assert "\n" not in str(caught.value)


TWO_SIDED = {
    "interpolant": {"name": "linear-two-sided", "gamma": {"name": "quadratic"}},
    "objective": {"coupling": {"name": "paired"}},
    "network": {"name": "mlp", "width": 16, "observed": "x0"},
}


def test_a_bridge_starts_from_what_is_observed(make_model):
    model = make_model(**TWO_SIDED)
    x0, seen = torch.arange(12.0).reshape(3, 1, 2, 2), []
    model.network.register_forward_pre_hook(lambda _, given: seen.append(given))
    made = model.sample(3, x0=x0, steps=4, solver="heun", batch_size=2)
    first, _, condition = seen[0]
    assert torch.equal(first, x0[:2]) and torch.equal(condition["x0"], x0[:2])
    assert made.nfe == calls("heun", 4) and made.status.tolist() == [0, 0, 0]
    close(model.sample(3, x0=x0, steps=4, solver="heun").x, made.x)
    noisy = model.sample(3, x0=x0, steps=4, solver="euler-maruyama")
    assert noisy.status.tolist() == [0, 0, 0]  # with x0 observed, the velocity gives the score


def test_a_source_that_is_drawn(make_model):
    """A normal source: sample k starts from the same state however it is grouped."""
    model, seen = make_model("linear-two-sided"), []
    model.network.register_forward_pre_hook(lambda _, given: seen.append(given))
    whole = model.sample(5, steps=2, solver="euler")
    close(model.sample(5, steps=2, solver="euler", batch_size=2).x, whole.x)
    assert seen[0][2] is None and not torch.allclose(seen[0][0][0], seen[0][0][1])


def test_a_grid_that_ends_early_ends_with_the_denoiser(make_model):
    sampling = {"solver": "euler", "steps": 4, "end": 0.9}
    made = make_model(sampling=sampling).sample(3)
    assert made.nfe == 5
    model = make_model(prediction="data", sampling=sampling)
    last = []
    model.network.register_forward_hook(lambda _, given, out: last.append((given, out)))
    made = model.sample(3)
    close(made.x, last[-1][1])
    torch.testing.assert_close(last[-1][0][1], torch.full((3,), 0.9))


def test_errors_of_source_states(make_model):
    x0 = torch.zeros(3, 1, 2, 2)
    with pytest.raises(InputError, match="starts from source states of the user: give x0"):
        make_model(**TWO_SIDED).sample(2)
    with pytest.raises(InputError, match="x0: expected 2 source states, got 3"):
        make_model(**TWO_SIDED).sample(2, x0=x0)
    with pytest.raises(InputError, match="x0: expected"):
        make_model(**TWO_SIDED).sample(2, x0=x0[:2, 0])
    with pytest.raises(InputError, match="x0: this model starts from noise"):
        make_model().sample(3, x0=x0)


def test_categorical():
    kind = Categorical(3, ("Bag", "Coat", "Sandal"))
    assert [kind.index(v) for v in ("Bag", "coat", "2", 2, " Bag ")] == [0, 1, 2, 2, 0]
    assert Categorical(5).index("4") == 4
    for wrong in (3, -1, "Boot", ""):
        with pytest.raises(UnknownName):
            kind.index(wrong)


def test_source_states_from_a_file(make_model, tmp_path, capsys):
    """In bulk and on the command line: the same samples as in one call."""
    model, x0 = make_model(**TWO_SIDED), torch.arange(20.0).reshape(5, 1, 2, 2)
    expected = model.sample(5, x0=x0, steps=3).x
    close(sample_bulk(model, 5, x0=x0, steps=3, batch_size=2).x, expected)
    model.save_pretrained(tmp_path / "model")
    save_file({"x": x0}, tmp_path / "x0.safetensors")
    line = ["sample", str(tmp_path / "model"), "-n", "5", "--steps", "3", "--device", "cpu"]
    more = ["--x0", str(tmp_path / "x0.safetensors"), "-o", str(tmp_path / "out")]
    assert run([*line, *more]) == 0
    close(load_file(tmp_path / "out/samples.safetensors")["x"], 2 * expected)
    line[3] = "4"
    assert run([*line, *more, "--overwrite"]) == 1
    assert "x0: expected 4 source states, got 5" in capsys.readouterr().err


def test_a_blur_that_the_prediction_cannot_take_off_is_refused(make_model):
    """At t = 1 the velocity of a perturbed linear path says nothing of the clean data."""
    path = {"name": "perturbed", "interpolant": "linear", "sigma": 0.3}
    assert make_model(path, prediction="data").sample(2, steps=3, solver="heun").nfe == 7
    with pytest.raises(ConversionError, match="the data is not determined by a velocity"):
        make_model(path).sample(2, steps=3, solver="heun")
