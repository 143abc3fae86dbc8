"""The declared and the measured orders of every registered solver.

ODE solvers integrate an exact mixture in one dimension, where the flow keeps the quantile of each
state, so that its end is known without any solver. Their steps grow from nothing: by equal ones, a
multistep method that begins by one of order 1 has a global error of order 2 at most.

Weak orders are measured without Monte Carlo: on a Gaussian a whole solve is an affine map of state
and noise, which carries mean and covariance exactly. Strong orders are measured on a mixture, with
all grids on one Brownian tree for each sample, and by geometric Brownian motion for noise that
depends on the state.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from common import arguments, record

if TYPE_CHECKING:
    from torch import Tensor

    from sicore.exact import GaussianMixture

SPANS = {"forward": (0.1, 0.9), "backward": (0.9, 0.1)}
STEPS = {  # of ODE solvers: where errors have come down to their slope, and are above rounding
    1: (64, 128, 256, 512),
    2: (128, 256, 512),
    3: (128, 256, 512),
    4: (128, 256, 512),
    5: (64, 96, 128, 192),
}
SDE_STEPS = (100, 200, 400)
STRONG_STEPS = (32, 64, 128, 256)
TOLERANCES = (1e-9, 1e-10, 1e-11, 1e-12, 1e-13)
MEASURED = {"s4": {"name": "s4", "snr": 0.0}}  # without the moves, whose error stays
LEFT_OUT = {"predictor-corrector": "its corrections add an error that more steps do not remove"}


def mixture(components: int, dimension: int = 2, spread: float = 1.5) -> GaussianMixture:
    """A mixture whose components differ in weight, place and shape."""
    import torch

    from sicore.exact import GaussianMixture
    from sicore.states import Noise

    streams = Noise.of(0, components).named("orders benchmark")
    factor = 0.5 * streams.normal((dimension, dimension), torch.float64)
    covariances = factor @ factor.mT + 0.2 * torch.eye(dimension, dtype=torch.float64)
    means = spread * streams.at(1).normal((dimension,), torch.float64)
    return GaussianMixture(0.5 + streams.at(2).uniform(), means, covariances)


def slope(sizes: tuple[int, ...], errors: list[float]) -> float:
    """Of the logarithm of the error over that of the step size, by least squares."""
    x, y = [-math.log(n) for n in sizes], [math.log(e) for e in errors]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    products = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    return products / sum((a - mean_x) ** 2 for a in x)


# ------------------------------------------------------------------ ODEs
def quantiles(law: GaussianMixture, x: Tensor) -> Tensor:
    """The distribution function of a mixture in one dimension."""
    import torch

    places = (x - law.means[:, 0]) / law.covariances[:, 0, 0].sqrt()
    return torch.special.ndtr(places) @ law.weights.unsqueeze(1)


def flow(law: Any, x: Tensor, t: float, s: float) -> Tensor:
    """Where the ODE of a path brings x, by bisection, to rounding."""
    import torch

    wanted, there = quantiles(law.marginal(t), x), law.marginal(s)
    low, high = torch.full_like(x, -20.0), torch.full_like(x, 20.0)
    for _ in range(80):
        middle = (low + high) / 2
        below = quantiles(there, middle) < wanted
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return (low + high) / 2


def ode_order(solver: Any, span: tuple[float, float], steps: tuple[int, ...]) -> float:
    """Of the root mean square error at the end; by calls, for a solver that chooses its steps."""
    import torch

    from sicore.dynamics import PathDynamics
    from sicore.exact import ExactPath
    from sicore.interpolants import VP
    from sicore.predictions import VELOCITY
    from sicore.solvers import solve

    law = ExactPath(VP(), mixture(3, 1))
    x = torch.linspace(-2, 2, 16, dtype=torch.float64).unsqueeze(1)
    dynamics, truth = PathDynamics(law.prediction(VELOCITY)), flow(law, x, *span)

    def run(method: Any, n: int) -> tuple[int, float]:
        share = torch.linspace(0, 1, n + 1, dtype=torch.float64) ** 2
        made = solve(dynamics, x, span[0] + (span[1] - span[0]) * share, method)
        return made.nfe, float((made.x - truth).square().mean().sqrt())  # type: ignore[operator]

    if solver.adaptive:
        tries = [run(replace(solver, rtol=tol, atol=tol, max_calls=10**5), 1) for tol in TOLERANCES]
        return slope(*zip(*tries, strict=True))  # type: ignore[arg-type]
    return slope(steps, [run(solver, n)[1] for n in steps])


# ------------------------------------------------------------------ weak orders
@dataclass(frozen=True)
class Units:
    """In the place of the noise: one row of the batch for each normal of each step."""

    size: int
    draw: int = 0

    def named(self, stream: str) -> Units:
        """Itself."""
        return self

    def at(self, draw: int) -> Units:
        """Those of a step."""
        return replace(self, draw=draw)

    def coordinates(self, t: float, s: float, x: Tensor, count: int = 1) -> list[Tensor]:
        """A unit in the rows of each normal, zero elsewhere."""
        import torch

        drawn = x.new_zeros(count, *x.shape)
        for i in range(count):
            first = 1 + self.size * (1 + self.draw * count + i)
            drawn[i, first : first + self.size] = torch.eye(self.size)
        return list(drawn)


def weak_order(solver: Any, span: tuple[float, float], steps: tuple[int, ...]) -> float:
    """Of mean and covariance together at the end; with ε = 1/2, if it takes an ε."""
    import torch

    from sicore.dynamics import PathDynamics, constant
    from sicore.exact import ExactPath
    from sicore.interpolants import VP
    from sicore.predictions import VELOCITY
    from sicore.solvers import solve

    law = ExactPath(VP(), mixture(1))
    epsilon = constant(0.5) if solver.stochastic else None
    dynamics = PathDynamics(law.prediction(VELOCITY), epsilon, backward=span[0] > span[1])
    first, last = law.marginal(span[0]), law.marginal(span[1])
    errors = []
    for n in steps:
        x = torch.zeros(3 + 2 * n * solver.draws, 2, dtype=torch.float64)
        x[1:3] = torch.eye(2)
        times = torch.linspace(*span, n + 1, dtype=torch.float64)
        image = solve(dynamics, x, times, solver, Units(2)).x  # type: ignore[arg-type]
        by_state, by_noise = (image[1:3] - image[0]).T, (image[3:] - image[0]).T
        mean = by_state @ first.mean + image[0]
        covariance = by_state @ first.covariance @ by_state.T + by_noise @ by_noise.T
        gaps = (mean - last.mean, covariance - last.covariance)
        errors.append(math.sqrt(sum(float(gap.square().sum()) for gap in gaps)))
    return slope(steps, errors)


# ------------------------------------------------------------------ strong orders
class Strong:
    """Problems whose ends are known for each sample's Brownian path.

    Args:
        samples: how many.
        finest: steps of the reference on the mixture, by the solver of strong order 1.5.
    """

    def __init__(self, samples: int, finest: int) -> None:
        import torch

        from sicore.dynamics import DiagonalSDE, PathDynamics, constant
        from sicore.exact import ExactPath
        from sicore.interpolants import Linear
        from sicore.predictions import VELOCITY
        from sicore.solvers import SRK15
        from sicore.states import BrownianTree

        self.tree = BrownianTree.of(0, samples)
        law = ExactPath(Linear(), mixture(3, spread=3.0))
        sde = PathDynamics(law.prediction(VELOCITY), constant(0.5))
        self.path = (sde, law.marginal(0.125).sample(self.tree), 0.125, 0.625)
        self.reference = self.end(SRK15(), self.path, finest)
        rate, volatility = 0.5, 0.8
        gbm = DiagonalSDE(lambda t, x: rate * x, lambda t, x: volatility * x)
        one = torch.ones(samples, 1, dtype=torch.float64)
        w = self.tree.named("solve").increment(0.0, 1.0, one)
        self.gbm = (gbm, one, 0.0, 1.0)
        self.known = torch.exp(rate - volatility**2 / 2 + volatility * w)

    def end(self, solver: Any, problem: tuple[Any, ...], n: int) -> Tensor:
        """The states at the end of n equal steps."""
        import torch

        from sicore.solvers import solve

        dynamics, x, *ends = problem
        times = torch.linspace(*ends, n + 1, dtype=torch.float64)
        return solve(dynamics, x, times, solver, self.tree).x  # type: ignore[return-value]

    def orders(self, solver: Any, steps: tuple[int, ...]) -> dict[str, float]:
        """With additive noise, and with noise that depends on the state if the solver takes it."""
        from sicore.solvers import EulerMaruyama

        problems = {"strong": (self.path, self.reference)}
        if isinstance(solver, EulerMaruyama):
            problems["strong, noise by state"] = (self.gbm, self.known)
        found = {}
        for name, (problem, truth) in problems.items():
            gaps = [self.end(solver, problem, n) - truth for n in steps]
            errors = [float(gap.square().mean().sqrt()) for gap in gaps]
            found[name] = round(slope(steps, errors), 3)
        return found


# ------------------------------------------------------------------ all of them
def both_ways(measure: Any, solver: Any, steps: tuple[int, ...]) -> dict[str, float | None]:
    """Forward and backward; None where the solver refuses to run backward."""
    from sicore.errors import InputError

    found: dict[str, float | None] = {}
    for way, span in SPANS.items():
        try:
            found[way] = round(measure(solver, span, steps), 3)
        except InputError:
            if way == "forward":
                raise
            found[way] = None
    return found


def measured(solver: Any, strong: Strong, quick: bool) -> dict[str, Any]:
    """The figures of one solver; one that chooses its steps has no order by their number."""
    weak = bool(solver.stochastic or solver.draws)
    steps = (SDE_STEPS if weak else STEPS[solver.order])[: 2 if quick else None]
    kind = "weak" if weak else "global, by calls" if solver.adaptive else "global"
    figures: dict[str, Any] = {"declared": solver.order, "kind": kind}
    figures |= both_ways(weak_order if weak else ode_order, solver, steps)
    gaps = [figures[way] - solver.order for way in SPANS if figures[way] is not None]
    if solver.strong_order:
        figures["declared strong"] = solver.strong_order
        figures |= strong.orders(solver, STRONG_STEPS[quick:])
        gaps.append(figures["strong"] - solver.strong_order)
    if solver.adaptive:
        return figures | {"tolerances": TOLERANCES}
    return figures | {"steps": steps, "within 0.2": all(abs(gap) < 0.2 for gap in gaps)}


def main() -> None:
    from sicore.config import Component
    from sicore.plugins import get_registry

    options = arguments(__doc__)
    strong = Strong(300, 1024) if options.quick else Strong(1000, 2048)
    figures: dict[str, Any] = {}
    for name in get_registry().names("solver"):
        declared = Component.parse("solver", name).build()
        if name in LEFT_OUT:
            figures[name] = {"declared": declared.order, "not measured": LEFT_OUT[name]}
            continue
        solver = Component.parse("solver", MEASURED.get(name, name)).build()
        figures[name] = measured(solver, strong, options.quick)
    record("orders", options, figures)


if __name__ == "__main__":
    main()
