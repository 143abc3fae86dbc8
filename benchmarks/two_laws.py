"""Between two laws that are not Gaussian: a checkerboard and a ring of eight Gaussians.

A perceptron is trained on (v, η) with antithetic pairs on the linear two-sided path with
``γ = √(t (1 − t))``; the one network then goes from the board to the ring and back, as an ODE and
as SDEs. Figures are sliced Wasserstein distances (order 2) to a sample of the law at the end of
the way: of what the network made, of *exact*, other samples of that law (the floor), and of
*start*, the states that it began with. The law at the end of the way is that of ``x_t`` a
hundredth short of the end of the path, where (v, η) still determine the score.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common import arguments, record

if TYPE_CHECKING:
    from torch import Tensor

    from sicore.interpolants import Interpolant
    from sicore.predictions import Prediction
    from sicore.states import Noise, State

EDGE = 0.01
EPSILON = (0.0, 0.5, 2.0)


def checkerboard(noise: Noise, like: State) -> Tensor:
    """The dark squares of a board of 4 × 4 over [−2, 2]²."""
    import torch

    row, column = noise.uniform((2,)).unbind(1)
    i, j = (4 * row).floor(), (2 * column).floor()
    corner = torch.stack((i, 2 * j + i % 2), 1)
    return (corner - 2 + noise.at(1).uniform((2,))).to(like)


def ring(noise: Noise, like: State) -> Tensor:
    """Eight Gaussians of deviation 0.2 on a circle of radius 2."""
    import torch

    angle = (8 * noise.uniform()).floor() * torch.pi / 4
    centre = 2 * torch.stack((angle.cos(), angle.sin()), 1)
    return (centre + 0.2 * noise.at(1).normal((2,), torch.float64)).to(like)


def trained(path: Interpolant, steps: int) -> Prediction:
    """A perceptron of three hidden layers."""
    import torch

    from sicore.backbones import MLP
    from sicore.hub import Domain
    from sicore.objectives import Independent, Objective
    from sicore.predictions import PAIR, NetworkPrediction
    from sicore.states import Noise, TensorSpace

    class Plane(Domain):
        name, space = "plane", TensorSpace((2,))

    torch.manual_seed(0)
    network, size = MLP(Plane(), width=128, depth=4, pair=True), 512
    prediction = NetworkPrediction(network, path, PAIR)
    objective = Objective(path, coupling=Independent(checkerboard), antithetic=True)
    adam = torch.optim.Adam(network.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    like = torch.zeros(1, 2)
    for step in range(steps):
        noise = Noise.of(0, size, step * size).named("training")
        adam.zero_grad()
        objective.loss(prediction, ring(noise.named("data"), like), None, noise).mean().backward()
        adam.step()
        schedule.step()
    network.eval().requires_grad_(False)
    return prediction


def at(path: Interpolant, t: float, seed: int, n: int) -> Tensor:
    """Exact samples of the law at t."""
    import torch

    from sicore.states import Noise

    noise, like = Noise.of(seed, n).named("exact"), torch.zeros(1, 2)
    board, others = checkerboard(noise.named("board"), like), ring(noise.named("ring"), like)
    z, time = noise.named("z").normal_like(board), torch.tensor(t, dtype=torch.float64)
    x: Any = path.sample(board, others, time, z).x_t
    return x


def travelled(prediction: Prediction, epsilon: float, ends: tuple[float, float], x: Tensor) -> Any:
    """States at the end of the way."""
    from sicore.dynamics import PathDynamics, proportional
    from sicore.solvers import Heun, StochasticHeun, UniformGrid, solve
    from sicore.states import Noise

    path, backward = prediction.interpolant, ends[1] < ends[0]
    rate = proportional(epsilon, path) if epsilon else None
    dynamics = PathDynamics(prediction, rate, backward=backward)
    times = UniformGrid().times(100, path, *ends)
    solver = StochasticHeun() if epsilon else Heun()
    return solve(dynamics, x, times, solver, Noise.of(9, len(x))).x


def main() -> None:
    from sicore.evaluation import sliced_wasserstein
    from sicore.interpolants import BrownianGamma, TwoSidedLinear

    options = arguments(__doc__)
    path = TwoSidedLinear(BrownianGamma())
    steps, n = (200, 1000) if options.quick else (8000, 5000)
    prediction = trained(path, steps)
    table: dict[str, Any] = {}
    for way, ends in {
        "board to ring": (EDGE, 1 - EDGE),
        "ring to board": (1 - EDGE, EDGE),
    }.items():
        start, target = at(path, ends[0], 0, n), at(path, ends[1], 1, n)
        others = [sliced_wasserstein(at(path, ends[1], seed, n), target) for seed in range(2, 12)]
        row = {"start": sliced_wasserstein(start, target)}
        row |= {"exact, mean of 10": sum(others) / 10, "exact, largest of 10": max(others)}
        for epsilon in EPSILON:
            made = travelled(prediction, epsilon, ends, start)
            row[f"ε = {epsilon:g} γ" if epsilon else "ODE"] = sliced_wasserstein(made, target)
        table[way] = {name: round(value, 4) for name, value in row.items()}
        print(way, table[way], flush=True)
    figures = {
        "network": "perceptron, 4 layers of 128",
        "training": f"{steps} steps of 512, antithetic",
        "samples": n,
        "solver": "Heun, 100 steps",
        "sliced W2": table,
    }
    record("two_laws", options, figures)


if __name__ == "__main__":
    main()
