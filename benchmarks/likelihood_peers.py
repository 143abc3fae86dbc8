"""Log-likelihoods along the flow, where they are known: sicore's beside flow_matching's.

The ring of ``problems`` on the linear path, with its exact field, in float64: the error of each
method is the mean over samples of the absolute difference from the log-density of the mixture. Also
whether a gradient with respect to the data comes out, and what a call costs over one evaluation of
the field for each network call.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import peers
from common import arguments, record
from problems import Field, law

if TYPE_CHECKING:
    from torch import Tensor

Estimate = Callable[[Field, "Tensor"], "Tensor"]


def prior(x: Tensor) -> Tensor:
    """The log-density of the source, ``N(0, I)``."""
    from sicore.likelihood import normal_log_prob

    return normal_log_prob(x)


# ------------------------------------------------------------------ flow_matching
def flow_matching(method: str, steps: int | None, exact: bool) -> Estimate:
    def estimate(field: Field, x1: Tensor) -> Tensor:
        import torch
        from flow_matching.solver import ODESolver

        solver = ODESolver(lambda x, t: field.velocity(t, x.double()).to(x.dtype))
        found: Tensor = solver.compute_likelihood(
            x1,
            prior,
            step_size=None if steps is None else 1 / steps,
            method=method,
            atol=1e-7,
            rtol=1e-7,
            time_grid=torch.tensor([1.0, 0.0], dtype=x1.dtype),
            exact_divergence=exact,
            enable_grad=x1.requires_grad,
        )[1]
        return found

    return estimate


# ------------------------------------------------------------------ sicore
def sicore(name: str, steps: int, probes: int | None, gradient: str = "direct") -> Estimate:
    def estimate(field: Field, x1: Tensor) -> Tensor:
        import torch

        from sicore.config import Component
        from sicore.likelihood import ExactDivergence, HutchinsonDivergence, log_likelihood
        from sicore.predictions import VELOCITY, FunctionPrediction

        exact: Any = ExactDivergence() if probes is None else HutchinsonDivergence(probes)
        entry: Any = {"name": name, "rtol": 1e-7, "atol": 1e-7} if name == "dopri5" else name
        return log_likelihood(
            FunctionPrediction(field.velocity, field.path, VELOCITY),
            x1,
            prior,
            solver=Component.parse("solver", entry).build(),
            times=torch.linspace(0, 1, steps + 1, dtype=torch.float64),
            divergence=exact,
            gradient=gradient,
        ).log_prob

    return estimate


METHODS: dict[str, Estimate] = {
    "flow_matching, exact, RK4 with 25 steps": flow_matching("rk4", 25, True),
    "flow_matching, exact, dopri5 at 1e-7": flow_matching("dopri5", None, True),
    "flow_matching, Hutchinson, RK4 with 25 steps": flow_matching("rk4", 25, False),
    "sicore, exact, RK4 with 25 steps": sicore("rk4", 25, None),
    "sicore, exact, RK4 with 50 steps": sicore("rk4", 50, None),
    "sicore, exact, dopri5 at 1e-7": sicore("dopri5", 1, None),
    "sicore, Hutchinson, RK4 with 25 steps": sicore("rk4", 25, 1),
    "sicore, Hutchinson with 16 probes, RK4 with 25 steps": sicore("rk4", 25, 16),
    "sicore, exact, RK4 with 25 steps, adjoint gradient": sicore("rk4", 25, None, "adjoint"),
}


def measured(estimate: Estimate, x1: Tensor, truth: Tensor, score: Tensor) -> dict[str, Any]:
    """Error, calls, cost and gradient of one method."""
    import torch

    torch.manual_seed(0)
    field, dtypes = Field(law("ring"), "linear"), [x1.dtype, torch.float32]
    found, refused = None, []
    for dtype in dtypes:
        try:
            start = time.process_time()
            with torch.no_grad():
                found = estimate(field, x1.to(dtype)).double()
            break
        except Exception as problem:
            refused.append(f"{dtype}: {type(problem).__name__}: {problem}".splitlines()[0])
    if found is None:
        return {"did not run": refused}
    taken, calls = time.process_time() - start, field.calls
    figures: dict[str, Any] = {
        "mean error in nats": float(f"{float((found - truth).abs().mean()):.2g}"),
        "mean of the error": float(f"{float((found - truth).mean()):.2g}"),
        "network calls": calls,
        "cost over the field alone": round(taken / (calls * field_seconds(x1)), 1),
        "gradient with respect to the data": gradient_of(estimate, x1[:50], score[:50]),
    }
    return figures | ({"refused": refused} if refused else {})


def field_seconds(x: Tensor) -> float:
    """Processor time of one evaluation of the field."""
    import torch

    field = Field(law("ring"), "linear")
    start = time.process_time()
    with torch.no_grad():
        for _ in range(50):
            field.velocity(0.5, x)
    return (time.process_time() - start) / 50


def gradient_of(estimate: Estimate, x1: Tensor, score: Tensor) -> str:
    """Its relative error, or why there is none."""
    import torch

    leaf = x1.clone().requires_grad_()
    try:
        found = estimate(Field(law("ring"), "linear"), leaf)
        if not found.requires_grad:
            return "none: the result has no graph"
        (slope,) = torch.autograd.grad(found.sum(), leaf, allow_unused=True)
    except Exception as problem:
        return f"none: {type(problem).__name__}: {problem}".splitlines()[0]
    if slope is None:
        return "none: the result does not depend on the data"
    return f"relative error {float((slope - score).norm() / score.norm()):.2g}"


def main() -> None:
    import torch

    options = arguments(__doc__)
    peers.available()
    mixture = law("ring").mixture
    x1 = law("ring").sample(100 if options.quick else 1000, 77)
    leaf = x1.clone().requires_grad_()
    truth = mixture.log_prob(leaf)
    (score,) = torch.autograd.grad(truth.sum(), leaf)
    figures: dict[str, Any] = {"samples": len(x1)}
    for name, estimate in METHODS.items():
        try:
            figures[name] = measured(estimate, x1, truth.detach(), score)
        except ImportError as problem:
            figures[name] = f"not installed: {problem}"
    record("likelihood_peers", options, figures)


if __name__ == "__main__":
    main()
