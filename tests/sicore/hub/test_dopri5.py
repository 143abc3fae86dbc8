"""Models with a solver that chooses the steps of each sample."""

import json

import pytest
import torch
from safetensors.torch import load_file

from sicore.cli import run
from sicore.config import Component
from sicore.errors import InputError
from sicore.hub.bulk import sample_bulk
from sicore.hub.plan import OwnSteps, make_plan, travelling
from sicore.interpolants import VE, Linear
from sicore.inverse import Inpaint
from sicore.solvers import NOT_FINITE, OUT_OF_CALLS, DormandPrince, Euler
from sicore.states import Noise


def chosen(**parameters):
    return Component.parse("solver", {"name": "dopri5", **parameters})


def close(a, b, atol=1e-4):
    torch.testing.assert_close(a, b, rtol=0, atol=atol)


def test_it_ends_where_fixed_steps_end(model):
    """Both leave the last step to DDIM, from a little noise."""
    fine = model.sample(20, solver="rk4", steps=200, seed=3)
    made = model.sample(20, solver=chosen(rtol=1e-6, atol=1e-6), seed=3)
    close(made.x, fine.x, atol=0.01)
    rough = model.sample(20, solver=chosen(rtol=0.1, atol=0.1), seed=3)
    assert rough.nfe < made.nfe and not torch.allclose(rough.x, made.x, atol=1e-4)


@pytest.mark.parametrize("size", [1, 3, 7])
def test_samples_do_not_depend_on_the_batch_size(model, size):
    settings = {"solver": "dopri5", "seed": 3, "condition": {"class": "bag"}, "guidance": 2.0}
    whole = model.sample(20, **settings)
    made = model.sample(20, batch_size=size, **settings)
    close(made.x, whole.x)
    for first in (3, 13):
        part = model.sample(6, first_index=first, batch_size=size, **settings)
        close(part.x, whole.x[first:][:6])


def test_conditions_follow_their_samples(model):
    one, other = (model.sample(6, {"class": name}, solver="dopri5").x for name in ("bag", "sandal"))
    codes = [0, 2, 2, 0, 2, 0]
    mixed = model.sample(6, {"class": codes}, solver="dopri5", batch_size=2).x
    close(mixed, torch.stack([(one, other)[code > 0][i] for i, code in enumerate(codes)]))


def test_the_batch_is_filled(model):
    """Samples of several batches take the places of those that arrived."""
    sizes = []
    model.network.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    made = model.sample(40, solver="dopri5", batch_size=8)
    assert max(sizes[:-1]) == 8 and sum(sizes) == int(made.calls.sum())
    assert made.calls.shape == (40,) and made.nfe == int(made.calls.max())
    assert travelling(Euler(), 8) == 8 and travelling(DormandPrince(), 8) == 64


def test_restoring(model):
    """Each sample keeps its measurement; a method that acts between steps cannot."""
    operator = Inpaint(torch.tensor([[True, False], [False, True]]))
    y = operator(Noise.of(0, 3).normal((1, 2, 2)))
    settings = {"samples": 4, "noise_std": 0.1, "solver": "dopri5", "method": "mmps"}
    whole = model.restore(y, operator, **settings)
    assert whole.status.tolist() == [0] * 12
    close(model.restore(y, operator, batch_size=5, **settings).x, whole.x, atol=1e-3)
    near = (operator(whole.x) - y.repeat_interleave(4, 0)).abs().max()
    assert near < 1.5 < (operator(whole.x) - y.flip(0).repeat_interleave(4, 0)).abs().max()
    with pytest.raises(InputError, match="choose a solver with fixed steps"):
        model.restore(y, operator, **{**settings, "method": "replacement"})


def test_a_manifest_tells_tolerances_and_calls(model, tmp_path, capsys):
    model.save_pretrained(tmp_path / "model")
    line = ["sample", str(tmp_path / "model"), "-n", "5", "--solver", "dopri5", "--device", "cpu"]
    assert run([*line, "-o", str(tmp_path / "out")]) == 0
    expected = model.sample(5, solver="dopri5")
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    solver = {"name": "dopri5", "rtol": 1e-5, "atol": 1e-5, "max_calls": 1000}
    assert manifest["solver"] == solver and manifest["steps"] is manifest["grid"] is None
    assert manifest["calls"] == expected.calls.tolist() and manifest["nfe"] == expected.nfe
    close(load_file(tmp_path / "out/samples.safetensors")["x"], 2 * expected.x, atol=1e-3)
    assert f"5 samples, {expected.nfe} network calls at most" in capsys.readouterr().out


def test_in_bulk(model):
    """Two processes get the samples that travel together, and tell the calls of each."""
    whole = model.sample(20, solver="dopri5", batch_size=2)
    made = sample_bulk(model, 20, solver="dopri5", batch_size=2, processes=2)
    assert torch.equal(made.calls, whole.calls) and made.nfe == whole.nfe
    close(made.x, whole.x)


def test_samples_that_stop_early_are_told(model, tmp_path, capsys):
    with pytest.warns(UserWarning, match="3 of 3 samples ran out of network calls: allow"):
        made = model.sample(3, solver=chosen(max_calls=14))
    assert made.status.tolist() == [OUT_OF_CALLS] * 3 and bool(made.x.isfinite().all())
    assert made.nfe <= 15
    for parameter in model.network.parameters():
        parameter.fill_(float("nan"))
    with pytest.warns(UserWarning, match="3 of 3 samples are not finite"):
        made = model.sample(3, solver="dopri5")
    assert made.status.tolist() == [NOT_FINITE] * 3 and made.nfe < 10


def test_the_model_may_be_configured_for_it(make_model):
    sampling = {"solver": {"name": "dopri5", "rtol": 1e-3}}
    made = make_model(sampling=sampling).sample(3)
    assert made.settings["solver"]["rtol"] == 1e-3 and made.calls is not None


@pytest.mark.parametrize("path", ["linear", "vp", "trigonometric", "edm", "linear-two-sided"])
@pytest.mark.parametrize("prediction", ["velocity", "data"])
def test_every_path(make_model, path, prediction):
    if path == "linear-two-sided" and prediction == "data":
        pytest.skip("the data prediction of a two-sided path does not determine its drift")
    model = make_model(path, prediction=prediction)
    made = model.sample(4, solver=chosen(rtol=1e-3, atol=1e-3))
    assert made.status.tolist() == [0] * 4 and bool(made.x.isfinite().all())


def test_the_last_time_is_that_of_a_little_noise(one_sided):
    first, *rest = OwnSteps().times(20, one_sided).tolist()
    assert first == 0.0 and rest[-1] == 1.0
    if float(one_sided.at(1.0).gamma) == 0:
        level = float(one_sided.noise_level(torch.tensor(rest[0], dtype=torch.float64)))
        assert abs(level - 0.002) < 1e-9
    else:
        assert len(rest) == 1  # the denoiser takes off what is left


def test_the_last_time_of_a_two_sided_path(two_sided):
    """Where source and noise together are 0.002 of the data."""
    _, last, end = OwnSteps().times(20, two_sided).tolist()
    p = two_sided.at(last)
    assert abs(float((p.alpha**2 + p.gamma**2).sqrt() / p.beta) - 0.002) < 1e-6 and end == 1.0


def test_a_short_way_is_left_to_the_last_step():
    assert OwnSteps().times(20, Linear(), 0.9999, 1.0).tolist() == [0.9999, 1.0]
    assert OwnSteps().times(20, VE(), 0.2, 0.9).tolist() == [0.2, 0.9]


def test_steps_and_grid_are_not_for_it(make_model):
    config = make_model().config.sampling
    one, other = (
        make_plan(config, Linear(), "dopri5", steps, grid, None)
        for steps, grid in ((None, None), (3, "noise-level"))
    )
    assert torch.equal(one.times, other.times) and len(one.times) == 3


def test_a_tolerance_on_the_command_line(model, tmp_path, capsys):
    folder = str(model.save_pretrained(tmp_path / "model"))
    command = ["sample", folder, "-n", "2", "--tolerance", "0.01", "-o", str(tmp_path / "out")]
    assert run(command) == 0
    solver = json.loads((tmp_path / "out" / "manifest.json").read_text())["solver"]
    assert (solver["name"], solver["rtol"], solver["atol"]) == ("dopri5", 0.01, 0.01)
    assert run([*command, "--overwrite", "--solver", "heun"]) == 1
    assert "unknown key 'solver.rtol'" in capsys.readouterr().err
