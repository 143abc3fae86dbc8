"""Posterior samplers beside exact posteriors, on Gaussian mixtures with exact denoisers.

For truths drawn from the prior and measured, every registered method samples the posterior; its
samples are compared with the exact ones. *prior* ignores the measurement, *floor* compares two
exact samples of the same size: what a perfect method would show. Means over the measurements of

* sliced Wasserstein distance (order 1) to the exact posterior,
* error of the posterior mean, in deviations of the prior,
* error of the covariance: Frobenius norm, relative to the exact covariance's,
* share of the truths' coordinates inside the samples' central 90 % interval.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from common import arguments, record

if TYPE_CHECKING:
    from torch import Tensor

    from sicore.exact import GaussianMixture

STEPS = {20: 10, 100: 50}  # network calls: steps of Heun's method


@dataclass(frozen=True)
class Problem:
    """A prior and what is measured of it."""

    prior: GaussianMixture
    matrix: Tensor
    noise_std: float


def standardised(weights: Tensor, means: Tensor, covariance: Tensor) -> GaussianMixture:
    """Mean 0 and mean variance 1, as the states of a domain."""
    from sicore.exact import GaussianMixture

    weights = weights / weights.sum()
    means = means - weights @ means
    spread = (weights @ means.square()).mean() + covariance.diagonal().mean()
    covariances = covariance.expand(len(weights), *covariance.shape) / spread
    return GaussianMixture(weights, means / spread.sqrt(), covariances)


def problems() -> dict[str, Problem]:
    """The three of this benchmark."""
    import torch

    from sicore.states import Noise

    def eye(d: int) -> Tensor:
        return torch.eye(d, dtype=torch.float64)

    angle = 2 * math.pi * torch.arange(8, dtype=torch.float64) / 8
    circle = torch.stack((angle.cos(), angle.sin()), 1)
    even = torch.ones(8, dtype=torch.float64)
    ring = Problem(
        standardised(even, 3 * circle, 0.1 * eye(2)),
        torch.tensor([[1.0, 0.5]], dtype=torch.float64),
        0.1,
    )
    streams = Noise.of(0, 16).named("posterior benchmark")
    factor = streams.normal((16,), torch.float64) / 4
    few = streams.take(slice(0, 6))
    sixteen = Problem(
        standardised(
            0.5 + few.uniform(),
            few.at(1).normal((16,), torch.float64),
            0.05 * eye(16) + 0.6 * factor @ factor.mT,
        ),
        streams.take(slice(0, 4)).at(2).normal((16,), torch.float64) / 4,
        0.1,
    )
    side = torch.arange(-2.0, 3.0, dtype=torch.float64)
    grid = torch.cartesian_prod(side, side)
    weights = 0.5 + Noise.of(1, 25).uniform()
    twenty_five = Problem(
        standardised(weights, grid.repeat(1, 4), 0.02 * eye(8)),
        eye(8)[:1],
        0.05,
    )
    return {
        "8 modes on a circle, d = 2, 1 measured": ring,
        "6 correlated modes, d = 16, 4 measured": sixteen,
        "25 modes, d = 8, 1 coordinate measured": twenty_five,
    }


class Truths:
    """Truths of a problem, their measurements and exact posteriors."""

    def __init__(self, problem: Problem, measurements: int, samples: int) -> None:
        import torch

        from sicore.states import Noise

        self.problem, self.n, self.samples = problem, measurements, samples
        prior, noise = problem.prior, Noise.of(0, measurements).named("truth")
        self.x = prior.sample(noise)
        clean = self.x @ problem.matrix.T
        self.y = clean + problem.noise_std * noise.at(1).normal(clean.shape[1:], torch.float64)
        self.laws = [prior.posterior(problem.matrix, y, problem.noise_std) for y in self.y]
        self.exact = self.exact_samples("exact")

    def exact_samples(self, stream: str) -> Tensor:
        """``(measurements, samples, d)`` of the exact posteriors."""
        import torch

        from sicore.states import Noise

        drawn = [
            law.sample(Noise.of(0, self.samples, i * self.samples).named(stream))
            for i, law in enumerate(self.laws)
        ]
        return torch.stack(drawn)

    def prior_samples(self) -> Tensor:
        """The same number from the prior."""
        from sicore.states import Noise

        noise = Noise.of(0, self.n * self.samples).named("prior")
        return self.problem.prior.sample(noise).reshape(self.exact.shape)

    def sampled(self, method: Any, steps: int) -> tuple[Tensor, int]:
        """The method's samples, and its network calls as counted by the loop."""
        import torch

        from sicore.dynamics import PathDynamics
        from sicore.exact import ExactPath
        from sicore.interpolants import Linear
        from sicore.inverse import LinearFunction, Measurement
        from sicore.predictions import VELOCITY
        from sicore.solvers import Heun, UniformGrid, solve
        from sicore.states import Noise, TensorSpace

        d, path = self.problem.prior.dimension, Linear()
        operator = LinearFunction(lambda x: x @ self.problem.matrix.T, (d,))
        y = self.y.repeat_interleave(self.samples, 0)
        measurement = Measurement(operator, y, self.problem.noise_std)
        law = ExactPath(path, self.problem.prior)
        prediction, callbacks = method.attach(law.prediction(VELOCITY), measurement)
        noise = Noise.of(0, len(y))
        x = path.prior(noise, TensorSpace((d,)), torch.float64)
        times = UniformGrid().times(steps, path)
        made = solve(PathDynamics(prediction), x, times, Heun(), noise, callbacks)
        return made.x.reshape(self.exact.shape), made.nfe

    def errors(self, x: Tensor) -> dict[str, float]:
        """How far samples ``(measurements, samples, d)`` are from the exact posteriors."""
        import torch

        from sicore.evaluation import sliced_wasserstein

        distance, mean, covariance = [], [], []
        for made, exact, law in zip(x, self.exact, self.laws, strict=True):
            distance.append(sliced_wasserstein(made, exact, order=1, directions=64))
            mean.append(float((made.mean(0) - law.mean).square().mean().sqrt()))
            gap = (torch.cov(made.T) - law.covariance).norm() / law.covariance.norm()
            covariance.append(float(gap))
        low, high = x.quantile(0.05, 1), x.quantile(0.95, 1)
        inside = ((low <= self.x) & (self.x <= high)).double().mean()
        figures = {
            "sliced W1": sum(distance) / self.n,
            "mean error": sum(mean) / self.n,
            "covariance error": sum(covariance) / self.n,
            "coverage of 90 %": float(inside),
            "not finite": float((~x.isfinite()).double().mean()),
        }
        return {name: round(value, 4) for name, value in figures.items()}


def main() -> None:
    from sicore.config import Component
    from sicore.plugins import get_registry

    options = arguments(__doc__)
    size = (8, 100) if options.quick else (60, 200)
    figures: dict[str, Any] = {"measurements": size[0], "samples of each": size[1]}
    figures["solver"] = "Heun, linear path, uniform grid"
    for name, problem in problems().items():
        truths = Truths(problem, *size)
        table: dict[str, Any] = {
            "prior": truths.errors(truths.prior_samples()),
            "floor": truths.errors(truths.exact_samples("floor")),
        }
        for method in get_registry().names("method"):
            for nfe, steps in STEPS.items():
                x, counted = truths.sampled(Component.parse("method", method).build(), steps)
                assert counted == nfe
                table[f"{method}, {nfe} calls"] = truths.errors(x)
        figures[name] = table
    record("posterior", options, figures)


if __name__ == "__main__":
    main()
