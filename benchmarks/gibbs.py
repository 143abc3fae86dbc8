"""Denoising Langevin Gibbs beside solvers that start from pure noise: error against network calls.

Two Gaussian modes in two and in sixteen dimensions, on EDM's path, with the exact law of the noise
level. Calls are for each result, burn-in and start of a chain included. The error is the mean of
two Wasserstein-1 distances to a large exact sample, along the line through the modes and across it.
The bias of the authors' rules is there too: the likeliest level, and the state of least noise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from common import arguments, record

if TYPE_CHECKING:
    from torch import Tensor

    from sicore.exact import GaussianMixture

RESULTS_OF_A_CHAIN = {2: 40, 16: 8}  # more of them in many dimensions are too much alike
SETTINGS = ((1, 3), (2, 6), (5, 10))  # moves of the chain, steps of the solver


def target(d: int) -> GaussianMixture:
    """Two modes, apart along the diagonal."""
    import torch

    from sicore.exact import GaussianMixture

    eye = torch.eye(d, dtype=torch.float64)
    places = torch.tensor([[-1.0], [1.2]], dtype=torch.float64).expand(2, d).contiguous()
    weights = torch.tensor([0.4, 0.6], dtype=torch.float64)
    return GaussianMixture(weights, places, torch.stack((0.04 * eye, 0.09 * eye)))


def exact_levels(law: GaussianMixture) -> Callable[[Any, Tensor], Tensor]:
    """``log p(σ|y)`` of equally likely levels, for isotropic components."""

    def log_prob(y: Tensor, levels: Tensor) -> Tensor:
        spread = law.covariances[:, 0, 0] + levels[:, None] ** 2
        square = (y[:, None, :] - law.means).square().sum(-1)[:, None, :]
        each = -0.5 * square / spread - 0.5 * y.shape[-1] * spread.log()
        return (each + law.weights.log()).logsumexp(-1)

    return log_prob


def error_of(law: GaussianMixture) -> Callable[[Tensor], float]:
    """The mean Wasserstein-1 distance along and across the line through the modes."""
    import torch

    from sicore.states import Noise

    truth, d = law.sample(Noise.of(77, 20_000)), law.dimension
    along = torch.ones(d, dtype=torch.float64) / d**0.5
    across = torch.zeros(d, dtype=torch.float64)
    across[0], across[-1] = 0.5**0.5, -(0.5**0.5)
    shares = (torch.arange(1600, dtype=torch.float64) + 0.5) / 1600

    def error(x: Tensor) -> float:
        gaps = [
            (torch.quantile(x @ v, shares) - torch.quantile(truth @ v, shares)).abs().mean()
            for v in (along, across)
        ]
        return round(float(sum(gaps)) / 2, 4)

    return error


def from_noise(d: int, n: int) -> dict[str, Any]:
    """DDIM and Heun on the grid of EDM, the denoiser last."""
    from sicore.dynamics import PathDynamics
    from sicore.exact import ExactPath
    from sicore.interpolants import EDM
    from sicore.predictions import DATA
    from sicore.solvers import DDIM, Heun, NoiseLevelGrid, Solver, solve
    from sicore.states import Noise

    law, path, rows = target(d), EDM(), {}
    exact, error, noise = ExactPath(path, law), error_of(law), Noise.of(3, n)
    dynamics = PathDynamics(exact.prediction(DATA))
    solvers: tuple[Solver, ...] = (DDIM(), Heun())
    for solver in solvers:
        for calls in (5, 9, 13, 19):
            steps = calls if solver.evaluations == 1 else calls // 2 + 1
            times = NoiseLevelGrid().times(steps, path)[:-1]
            start = exact.marginal(float(times[0])).sample(noise)
            most = solve(dynamics, start, times, solver, noise)
            ends = exact.denoiser(times[-1], most.x)  # type: ignore[arg-type]
            name = f"{type(solver).__name__}, {steps} steps"
            rows[name] = {"calls": most.nfe + 1, "error": error(ends)}
    return rows


def chains(d: int, n: int) -> dict[str, Any]:
    """The valid chain at some settings, and the authors' rules at the last of them."""
    import torch

    from sicore.dynamics import PathDynamics
    from sicore.exact import ExactPath
    from sicore.interpolants import EDM
    from sicore.predictions import DATA
    from sicore.solvers import DenoisingLangevinGibbs, LeastNoise, LikeliestLevel
    from sicore.states import Noise, TensorSpace

    law, rows = target(d), {}
    dynamics, error = PathDynamics(ExactPath(EDM(), law).prediction(DATA)), error_of(law)
    levels = torch.logspace(-1.3, 0.7, 40, dtype=torch.float64)
    count = RESULTS_OF_A_CHAIN[d]
    rules: list[tuple[str, dict[str, Any]]] = [
        *(("draw, last state", {"moves": m, "steps": s}) for m, s in SETTINGS),
        ("likeliest level", {"moves": 5, "steps": 10, "level": LikeliestLevel()}),
        ("state of least noise", {"moves": 5, "steps": 10, "keep": LeastNoise()}),
    ]
    for name, settings in rules:
        sampler = DenoisingLangevinGibbs(exact_levels(law), levels, **settings)
        made = sampler.run(
            dynamics, count, Noise.of(0, n // count), TensorSpace((d,)), dtype=torch.float64
        )
        title = f"{name}, {settings['moves']} moves, {settings['steps']} steps"
        x = made.x.flatten(0, 1)  # type: ignore[union-attr]
        rows[title] = {"calls": round(made.nfe / count, 1), "error": error(x)}
    return rows


def main() -> None:
    from sicore.states import Noise

    options = arguments(__doc__)
    n = 400 if options.quick else 1600
    figures: dict[str, Any] = {"results": n}
    for d in RESULTS_OF_A_CHAIN:
        floor = error_of(target(d))(target(d).sample(Noise.of(78, n)))
        rows = {"exact samples": {"calls": 0, "error": floor}, **from_noise(d, n), **chains(d, n)}
        figures[f"{d} dimensions"] = rows
    record("gibbs", options, figures)


if __name__ == "__main__":
    main()
