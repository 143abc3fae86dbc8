"""PFGM++ beside EDM: samples of like networks, and what noise in the sampler does to them.

Eight Gaussians of deviation 0.1 in 16 dimensions, standardised. The same small network learns each
path with the same data, times and steps; Heun, 18 steps. "Noise α" adds α σ_t times a normal to the
state after every step, as post-training noise in the network or its arithmetic would.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import torch
from common import arguments, record
from torch import Tensor

from sicore.backbones import MLP
from sicore.dynamics import PathDynamics
from sicore.evaluation import sliced_wasserstein
from sicore.exact import GaussianMixture
from sicore.interpolants import PFGMPP, Interpolant
from sicore.objectives import EDMLogNormal, EDMWeight, Objective
from sicore.predictions import DATA, EDMPreconditioning, NetworkPrediction
from sicore.solvers import DDIM, Heun, NoiseLevelGrid, StepInfo, solve
from sicore.states import Noise, TensorSpace

DIMENSION, COMPONENTS = 16, 8
SPACE = TensorSpace((DIMENSION,))
DS = (16.0, 128.0, 2048.0, math.inf)
LEVELS = (0.0, 0.05, 0.1, 0.2, 0.3)


def law() -> GaussianMixture:
    """The data: random centres, standardised entry by entry on average."""
    centres = Noise.of(3, COMPONENTS).named("centres").normal((DIMENSION,), torch.float64)
    centres = centres - centres.mean(0)
    spread = (centres.square().mean() + 0.01).sqrt()
    shape = (0.1 / spread) ** 2 * torch.eye(DIMENSION, dtype=torch.float64)
    weights = torch.ones(COMPONENTS, dtype=torch.float64)
    return GaussianMixture(weights, centres / spread, shape.expand(COMPONENTS, -1, -1))


def train(path: Interpolant, steps: int, seed: int) -> NetworkPrediction:
    """A network for the path."""
    torch.manual_seed(seed)
    network = MLP(SimpleNamespace(space=SPACE, conditions={}), width=192, depth=3)  # type: ignore[arg-type]
    prediction = NetworkPrediction(network, path, DATA, EDMPreconditioning())
    objective = Objective(path, time_law=EDMLogNormal(-0.6, 1.4), weight=EDMWeight())
    optimiser = torch.optim.Adam(network.parameters(), lr=2e-3)
    target, batch = law(), 512
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = 1e-3 * (1 + math.cos(math.pi * step / steps))
        noise = Noise.of(seed, batch, first=step * batch).named("training")
        loss = objective.loss(prediction, target.sample(noise).float(), None, noise).mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
    return prediction


def draw(prediction: NetworkPrediction, n: int, level: float) -> tuple[Tensor, int]:
    """Samples with noise in the sampler, and their calls."""
    path, noise = prediction.interpolant, Noise.of(1000, n)

    def disturb(step: StepInfo) -> Tensor:
        size = level * float(path.at(step.s).gamma)
        kick = step.noise.named("disturbance").at(step.number).normal_like(step.x)
        return torch.as_tensor(step.x) + size * torch.as_tensor(kick)

    times = NoiseLevelGrid().times(18, path)
    with torch.no_grad():
        x = path.prior(noise, SPACE, torch.float32, times[0])
        flow = PathDynamics(prediction)
        most = solve(flow, x, times[:-1], Heun(), noise, (disturb,) if level else ())
        last = solve(flow, most.x, times[-2:], DDIM(), noise)
    return torch.as_tensor(last.x).double(), most.nfe + last.nfe


def main() -> None:
    """Train, sample, compare."""
    options = arguments(__doc__)
    steps, n, seeds = (400, 1000, 1) if options.quick else (2500, 4000, 3)
    real, other = (law().sample(Noise.of(seed, n)) for seed in (2000, 3000))
    rows: list[dict[str, Any]] = []
    for d in DS:
        found: dict[float, list[float]] = {level: [] for level in LEVELS}
        for seed in range(seeds):
            prediction = train(PFGMPP(D=d), steps, seed)
            for level in LEVELS:
                x, calls = draw(prediction, n, level)
                found[level].append(sliced_wasserstein(x, real))
        row: dict[str, Any] = {"D": "infinite" if math.isinf(d) else int(d), "calls": calls}
        for level, values in found.items():
            row[f"noise {level:g}"] = sum(values) / seeds
        row["largest spread of seeds"] = max(max(v) - min(v) for v in found.values())
        rows.append(row)
    floor = sliced_wasserstein(other, real)
    record("pfgmpp", options, {"n": n, "seeds": seeds, "floor": floor, "sliced_wasserstein": rows})


if __name__ == "__main__":
    main()
