"""The declared and the measured order of every registered solver.

ODE solvers integrate an exact mixture against a fine reference. SDE solvers are measured in the
weak sense without Monte Carlo: on a Gaussian their step is an affine map, which carries mean and
covariance exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from common import arguments, record

if TYPE_CHECKING:
    from torch import Tensor

    from sicore.exact import GaussianMixture

SPANS = {"forward": (0.1, 0.9), "backward": (0.9, 0.1)}


def mixture(components: int) -> GaussianMixture:
    """A mixture in two dimensions."""
    import torch

    from sicore.exact import GaussianMixture
    from sicore.states import Noise

    streams = Noise.of(0, components).named("orders benchmark")
    factor = 0.5 * streams.normal((2, 2), torch.float64)
    covariances = factor @ factor.mT + 0.2 * torch.eye(2, dtype=torch.float64)
    means = 1.5 * streams.at(1).normal((2,), torch.float64)
    return GaussianMixture(0.5 + streams.at(2).uniform(), means, covariances)


def slope(steps: tuple[int, ...], errors: list[float]) -> float:
    """Of the logarithm of the error over that of the step size, by least squares."""
    x, y = [-math.log(n) for n in steps], [math.log(e) for e in errors]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    products = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    return products / sum((a - mean_x) ** 2 for a in x)


def ode_order(solver: Any, span: tuple[float, float], steps: tuple[int, ...]) -> float:
    """Of the root mean square error at the end."""
    from sicore.dynamics import PathDynamics
    from sicore.exact import ExactPath
    from sicore.interpolants import VP
    from sicore.predictions import VELOCITY
    from sicore.solvers import RK4, UniformGrid, solve
    from sicore.states import Noise

    law = ExactPath(VP(), mixture(3))
    x = law.marginal(span[0]).sample(Noise.of(0, 16))
    dynamics = PathDynamics(law.prediction(VELOCITY))

    def end(method: Any, n: int) -> Tensor:
        return solve(dynamics, x, UniformGrid().times(n, VP(), *span), method).x  # type: ignore[return-value]

    reference = end(RK4(), 800)
    return slope(steps, [float((end(solver, n) - reference).square().mean().sqrt()) for n in steps])


@dataclass(frozen=True)
class Units:
    """In the place of the noise: given vectors, scaled to the step."""

    vectors: Tensor

    def increment(self, t: Tensor, s: Tensor, x: Tensor) -> Tensor:
        """A step's Brownian increment."""
        return (s - t).abs().sqrt() * self.vectors


def weak_order(solver: Any, span: tuple[float, float], steps: tuple[int, ...]) -> float:
    """Of mean and covariance together at the end, with ε = 1/2."""
    import torch

    from sicore.dynamics import PathDynamics, constant
    from sicore.exact import ExactPath
    from sicore.interpolants import VP
    from sicore.predictions import VELOCITY

    law = ExactPath(VP(), mixture(1))
    dynamics = PathDynamics(law.prediction(VELOCITY), constant(0.5), backward=span[0] > span[1])
    zero, eye = torch.zeros(2, 2).double(), torch.eye(2).double()
    x, noise = torch.cat((zero[:1], eye, zero)), Units(torch.cat((zero[:1], zero, eye)))
    first, last = law.marginal(span[0]), law.marginal(span[1])
    errors = []
    for n in steps:
        mean, covariance = first.mean, first.covariance
        for t, s in pairwise(torch.linspace(*span, n + 1, dtype=torch.float64)):
            image, _ = solver.step(dynamics, t, s, x, None, noise)
            by_state, by_noise = (image[1:3] - image[0]).T, (image[3:] - image[0]).T
            mean = by_state @ mean + image[0]
            covariance = by_state @ covariance @ by_state.T + by_noise @ by_noise.T
        gaps = (mean - last.mean, covariance - last.covariance)
        errors.append(math.sqrt(sum(float(gap.square().sum()) for gap in gaps)))
    return slope(steps, errors)


def main() -> None:
    from sicore.config import Component
    from sicore.plugins import get_registry

    options = arguments(__doc__)
    figures = {}
    for name in get_registry().names("solver"):
        solver = Component.parse("solver", name).build()
        first = {1: 100, 2: 50, 4: 20}[solver.order]
        steps = tuple(first * 2**i for i in range(2 if options.quick else 4))
        measure = weak_order if solver.stochastic else ode_order
        orders = {way: round(measure(solver, span, steps), 3) for way, span in SPANS.items()}
        kind = "weak" if solver.stochastic else "global"
        figures[name] = {"declared": solver.order, "kind": kind, **orders, "steps": steps}
        figures[name]["within 0.15"] = all(abs(o - solver.order) < 0.15 for o in orders.values())
    record("orders", options, figures)


if __name__ == "__main__":
    main()
