"""A trained model on another path: through ``Model`` and its manifests."""

import pytest
import torch

from sicore.errors import InputError
from sicore.interpolants import VP, Linear
from sicore.inverse import Inpaint


def test_the_flow_is_the_same_on_every_path(make_model):
    """With many steps the samples of a seed are those of the model's own path."""
    model = make_model("edm", preconditioning="edm", prediction="data")
    own = model.sample(4, steps=60, solver="heun")
    for path in ("vp", "linear", "trigonometric"):
        made = model.sample(4, steps=60, solver="heun", as_interpolant=path)
        assert made.settings["as_interpolant"]["name"] == path
        assert made.nfe == own.nfe
        gap = (made.x - own.x).abs().max()
        assert gap < 0.05 * own.x.abs().max(), (path, gap)


@pytest.mark.parametrize("solver", ["heun", "ddim", "euler-maruyama", "stochastic-heun"])
@pytest.mark.parametrize("grid", ["uniform", "noise-level"])
@pytest.mark.parametrize(("own", "path"), [("edm", "linear"), ("linear", "vp"), ("vp", "edm")])
def test_every_solver(make_model, own, path, grid, solver):
    made = make_model(own).sample(3, steps=5, solver=solver, grid=grid, as_interpolant=path)
    assert bool(made.x.isfinite().all())


def test_the_grid_starts_where_the_model_knows_the_noise(make_model):
    """EDM knows σ ≤ 80: on the linear path that is t ≥ 1/81."""
    seen = []
    model = make_model("edm")
    model.sample(2, steps=4, as_interpolant=Linear(), callbacks=(lambda s: seen.append(s.t),))
    assert float(seen[0]) == pytest.approx(1 / 81, rel=1e-12)


def test_the_part_of_the_path_that_the_model_is_for(make_model):
    seen = []
    model = make_model("linear", sampling={"solver": "heun", "steps": 4, "start": 0.1, "end": 0.95})
    model.sample(
        2, as_interpolant="vp", callbacks=(lambda s: seen.append(torch.stack((s.t, s.s))),)
    )
    levels = VP().noise_level(torch.stack((seen[0][0], seen[-1][1])))
    torch.testing.assert_close(levels, torch.tensor([9.0, 0.05 / 0.95]).double())


def test_guidance_and_measurements(make_model):
    model = make_model("linear")
    guided = model.sample(3, {"class": 1}, guidance=2.0, steps=4, as_interpolant="vp")
    assert guided.nfe == 14
    mask = torch.tensor([[[True, False], [True, True]]])
    y = Inpaint(mask)(torch.ones(2, 1, 2, 2))
    for method in ("mmps", "pigdm", "replacement"):
        made = model.restore(
            y, Inpaint(mask), samples=2, steps=6, method=method, as_interpolant="vp"
        )
        assert made.settings["as_interpolant"]["name"] == "vp"
        torch.testing.assert_close(made.x[:, mask], torch.ones(4, 3), rtol=0, atol=0.1)


def test_two_sided_paths_are_refused(make_model):
    model = make_model("linear")
    with pytest.raises(InputError, match="as_interpolant: TwoSidedLinear is not a path"):
        model.sample(1, as_interpolant="linear-two-sided")
