r"""The log-density of a model's law, along its probability-flow ODE.

With ``ẋ = b(t, x)`` the density obeys ``d/dt log p_t(x_t) = −∇·b(t, x_t)``, so that

``log p_1(x_1) = log p_0(x_0) − ∫_0^1 ∇·b(t, x_t) dt``.

The integral travels with x as one more leaf of the state, through the one solve loop, backward
from data to source or forward from source to data. Drift and divergence come from one evaluation
of the network.

Sources: Chen et al., "Neural ordinary differential equations", 2018, theorem 1; Song et al.,
"Score-based generative modeling through SDEs", 2021, section 4.3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

import torch
from torch import Tensor

from sicore.dynamics import Dynamics, PathDynamics
from sicore.errors import InputError
from sicore.interpolants import Interpolant, Time
from sicore.likelihood.divergence import Divergence, ExactDivergence, Measure, measure_of
from sicore.predictions import Condition, Prediction
from sicore.solvers import RK4, Solver, UniformGrid, solve
from sicore.states import Noise, State, StateSpace, batch_size, leaves

LogProb = Callable[[State], Tensor]
STEPS = 50


@dataclass(frozen=True)
class LogLikelihood:
    """Log-densities in nats.

    Attributes:
        log_prob: of each sample, float64 ``(B,)``.
        standard_error: of its estimate over several probes, ``(B,)``; None where there is one
            probe or the divergence is exact. The error of the solver is not in it.
        x: the states at the other end of the solve: the latents of ``log_likelihood``, the
            samples of ``sample_with_log_prob``.
        nfe: network calls for each sample, as counted by the loop; the most that one took, if the
            solver chooses its steps. Each also costs a backward pass for every direction of the
            divergence.
        status: as in ``sicore.solvers.Solution``, ``(B,)``.
    """

    log_prob: Tensor
    standard_error: Tensor | None
    x: State
    nfe: int
    status: Tensor


def log_likelihood(
    prediction: Prediction,
    x1: State,
    prior_log_prob: LogProb,
    *,
    condition: Condition = None,
    x0: State | None = None,
    solver: Solver = RK4(),
    times: Tensor | None = None,
    divergence: Divergence = ExactDivergence(),
    noise: Noise | None = None,
    space: StateSpace | None = None,
    gradient: str = "direct",
) -> LogLikelihood:
    """The log-density at data x1 of the law that a prediction's ODE makes from its source.

    Where gradients are enabled they flow to the network's parameters and to x1.

    A path whose noise vanishes at t = 1 may not determine the drift there (a data or score
    prediction), and real data, on thin sets, have no density there for a model to learn. End the
    grid short of t = 1 then, with ``β(t) x1`` as the state, or use a path whose noise does not
    vanish; the law that is measured is that of ``x_t`` at the grid's end.

    Args:
        prediction: of any kind that determines the drift; it must not switch gradients off.
        x1: states at the last time of the grid, ``(B, ...)``.
        prior_log_prob: the log-density at its first time, ``(B, ...) -> (B,)``: of the source on
            a two-sided path; see ``normal_prior`` for a one-sided one.
        condition: what was generated.
        x0: the source states, where the prediction is conditioned on them; the density is then
            that given x0.
        solver: for ODEs, of the Runge–Kutta family.
        times: the grid from source to data, rising, float64 ``(N + 1,)``; by default 50 equal
            steps over the whole path.
        divergence: exact (low dimension) or estimated.
        noise: the streams of the samples, for the probes; by default those of seed 0.
        space: the space of states whose entries are not all free, such as symmetric edges. The
            density is then with respect to the measure that ``prior_log_prob`` uses.
        gradient: how gradients are found, see ``sicore.solvers.solve``.

    Raises:
        InputError: if the grid does not rise, the solver has no use for a drift, or the prior
            does not give one number for each state.
        ConversionError: if the drift is not determined at a time of the grid.
    """
    flow = PathDynamics(prediction, None, condition, x0=x0)
    falling = _rising(times, prediction).flip(0)
    x, change, nfe, status = _transport(
        flow, x1, falling, solver, divergence, noise, space, gradient
    )
    return _result(prior_log_prob(x), change, x, nfe, status)


def sample_with_log_prob(
    prediction: Prediction,
    x: State,
    prior_log_prob: LogProb,
    *,
    condition: Condition = None,
    x0: State | None = None,
    solver: Solver = RK4(),
    times: Tensor | None = None,
    divergence: Divergence = ExactDivergence(),
    noise: Noise | None = None,
    space: StateSpace | None = None,
    gradient: str = "direct",
) -> LogLikelihood:
    """Samples from starting states x, with the log-density of each: the same ODE, forward.

    Args:
        x: states at the first time of the grid, drawn from the prior, ``(B, ...)``.
        prior_log_prob: their log-density, as in ``log_likelihood``, like all that is not named.

    Raises:
        InputError, ConversionError: as ``log_likelihood``.
    """
    flow = PathDynamics(prediction, None, condition, x0=x0)
    rising = _rising(times, prediction)
    made, change, nfe, status = _transport(
        flow, x, rising, solver, divergence, noise, space, gradient
    )
    return _result(prior_log_prob(x), -change, made, nfe, status)


def _rising(times: Tensor | None, prediction: Prediction) -> Tensor:
    if times is None:
        return UniformGrid().times(STEPS, prediction.interpolant)
    grid = torch.as_tensor(times, dtype=torch.float64, device="cpu")
    if not bool((grid.diff() > 0).all()):
        raise InputError("times: expected a strictly rising grid, from the source to the data")
    return grid


def _transport(
    flow: PathDynamics,
    x: State,
    times: Tensor,
    solver: Solver,
    divergence: Divergence,
    noise: Noise | None,
    space: StateSpace | None,
    gradient: str,
) -> tuple[State, Tensor, int, Tensor]:
    """The other end, the integral of the divergence ``(B, P)``, network calls and status."""
    n, device = batch_size(x), next(iter(leaves(x).values())).device
    streams = Noise.of(0, n, device=device) if noise is None else noise
    carried = _Carried(flow, divergence.start(x, streams), space)
    empty = torch.zeros(n, divergence.estimates, dtype=torch.float64, device=device)
    made = solve(carried, _joined(x, empty), times, solver, streams, gradient=gradient)
    end, change = _parted(made.x)
    return end, change, made.nfe, made.status


def _result(prior: Tensor, change: Tensor, x: State, nfe: int, status: Tensor) -> LogLikelihood:
    """The prior's log-density ``(B,)`` and its change ``(B, P)``: mean and error over probes."""
    n, probes = change.shape
    if tuple(prior.shape) != (n,):
        raise InputError(
            f"prior_log_prob: expected one number for each of {n} states, shape ({n},), got "
            f"{tuple(prior.shape)}: sum over the entries of a state"
        )
    estimates = prior.unsqueeze(-1) + change
    error = estimates.std(1) / probes**0.5 if probes > 1 else None
    return LogLikelihood(estimates.mean(1), error, x, nfe, status)


@dataclass(frozen=True)
class _Carried(Dynamics):
    """The flow on pairs of a state and the integral of its divergence."""

    flow: PathDynamics
    measure: Measure
    space: StateSpace | None

    @property
    def calls(self) -> int:
        return self.flow.calls

    def drift(self, t: Time, x: State) -> State:
        state, _ = _parted(x)
        value, divergence = self.measure(partial(self._velocity, t), state)
        return _joined(value, divergence)

    def _velocity(self, t: Time, x: State) -> State:
        # Between two projections the Jacobian is that of the space, and so is its trace.
        if self.space is None:
            return self.flow.drift(t, x)
        return self.space.project(self.flow.drift(t, self.space.project(x)))

    def take(self, index: Tensor) -> _Carried:
        return replace(self, flow=self.flow.take(index), measure=measure_of(self.measure, index))

    @property
    def interpolant(self) -> Interpolant:
        raise InputError("likelihood: needs a solver that integrates the drift, such as rk4")


def _joined(x: State, divergence: Tensor) -> State:
    return {f"state/{name}": leaf for name, leaf in leaves(x).items()} | {"divergence": divergence}


def _parted(x: State) -> tuple[State, Tensor]:
    named = dict(cast("dict[str, Tensor]", x))
    divergence = named.pop("divergence")
    state = {name.removeprefix("state/"): leaf for name, leaf in named.items()}
    return state.get("", state), divergence
