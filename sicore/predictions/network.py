"""Predictions: callables ``(t, x, condition) -> value`` with a kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol, cast

import torch
from torch import Tensor

from sicore.interpolants import Interpolant, Time
from sicore.predictions.conversion import convert
from sicore.predictions.kinds import DATA, Kind, Value
from sicore.states import State, combine, scale

Condition = Mapping[str, Tensor] | None
Network = Callable[[State, Tensor, Condition], Value]


class Prediction(Protocol):
    """What dynamics, guidance and posteriors consume and wrap."""

    @property
    def interpolant(self) -> Interpolant:
        """The path it was made for."""
        ...

    @property
    def kind(self) -> Kind:
        """What a value is."""
        ...

    @property
    def calls(self) -> int:
        """Network calls for each evaluation."""
        ...

    def __call__(self, t: Time, x: State, condition: Condition = None) -> Value:
        """The value at times t, a number, ``()`` or ``(B,)``, and states x."""
        ...


class Preconditioning(Protocol):
    """How the output of a network becomes a prediction."""

    def kind(self, configured: Kind) -> Kind:
        """The kind that results when the configuration says ``configured``."""
        ...

    def __call__(
        self,
        network: Network,
        interpolant: Interpolant,
        t: Time,
        times: Tensor,
        x: State,
        condition: Condition,
    ) -> Value:
        """Evaluate at t, which the network gets as ``times``, ``(B,)`` in its own dtype."""
        ...


@dataclass(frozen=True)
class NoPreconditioning:
    """The network's output is the prediction."""

    def kind(self, configured: Kind) -> Kind:
        """As configured."""
        return configured

    def __call__(
        self,
        network: Network,
        interpolant: Interpolant,
        t: Time,
        times: Tensor,
        x: State,
        condition: Condition,
    ) -> Value:
        """``F(x, t)``."""
        return network(x, times, condition)


@dataclass(frozen=True)
class EDMPreconditioning:
    r"""A data prediction with input and output of unit variance at every noise level.

    With ``v = γ² + β² σ_d²``: ``D = (β σ_d²/v) x + (γ σ_d/√v) F(x/√v, t)``, the paper's
    ``c_skip, c_out, c_in`` at ``σ = γ/β``, written so that it is finite at β = 0 too.

    Args:
        sigma_data: the standard deviation of the data; 1 for standardised states.

    Source: Karras et al. 2022, table 1.
    """

    sigma_data: float = 1.0

    def kind(self, configured: Kind) -> Kind:
        """Always data."""
        return DATA

    def __call__(
        self,
        network: Network,
        interpolant: Interpolant,
        t: Time,
        times: Tensor,
        x: State,
        condition: Condition,
    ) -> Value:
        """The preconditioned denoiser."""
        p = interpolant.at(t)
        variance = p.gamma**2 + (p.beta * self.sigma_data) ** 2
        output = cast("State", network(scale(variance.rsqrt(), x), times, condition))
        skip = p.beta * self.sigma_data**2 / variance
        return combine(skip, x, p.gamma * self.sigma_data * variance.rsqrt(), output)


@dataclass(frozen=True)
class NetworkPrediction:
    """A network ``F(x, t, condition)`` as a prediction on a path.

    Args:
        network: called with x, times ``(B,)`` in the dtype of x, and the condition.
        interpolant: the path it is trained on.
        configured: the kind that its output stands for.
        preconditioning: what is done around it.
    """

    network: Network
    interpolant: Interpolant
    configured: Kind
    preconditioning: Preconditioning = NoPreconditioning()
    calls: int = 1

    @property
    def kind(self) -> Kind:
        """The kind after preconditioning."""
        return self.preconditioning.kind(self.configured)

    def __call__(self, t: Time, x: State, condition: Condition = None) -> Value:
        """Evaluate the network once."""
        times = network_times(t, x)
        return self.preconditioning(self.network, self.interpolant, t, times, x, condition)


@dataclass(frozen=True)
class FunctionPrediction:
    """Any function ``(t, x) -> value`` of a known kind as a prediction; conditions are ignored.

    It gets times as a float64 tensor, ``()`` or ``(B,)``.
    """

    function: Callable[[Tensor, State], Value]
    interpolant: Interpolant
    kind: Kind
    calls: int = 1

    def __call__(self, t: Time, x: State, condition: Condition = None) -> Value:
        """Evaluate the function once."""
        return self.function(torch.as_tensor(t, dtype=torch.float64), x)


def network_times(t: Time, x: State) -> Tensor:
    """Times as a network takes them: ``(B,)``, of the dtype and on the device of x."""
    leaf = next(iter(x.values())) if isinstance(x, dict) else x
    if isinstance(t, Tensor):
        times = t.to(device=leaf.device, dtype=leaf.dtype, non_blocking=leaf.is_cuda)
        return times.expand(leaf.shape[0])
    return torch.full(leaf.shape[:1], t, dtype=leaf.dtype, device=leaf.device)


class Start(NamedTuple):
    """Where a path starts, what the network is given then, and the calls that this took."""

    x0: State
    condition: Condition
    calls: int


def started(prediction: Prediction, x0: State, observed: str, condition: Condition) -> Start:
    """Where the path starts that the source state x0 belongs to: there, for most networks.

    One that is a `sicore.backbones.Regeneration` starts where its predictor ends, D(x0), and is
    given x0 besides. Its predictor is evaluated once, at t = 0.

    Args:
        prediction: of the network.
        x0: source states ``(B, ...)``, which the network is given.
        observed: the condition under which it is.
        condition: all that it is given, x0 among it.
    """
    network = getattr(prediction, "network", None)
    measured = getattr(getattr(network, "module", network), "measured", None)
    if network is None or measured is None:
        return Start(x0, condition, 0)
    start = cast("State", network(x0, network_times(0.0, x0), condition))
    known = {observed: cast("Tensor", start), measured: cast("Tensor", x0)}
    return Start(start, {**(condition or {}), **known}, 1)


def part_of(prediction: Prediction, index: Tensor) -> Prediction:
    """A prediction for a part of the batch: by its ``take``, where it holds anything of samples."""
    take = getattr(prediction, "take", None)
    return prediction if take is None else cast("Prediction", take(index))


def denoise(prediction: Prediction, t: Time, x: State, condition: Condition = None) -> State:
    """``E[x1 | x_t]`` from any prediction, with one evaluation."""
    value = prediction(t, x, condition)
    return convert(prediction.interpolant, t, x, value, prediction.kind, DATA)
