"""Pairs of a model are the map of its ODE, and a model of the pairs is straighter."""

import json
from dataclasses import dataclass

import pytest
import torch

from sicore.config import parse_config
from sicore.config.component import parameters_model
from sicore.dynamics import PathDynamics
from sicore.errors import InputError
from sicore.evaluation import energy_distance
from sicore.exact import ExactPath, GaussianMixture
from sicore.files import read_json
from sicore.hub import Model, pairs, reflow
from sicore.hub.build import Parts, build_parts
from sicore.hub.pairs import Pairs
from sicore.hub.reflow import draw_pairs
from sicore.interpolants import Linear
from sicore.objectives import SOURCE, Objective, Reflow
from sicore.predictions import VELOCITY, NetworkPrediction
from sicore.solvers import RK4, Euler, UniformGrid, solve
from sicore.states import Noise
from sicore.testing import check_dataset

PLANE = """
from sicore.hub import Domain
from sicore.plugins import hookimpl
from sicore.states import TensorSpace


class Plane(Domain):
    name = "plane"

    def __init__(self):
        self.space = TensorSpace((2,))


class Nothing:
    def __len__(self):
        return 0


@hookimpl
def sicore_register(registry):
    registry.add("domain", "plane", "fake_plane:Plane", "points")
    registry.add("dataset", "plane/none", "fake_plane:Nothing", "no data")
"""
F64 = torch.float64
MODES = torch.tensor([[-2.0, 1.0], [2.0, 1.0], [0.0, -2.0]], dtype=F64)
MIXTURE = GaussianMixture(
    torch.tensor([0.5, 0.3, 0.2], dtype=F64), MODES, 0.1 * torch.eye(2, dtype=F64).repeat(3, 1, 1)
)


@dataclass(frozen=True)
class ExactParts(Parts):
    """Parts with the exact prediction in the place of the network's."""

    law: ExactPath | None = None

    def prediction(self, network=None):
        return self.law.prediction(VELOCITY)


@pytest.fixture
def exact_model(installed):
    """Make a model of the mixture in the plane whose prediction is exact."""
    installed("plane", PLANE)

    def making(path="linear", **sampling):
        config = parse_config(
            {
                "domain": "plane",
                "data": "plane/none",
                "network": {"name": "mlp", "width": 4, "depth": 1},
                "interpolant": path,
                "sampling": {"solver": "rk4", "steps": 5, "end": 0.999, **sampling},
            }
        )
        parts = build_parts(config)
        parts.network.double()
        law = ExactPath(parts.interpolant, MIXTURE)
        return Model(config, ExactParts(**vars(parts), law=law), {})

    return making


@pytest.fixture
def small(monkeypatch):
    """Files of 16 pairs."""
    for module in (pairs, reflow):
        monkeypatch.setattr(module, "SHARD", 16)


def read(folder):
    data = Pairs(folder)
    x1, condition = data.batch(torch.arange(len(data)))
    return condition.pop(SOURCE), x1, condition


@pytest.mark.parametrize("path", ["linear", "vp", "edm"])
def test_pairs_are_the_map_of_the_ode(exact_model, tmp_path, path):
    """Solving again from the source with a finer grid ends at the sample."""
    model = exact_model(path)
    draw_pairs(model, tmp_path / "pairs", 50, steps=30)
    z, x1, condition = read(tmp_path / "pairs")
    assert condition == {} and z.dtype == F64
    p, law = model.interpolant.at(0.0), model.parts.law
    dynamics = PathDynamics(law.prediction(VELOCITY))
    times = UniformGrid().times(80, model.interpolant, 0.0, 0.999)
    start = (p.beta**2 + p.gamma**2).sqrt() * z
    end = solve(dynamics, start, times, RK4()).x
    end = law.denoiser(times[-1], end)  # as sampling ends where there is noise left
    errors = (end - x1).norm(dim=1)
    assert float(errors.median()) < 1e-3


def test_the_sources_are_standard_normal_and_the_samples_follow_the_data(exact_model, tmp_path):
    n, truth = 1500, MIXTURE.sample(Noise.of(99, 1500))
    floor = max(energy_distance(MIXTURE.sample(Noise.of(s, n)), truth) for s in range(20))
    for path in ("linear", "edm"):
        draw_pairs(exact_model(path), tmp_path / path, n, steps=15, batch_size=512)
        z, x1, _ = read(tmp_path / path)
        assert float(z.mean(0).abs().max()) < 4.5 / n**0.5
        assert float((z.T.cov() - torch.eye(2)).abs().max()) < 4.5 * (2 / n) ** 0.5
        assert energy_distance(x1, truth) < 2 * floor


def test_pairs_do_not_depend_on_number_and_batches(exact_model, tmp_path, small):
    model = exact_model()
    draw_pairs(model, tmp_path / "whole", 40, seed=2)
    whole = read(tmp_path / "whole")
    names = sorted(path.name for path in (tmp_path / "whole").iterdir())
    assert names == ["manifest.json", *(f"pairs-0000{i}.safetensors" for i in range(3))]
    for n, size in ((40, 7), (23, 64), (1, 1)):
        draw_pairs(model, tmp_path / f"{n}", n, seed=2, batch_size=size)
        for a, b in zip(read(tmp_path / f"{n}")[:2], whole[:2], strict=True):
            torch.testing.assert_close(a, b[:n])
    draw_pairs(model, tmp_path / "other", 40, seed=3)
    assert not torch.allclose(read(tmp_path / "other")[0], whole[0], atol=1e-2)


def test_an_interrupted_run_goes_on(exact_model, tmp_path, small, monkeypatch):
    model, folder = exact_model(), tmp_path / "pairs"
    draw_pairs(model, tmp_path / "whole", 40)
    sample, count = Model.sample, []

    def killed(self, *arguments, **options):
        count.append(1)
        if len(count) == 4:
            raise KeyboardInterrupt
        return sample(self, *arguments, **options)

    monkeypatch.setattr(Model, "sample", killed)
    with pytest.raises(KeyboardInterrupt):
        draw_pairs(model, folder, 40, batch_size=8)
    with pytest.raises(InputError, match=r"2 of 3 files are missing; repeat .* with --resume"):
        Pairs(folder)
    with pytest.raises(InputError, match="exists: choose another folder"):
        draw_pairs(model, folder, 40, batch_size=8)
    with pytest.raises(InputError, match="another model or with other settings"):
        draw_pairs(model, folder, 40, steps=3, resume=True)
    other = exact_model()
    other.network.requires_grad_(False).leave.bias.add_(1)
    with pytest.raises(InputError, match="another model or with other settings"):
        draw_pairs(other, folder, 40, resume=True)
    assert draw_pairs(model, folder, 40, batch_size=8, resume=True) == 20 + 1
    assert len(count) == 4 + 2 + 1  # only what was missing
    for a, b in zip(read(folder)[:2], read(tmp_path / "whole")[:2], strict=True):
        torch.testing.assert_close(a, b)
    assert draw_pairs(model, folder, 40, resume=True) == 0
    assert draw_pairs(model, tmp_path / "fresh", 3, resume=True) == 21


def test_overwriting(exact_model, tmp_path, small):
    model, folder = exact_model(), tmp_path / "pairs"
    draw_pairs(model, folder, 40)
    (folder / "mine.txt").write_text("keep")
    draw_pairs(model, folder, 3, overwrite=True)
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["manifest.json", "mine.txt", "pairs-00000.safetensors"]
    assert len(Pairs(folder)) == 3
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / "manifest.json").write_text(json.dumps({"files": ["mine.txt"]}))
    (tmp_path / "else" / "mine.txt").write_text("keep")
    for options in ({"overwrite": True}, {"resume": True}):
        with pytest.raises(InputError):
            draw_pairs(model, tmp_path / "else", 3, **options)
    assert (tmp_path / "else" / "mine.txt").exists()
    with pytest.raises(InputError, match="holds no pairs"):
        Pairs(tmp_path / "else")
    with pytest.raises(InputError, match="holds no pairs"):
        Pairs(tmp_path / "absent")


def test_a_manifest_cannot_reach_outside_its_folder(exact_model, tmp_path, small):
    model, folder, outside = exact_model(), tmp_path / "pairs", tmp_path / "outside.txt"
    draw_pairs(model, folder, 3)
    outside.write_text("keep")
    manifest = read_json(folder / "manifest.json")
    manifest["files"] = ["../outside.txt", str(outside)]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    draw_pairs(model, folder, 3, overwrite=True)
    assert outside.exists()


def test_only_maps_of_the_source(exact_model, tmp_path):
    """A solver that adds noise, or a start after noise was added, gives no pairs."""
    for model, options in (
        (exact_model(), {"solver": "euler-maruyama"}),
        (exact_model(solver="stochastic-heun"), {}),
        (exact_model(), {"solver": "edm-churn"}),
    ):
        with pytest.raises(InputError, match=r"reflow: the solver '.*' adds noise.*an ODE solver"):
            draw_pairs(model, tmp_path / "pairs", 4, **options)
    assert not (tmp_path / "pairs").exists()


def test_conditions_are_those_of_the_data(make_model, tmp_path):
    model = make_model()
    model.network.enter.weight.mul_(5)  # so that classes differ
    draw_pairs(model, tmp_path / "pairs", 300, batch_size=100)
    z, x1, condition = read(tmp_path / "pairs")
    data = model.config.data.build()
    shares = torch.bincount(data.batch(torch.arange(50))[1]["class"], minlength=3) / 50
    counts = torch.bincount(condition["class"], minlength=3)
    error = (300 * shares * (1 - shares)).sqrt()
    assert bool(((counts - 300 * shares).abs() < 4.5 * error).all())
    again = model.sample(300, {"class": condition["class"]})
    torch.testing.assert_close(again.x, x1, atol=1e-5, rtol=0)
    start = model.interpolant.prior(
        Noise.of(0, 300, space=model.domain.space), model.domain.space, torch.float32
    )
    torch.testing.assert_close(z, start)  # this path begins with the noise itself


def test_data_without_a_label_give_pairs_without_one(make_model, tmp_path, monkeypatch):
    """Code −1 is "not given", for the network too."""
    model = make_model()
    model.network.enter.weight.mul_(5)
    import fake_toy

    labels = lambda self, indices: (self.x[indices], {"class": indices % 2 - 1})  # noqa: E731
    monkeypatch.setattr(fake_toy.Points, "batch", labels)
    draw_pairs(model, tmp_path / "pairs", 60)
    _, x1, condition = read(tmp_path / "pairs")
    without = condition["class"] == -1
    assert 0 < int(without.sum()) < 60 and bool((condition["class"][~without] == 0).all())
    torch.testing.assert_close(model.sample(60).x[without], x1[without], atol=1e-5, rtol=0)
    bags = model.sample(60, {"class": "Bag"}).x
    torch.testing.assert_close(bags[~without], x1[~without], atol=1e-5, rtol=0)


def test_pairs_of_a_two_sided_model(make_model, tmp_path):
    two = {"name": "linear-two-sided", "gamma": {"name": "none"}}
    model = make_model(two)
    draw_pairs(model, tmp_path / "pairs", 30)
    x0, x1, condition = read(tmp_path / "pairs")
    again = model.sample(30, {"class": condition["class"]}, x0=x0, seed=9)
    torch.testing.assert_close(again.x, x1, atol=1e-5, rtol=0)
    brownian = {"name": "linear-two-sided", "gamma": {"name": "brownian"}}
    for path, start in ((brownian, 0.1), ("mirror", 0.0)):
        late = make_model(path, sampling={"start": start}, prediction="data")
        with pytest.raises(InputError, match=f"reflow: sampling starts at t = {start:g}, where"):
            draw_pairs(late, tmp_path / "late", 3)


def test_pairs_fill_the_domain_and_lead_back_to_the_data(make_model, tmp_path, monkeypatch):
    draw_pairs(make_model(), tmp_path / "pairs", 3)
    data = Pairs(tmp_path / "pairs")
    assert data.domain_config() == {"scale": 2.0} and data.encoded
    check_dataset(data)
    import fake_toy

    class Split(fake_toy.Points):
        def __init__(self, n: int = 50, split: str = "train"):
            super().__init__({"train": 50, "test": 20}[split])

    monkeypatch.setattr(fake_toy, "Points", Split)
    parameters_model.cache_clear()
    real = Pairs(tmp_path / "pairs", split="test")
    assert len(real) == 20 and not real.encoded


def length_over_distance(x):
    """The mean of path length over distance, of trajectories ``(steps, B, 2)``."""
    return float((x.diff(dim=0).norm(dim=2).sum(0) / (x[-1] - x[0]).norm(dim=1)).mean())


def trajectory(prediction, z, steps):
    states = [z]
    times = UniformGrid().times(steps, Linear())
    watch = (lambda step: states.append(step.x),)
    solve(PathDynamics(prediction), z, times, Euler(), callbacks=watch)
    return torch.stack(states)


def test_a_model_of_the_pairs_is_straighter(exact_model, tmp_path):
    """One Euler step of it is nearer to the end of the original trajectory, by 8 in the square."""
    teacher = exact_model()
    draw_pairs(teacher, tmp_path / "pairs", 2400, steps=15, batch_size=512)
    data = Pairs(tmp_path / "pairs")
    original = teacher.prediction

    torch.manual_seed(0)
    student = NetworkPrediction(small_network(), Linear(), VELOCITY)
    objective = Objective(Linear(), coupling=Reflow())
    optimiser = torch.optim.Adam(student.network.parameters(), lr=5e-3)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, 5e-3, total_steps=400)
    for step in range(400):
        numbers = torch.randint(2000, (256,))
        x1, condition = data.batch(numbers)
        optimiser.zero_grad()
        noise = Noise.of(0, 256, 256 * step)
        objective.loss(student, x1.float(), condition, noise).mean().backward()
        optimiser.step()
        rate.step()

    x1, condition = data.batch(torch.arange(2000, 2400))
    z = condition[SOURCE]
    with torch.no_grad():
        ends = {}
        for name, prediction, start in (("original", original, z), ("reflow", student, z.float())):
            one, many = (trajectory(prediction, start, steps) for steps in (1, 50))
            ends[name] = (float((one[-1] - x1).square().sum(1).mean()), length_over_distance(many))
    (before, bent), (after, straight) = ends["original"], ends["reflow"]
    assert after < before / 8, ends
    assert straight - 1 < (bent - 1) / 5, ends


def small_network():
    layers = torch.nn.Sequential(
        torch.nn.Linear(3, 64),
        torch.nn.SiLU(),
        torch.nn.Linear(64, 64),
        torch.nn.SiLU(),
        torch.nn.Linear(64, 2),
    )

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = layers

        def forward(self, x, t, condition):
            return self.layers(torch.cat((x, t.unsqueeze(1)), 1))

    return Network()
