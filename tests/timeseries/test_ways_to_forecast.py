"""Conditioning, an inverse problem, and paths from the present: the same answer on a Gaussian.

The network is the exact denoiser, so that what differs from the exact law is the method's error.
"""

from dataclasses import replace

import pytest
import torch
from torch import nn

from sicore.config import load_config, parse_config
from sicore.hub import Model
from sicore.hub.build import build_parts
from sicore.inverse import MMPS, Inpaint
from sicore.states import Noise
from sicore_timeseries.answers.drawing import Rows, fill
from sicore_timeseries.answers.plans import forecast_plan
from sicore_timeseries.exact import GaussianLaw, GaussianProcess, OrnsteinUhlenbeck
from sicore_timeseries.kernels import covariance_of

N, T, NAN = 4000, 8, float("nan")
PROCESS = GaussianProcess(OrnsteinUhlenbeck(0.3))
RANDOM = torch.tensor([0.0, 0.03, 0.2, 0.28, 0.5, 0.55, 0.8, 1.0], dtype=torch.float64)
REGULAR = torch.linspace(0, 1, T, dtype=torch.float64)
WINDOW = PROCESS.law(RANDOM).sample(Noise.of(4, 1))
KERNEL = ("matern12", 0.8)


class Exact(nn.Module):
    """``E[x1 | x_t, what was observed]`` of a Gaussian law, the same entries in all windows."""

    def __init__(self, law: GaussianLaw, noise=None):
        super().__init__()
        self.law = law
        self.noise = torch.eye(T, dtype=torch.float64) if noise is None else noise
        self.path = None
        self.unused = nn.Parameter(torch.zeros(1, dtype=torch.float64))  # says the dtype

    def forward(self, x, t, condition=None):
        given = condition or {}
        one = given["observed"][:1].double() if "observed" in given else torch.full((1, T, 1), NAN)
        mean, covariance = (part[0] for part in self.law.conditional(one.double()))
        p = self.path.at(t[0].double())
        start = given.get("x0", torch.zeros_like(x))
        residual = (x - p.alpha * start - p.beta * mean).squeeze(-1)
        spread = p.beta**2 * covariance + p.gamma**2 * self.noise
        gain = torch.linalg.lstsq(spread, p.beta * covariance).solution
        return mean + (residual @ gain).unsqueeze(-1)


def exact_model(preset, times=REGULAR, kernel=None):
    """A model of the process at some moments, whose network is exact."""
    config = load_config(f"timeseries/{preset}").model_dump()
    config["domain"] |= {"length": T, "channels": ["a"], "kernel": kernel}
    config["preconditioning"] = "none"
    config = parse_config(config)
    parts = build_parts(config)
    noise = None if kernel is None else covariance_of(*kernel, times)
    network = Exact(PROCESS.law(times), noise)
    network.path = parts.interpolant
    return Model(config, replace(parts, network=network), {})


def hidden(task):
    rows = torch.arange(T)
    return (rows >= 5 if task == "forecast" else (rows % 3 > 0)).view(1, T, 1)


def check(made, task, times=REGULAR, sigmas=4.5, bias=0.02):
    """Mean and covariance of what is hidden, within their Monte Carlo errors and a small bias."""
    unseen = hidden(task).flatten()
    mean, covariance = PROCESS.law(times).conditional(WINDOW.masked_fill(hidden(task), NAN))
    m, c = mean.flatten()[unseen], covariance[0][unseen][:, unseen]
    x = made.double().flatten(1)[:, unseen]
    n, spread = len(x), c.diagonal()
    assert bool(((x.mean(0) - m).abs() <= sigmas * (spread / n).sqrt() + bias).all())
    error = (torch.cov(x.mT) - c).abs()
    assert bool((error <= sigmas * ((c**2 + spread.outer(spread)) / n).sqrt() + bias).all())
    seen = made.double().flatten(1)[:, ~unseen] - WINDOW.flatten()[~unseen]
    assert float(seen.abs().max()) < 0.02


@pytest.mark.parametrize("task", ["forecast", "impute"])
def test_a_conditional_model(task):
    given = {"observed": WINDOW[0].masked_fill(hidden(task)[0], NAN).float()}
    check(exact_model("file").sample(N, given, steps=32, batch_size=N).x, task)


@pytest.mark.parametrize("task", ["forecast", "impute"])
def test_the_posterior_of_a_model_that_only_generates(task):
    model = exact_model("file")
    observed = WINDOW.masked_fill(hidden(task), NAN)
    known = Inpaint(~observed[0].isnan())
    y = known(model.domain.encode(observed))
    made = model.restore(y, known, samples=N, method=MMPS(iterations=T), steps=32, batch_size=N)
    check(made.x, task)


@pytest.mark.parametrize("task", ["forecast", "impute"])
@pytest.mark.parametrize("kernel", [None, KERNEL])
def test_a_path_from_the_present(task, kernel):
    model = exact_model("foellmer", kernel=kernel)
    observed = WINDOW.masked_fill(hidden(task), NAN).float()
    x0 = model.domain.start(observed).double().expand(N, -1, -1)
    made = model.sample(N, {"observed": observed[0]}, x0=x0, steps=64, batch_size=N)
    check(made.x, task)


def test_a_table_is_forecast_from_its_present():
    """``sicore forecast``: windows of a series on its grid, from a path that starts in them."""
    model = exact_model("foellmer")
    observed = WINDOW.masked_fill(hidden("forecast"), NAN)
    rows = Rows(observed[0], torch.arange(T).double(), torch.zeros(T, 0).double(), season=1)
    plan = forecast_plan(rows=5, horizon=3, length=T, ahead=3)
    made = fill(model, rows, plan, samples=N, batch_size=N, steps=64)
    check(torch.from_numpy(made), "forecast")


@pytest.mark.parametrize("preset", ["file", "foellmer"])
def test_noise_of_a_process_at_random_times(preset):
    model = exact_model(preset, RANDOM, KERNEL)
    observed = WINDOW.masked_fill(hidden("forecast"), NAN).float()
    given = {"observed": observed[0], "times": RANDOM.float()}
    start = model.domain.start(observed, RANDOM.float().unsqueeze(0)).double()
    x0 = start.expand(N, -1, -1) if preset == "foellmer" else None
    check(model.sample(N, given, x0=x0, steps=64, batch_size=N).x, "forecast", RANDOM)
