"""Couplings: what a plan costs and gains, and how straight and good small models become.

Models of a checkerboard from normal noise, trained for equally many steps with independent pairs,
with optimal transport in each batch, and on the pairs of the first one's ODE (reflow).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from common import arguments, record

if TYPE_CHECKING:
    from torch import Tensor

    from sicore.objectives import Coupling
    from sicore.predictions import NetworkPrediction

BATCH, DRAWN = 256, 4000


def checkerboard(n: int, seed: int) -> Tensor:
    """Eight of sixteen squares in the plane, with variance 1 in each coordinate."""
    import torch

    from sicore.states import Noise

    streams = Noise.of(seed, n).named("checkerboard")
    column, row = (4 * streams.uniform((2,))).floor().unbind(1)
    row = 2 * (row // 2) + column % 2
    places = torch.stack((column, row), 1) + streams.at(1).uniform((2,)) - 2
    return (places / (4 / 12**0.5)).float()


def plan(coupling: Coupling, x1: Tensor, repetitions: int) -> dict[str, Any]:
    """Processor time, cost and number of distinct partners on batches of data."""
    from sicore.interpolants import Linear
    from sicore.states import Noise

    times, costs, distinct = [], [], []
    for i in range(repetitions):
        start = time.process_time()
        z: Any = coupling(Linear(), x1, Noise.of(i, len(x1)), None).z
        times.append(time.process_time() - start)
        costs.append(float((z - x1).flatten(1).square().sum(1).mean()))
        distinct.append(len(z.flatten(1).unique(dim=0)))
    return {
        "processor milliseconds": round(1000 * statistics.median(times), 2),
        "cost": round(statistics.mean(costs), 4),
        "distinct partners": round(statistics.mean(distinct), 1),
    }


def plans(quick: bool) -> dict[str, Any]:
    """Every coupling at several sizes, in the plane and in 784 dimensions."""
    import torch

    from sicore.objectives import ExactOT, Independent, SinkhornOT

    figures: dict[str, Any] = {}
    for d in (2, 784):
        for n in (64, 256) if quick else (64, 256, 1024):
            x1 = checkerboard(n * d // 2, 1).reshape(n, d)
            mean = float(2 * x1.square().sum(1).mean())
            couplings = {
                "independent": Independent(),
                "exact": ExactOT(),
                "sinkhorn, 5 % of the mean cost": SinkhornOT(regularisation=0.05 * mean),
                "sinkhorn, default": SinkhornOT(),
            }
            with torch.no_grad():
                figures[f"{n} samples of {d} numbers"] = {
                    name: plan(c, x1, 3 if quick else 5) for name, c in couplings.items()
                }
    return figures


def network(seed: int) -> Any:
    """A perceptron of the state and the time."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    wide = (nn.Linear(128, 128), nn.SiLU())
    layers = nn.Sequential(nn.Linear(3, 128), nn.SiLU(), *wide, nn.Linear(128, 128), nn.SiLU())
    layers.append(nn.Linear(128, 2))

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = layers

        def forward(self, x: Tensor, t: Tensor, condition: Any) -> Tensor:
            return self.layers(torch.cat((x, t.unsqueeze(1)), 1))

    return Network()


def trained(
    coupling: Coupling, batch: Callable[[int], tuple[Tensor, Any]], steps: int
) -> NetworkPrediction:
    """A model of the velocity."""
    import torch

    from sicore.interpolants import Linear
    from sicore.objectives import Objective
    from sicore.predictions import VELOCITY, NetworkPrediction
    from sicore.states import Noise

    prediction = NetworkPrediction(network(0), Linear(), VELOCITY)
    objective = Objective(Linear(), coupling=coupling)
    optimiser = torch.optim.Adam(prediction.network.parameters(), lr=2e-3)  # type: ignore[attr-defined]
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for step in range(steps):
        x1, condition = batch(step)
        noise = Noise.of(1, BATCH, BATCH * step)
        optimiser.zero_grad()
        objective.loss(prediction, x1, condition, noise).mean().backward()
        optimiser.step()
        rate.step()
    return prediction


def travelled(prediction: NetworkPrediction, z: Tensor, steps: int, solver: Any) -> Tensor:
    """The states of all times, ``(steps + 1, B, 2)``."""
    import torch

    from sicore.dynamics import PathDynamics
    from sicore.interpolants import Linear
    from sicore.solvers import UniformGrid, solve

    states = [z]
    watch = (lambda step: states.append(step.x),)
    with torch.no_grad():
        times = UniformGrid().times(steps, Linear())
        solve(PathDynamics(prediction), z, times, solver, callbacks=watch)
    return torch.stack(states)


def quality(prediction: NetworkPrediction) -> dict[str, float]:
    """Straightness, cost, and the distance of samples to the data at few steps."""
    from sicore.evaluation import sliced_wasserstein
    from sicore.solvers import RK4, Euler
    from sicore.states import Noise

    z, truth = Noise.of(7, DRAWN).normal((2,)), checkerboard(DRAWN, 99)
    path = travelled(prediction, z, 100, RK4())
    ratio = path.diff(dim=0).norm(dim=2).sum(0) / (path[-1] - z).norm(dim=1)
    figures = {
        "length over distance, mean": float(ratio.mean()),
        "length over distance, median": float(ratio.median()),
        "cost": float((path[-1] - z).square().sum(1).mean()),
    }
    for steps in (1, 2, 4, 8, 100):
        ends = travelled(prediction, z, steps, Euler())[-1]
        figures[f"sliced W2, Euler steps: {steps}"] = sliced_wasserstein(ends, truth)
    return {name: round(value, 4) for name, value in figures.items()}


def models(quick: bool) -> dict[str, Any]:
    """The same network under each coupling."""
    import torch

    from sicore.evaluation import sliced_wasserstein
    from sicore.objectives import SOURCE, ExactOT, Independent, Reflow, SinkhornOT
    from sicore.solvers import RK4
    from sicore.states import Noise

    steps = 500 if quick else 2500

    def fresh(step: int) -> tuple[Tensor, Any]:
        return checkerboard(BATCH, 1000 + step), None

    figures: dict[str, Any] = {"steps": steps, "batch": BATCH}
    couplings = {
        "independent": Independent(),
        "exact": ExactOT(),
        "sinkhorn 0.1": SinkhornOT(regularisation=0.1),
    }
    made = {name: trained(coupling, fresh, steps) for name, coupling in couplings.items()}
    count = 5000 if quick else 50_000
    z = Noise.of(5, count).normal((2,))
    ends = travelled(made["independent"], z, 30, RK4())[-1]

    def pairs(step: int) -> tuple[Tensor, Any]:
        numbers = (count * Noise.of(step, BATCH).named("pairs").uniform()).long()
        return ends[numbers], {SOURCE: z[numbers]}

    made["reflow of independent"] = trained(Reflow(), pairs, steps)
    figures["models"] = {name: quality(model) for name, model in made.items()}
    parts = [checkerboard(DRAWN, seed) for seed in range(100, 106)]
    floor = [sliced_wasserstein(part, checkerboard(DRAWN, 99)) for part in parts]
    figures["sliced W2 of fresh data"] = round(float(torch.tensor(floor).mean()), 4)
    return figures


def main() -> None:
    options = arguments(__doc__)
    record("couplings", options, {"plans": plans(options.quick), "models": models(options.quick)})


if __name__ == "__main__":
    main()
