"""How models of exact processes are trained, drawn from, and measured by the same yardsticks.

A row is ``figure``, the ``floor`` (draws of the exact law in the model's place), the ``gate`` that
the figure must not exceed, and whether it ``passed``.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from scipy.stats import kstest
from torch import Tensor

import sicore
from sicore.config import load_config, parse_config
from sicore.files import read_json, write_json
from sicore.hub import Model
from sicore.states import Noise
from sicore.training import train
from sicore_timeseries.exact import GaussianLaw, GaussianProcess
from sicore_timeseries.metrics import bures_wasserstein_to, crps, energy_score, gaussian_crps

NAN, LENGTH, AHEAD = float("nan"), 24, 12
REGULAR = torch.linspace(0, 1, LENGTH, dtype=torch.float64)
DATA = {"horizon": AHEAD, "masks": 4}
BATCH = 2000
REPEATS = 8  # exact samples, for a floor that is no accident
KOLMOGOROV = 1.628
"""The Kolmogorov–Smirnov distance of n values exceeds this over √n in one of 100 right cases."""


def row(figure: float, floor: float, gate: float, **more: Any) -> dict[str, Any]:
    """One entry of the table."""
    numbers = {"figure": figure, "floor": floor, "gate": gate}
    rounded = {name: round(value, 4) for name, value in numbers.items()}
    return {**rounded, "passed": bool(figure <= gate), **more}


def trained(
    folder: Path,
    data: Mapping[str, Any],
    steps: int,
    network: Mapping[str, Any],
    preset: str = "file",
    **domain: Any,
) -> Model:
    """A network on windows of an exact process; one that lies in the folder is taken from it.

    Args:
        folder: of the model.
        data: parameters of the data set ``timeseries/exact``.
        steps: of training, of 128 windows.
        network: parameters of the network of the preset, or of another.
        preset: of ``timeseries``.
        domain: parameters of the domain.
    """
    if not (folder / "config.yaml").exists():
        config = load_config(f"timeseries/{preset}").model_dump()
        config["domain"] |= domain
        config["network"] = dict(network) if "name" in network else config["network"] | network
        config["data"] = {"name": "timeseries/exact", "window": LENGTH, **DATA, **data}
        config["training"] |= {"steps": steps, "checkpoint_every": steps, "log_every": steps}
        start = time.process_time()
        train(parse_config(config), folder, device="cpu", progress=False, overwrite=True)
        seconds = round(time.process_time() - start, 1)
        metrics = read_json(folder / "metrics.json")
        metrics["training"]["cpu_seconds"] = seconds
        write_json(folder / "metrics.json", metrics)
    return sicore.load(folder, device="cpu")


def draws(
    model: Model, observed: Tensor, count: int, times: Tensor | None = None, **how: Any
) -> Tensor:
    """Several draws of each window, float64 ``(S, B, T, C)``, with what was observed as it is.

    Args:
        model: its path may start from noise or from what is observed.
        observed: ``(B, T, C)``, NaN where hidden.
        count: S.
        times: moments ``(B, T)``; regular if not given.
        how: passed on to ``Model.sample``.
    """
    given = {"observed": observed.float().repeat_interleave(count, 0)}
    if times is not None:
        given["times"] = times.float().repeat_interleave(count, 0)
    if model.interpolant.two_sided:
        domain: Any = model.domain
        how["x0"] = domain.start(given["observed"], given.get("times"))
    made = model.sample(len(observed) * count, given, batch_size=BATCH, **how).decoded
    paths = in_order(made, count)
    return torch.where(observed.isnan(), paths, observed.double())


def in_order(made: Tensor, count: int) -> Tensor:
    """``(B S, T, C)``, the draws of a window in a row, as ``(S, B, T, C)``."""
    return made.double().unflatten(0, (-1, count)).transpose(0, 1)


def generated(model: Model, n: int, times: Tensor | None = None) -> Tensor:
    """Windows of which nothing is known, float64 ``(n, T, C)``, all at moments ``(T,)``."""
    channels = model.domain.space.zeros(1).shape[-1]  # type: ignore[union-attr]
    at = None if times is None else times.expand(n, -1)
    return draws(model, torch.full((n, LENGTH, channels), NAN), 1, at)[0]


def bures_row(made: Tensor, law: GaussianLaw) -> dict[str, Any]:
    """Distance of generated windows to a Gaussian law; the gate is twice the floor."""
    mean, covariance = law.mean.flatten(), law.covariance
    exact = [law.sample(Noise.of(20 + k, len(made))) for k in range(REPEATS)]
    figure, *floors = (bures_wasserstein_to(x, mean, covariance) for x in (made, *exact))
    floor = sum(floors) / REPEATS
    return row(figure, floor, 2 * floor)


class Asked(NamedTuple):
    """Windows of which a part is hidden, and the exact law of that part."""

    truth: Tensor
    """``(B, T, C)``, NaN where it was observed."""
    observed: Tensor
    """``(B, T, C)``, NaN where it is hidden."""
    times: Tensor | None
    """``(B, T)``, or None for regular moments."""
    mean: Tensor
    """``(B, T, C)``."""
    covariance: Tensor
    """``(B, T C, T C)``."""
    exact: Tensor
    """Draws of the exact law, ``(S, B, T, C)``."""

    @property
    def std(self) -> Tensor:
        """``(B, T, C)``."""
        return self.covariance.diagonal(dim1=1, dim2=2).sqrt().view_as(self.mean)


def asked(
    law: GaussianLaw | GaussianProcess, hidden: Tensor, count: int, times: Tensor | None = None
) -> Asked:
    """Windows of a Gaussian law, some entries of which are hidden.

    Args:
        law: at regular moments; or a process, for windows at their own.
        hidden: bool ``(B, T, C)``.
        count: exact draws of each window.
        times: ``(B, T)``, with a process.
    """
    if isinstance(law, GaussianLaw):
        return _asked(law, hidden, count, Noise.of(2, len(hidden)), None)
    assert times is not None
    parts = [
        _asked(law.law(at), hidden[k : k + 1], count, Noise.of(2, 1, k), at.unsqueeze(0))
        for k, at in enumerate(times)
    ]
    whole: Any = [torch.cat(part) for part in zip(*(part[:5] for part in parts), strict=True)]
    return Asked(*whole, torch.cat([part.exact for part in parts], 1))


def _asked(
    law: GaussianLaw, hidden: Tensor, count: int, noise: Noise, times: Tensor | None
) -> Asked:
    x = law.sample(noise.named("truth"))
    observed = x.masked_fill(hidden, NAN)
    mean, covariance = law.conditional(observed)
    one = [law.sample_given(observed, noise.named(f"draw {k}")) for k in range(count)]
    return Asked(x.masked_fill(~hidden, NAN), observed, times, mean, covariance, torch.stack(one))


def the_end(n: int, channels: int = 1, ahead: int = AHEAD) -> Tensor:
    """What a forecast hides, bool ``(n, T, C)``."""
    hidden = torch.zeros(n, LENGTH, channels, dtype=torch.bool)
    hidden[:, -ahead:] = True
    return hidden


def some_entries(n: int, share: float) -> Tensor:
    """Entries that are hidden at random, bool ``(n, T, 1)``, at least one of each window."""
    hidden = Noise.of(3, n).named("hidden").uniform((LENGTH, 1)) < share
    hidden[:, LENGTH // 2] |= ~hidden.any(1)
    return hidden


def crps_row(made: Tensor, about: Asked, most: float) -> dict[str, Any]:
    """Fair CRPS over that of the exact law on the same truths."""
    exact = gaussian_crps(about.mean, about.std.clamp(min=1e-9), about.truth)
    figure, floor = (crps(x, about.truth, fair=True) / exact for x in (made, about.exact))
    return row(figure, floor, most, exact_crps=round(exact, 4))


def energy_row(made: Tensor, about: Asked, most: float) -> dict[str, Any]:
    """Fair energy score of all hidden entries together, over that of exact draws."""
    exact = energy_score(about.exact[::2], about.truth, fair=True)
    other = energy_score(about.exact[1::2], about.truth, fair=True)
    figure = energy_score(made, about.truth, fair=True) / ((exact + other) / 2)
    return row(figure, max(exact / other, other / exact), most)


def posterior_rows(made: Tensor, about: Asked, mean: float, covariance: float) -> dict[str, Any]:
    """Mean and covariance given what was observed; 1 is the covariance error of a mean alone.

    The error of means is in units of the exact deviation, both as root mean squares; that of
    covariances is relative, in the Frobenius norm, of windows with the same hidden entries, whose
    exact covariance is one.
    """
    found = [_posterior_errors(x, about) for x in (made, about.exact)]
    means, covariances = zip(*found, strict=True)
    return {
        "posterior mean": row(*means, mean),
        "posterior covariance": row(*covariances, covariance),
    }


def _posterior_errors(x: Tensor, about: Asked) -> tuple[float, float]:
    spread = about.std.square().mean().sqrt()
    mean = (x.mean(0) - about.mean).square().mean().sqrt() / spread
    residual = (x - x.mean(0)).flatten(2)
    found = torch.einsum("sbi,sbj->bij", residual, residual) / (len(x) - 1)
    patterns, number = about.observed.isnan().flatten(1).unique(dim=0, return_inverse=True)
    errors = []
    for k in range(len(patterns)):
        exact = about.covariance[number == k]
        errors.append((found[number == k].mean(0) - exact[0]).norm() / exact[0].norm())
    return float(mean), float(torch.stack(errors).mean())


def ks_row(values: Tensor, exact: Tensor, law: Any) -> dict[str, Any]:
    """Kolmogorov–Smirnov distance of independent values to a law; the gate is the 1 % test's.

    Args:
        values: ``(n,)``.
        exact: the same of the exact sampler.
        law: a distribution function, or the name of one in `scipy.stats`.
    """
    figure, floor = (float(kstest(x.numpy(), law).statistic) for x in (values, exact))
    return row(figure, floor, KOLMOGOROV / len(values) ** 0.5)
