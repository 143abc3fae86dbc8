r"""A scalar network as a prediction: ``φ(x, t) ≈ log p_t(x)``, whose score is its gradient.

The field ``s = ∇φ`` is conservative by construction, and the scalar has an equation of its own to
satisfy (``sicore.objectives.fokker_planck``). φ is only determined up to a function of time.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from sicore.errors import InputError
from sicore.interpolants import Interpolant, Time
from sicore.predictions.kinds import SCORE, Kind
from sicore.predictions.network import Condition, network_times
from sicore.states import State, leaves, tree_map, zeros_like

Potential = Callable[[State, Tensor, Condition], Tensor]


@dataclass(frozen=True)
class PotentialPrediction:
    """A network ``φ(x, t, condition) -> (B,)`` as a prediction of the score, ``∇φ``.

    Args:
        network: called with x, times ``(B,)`` in the dtype of x, and the condition; the
            log-density in nats, up to a constant at each time. It must be smooth: its third
            derivatives enter training with the Fokker–Planck residual.
        interpolant: the path it is trained on.

    Source: Deveney et al., "Closing the ODE–SDE gap in score-based diffusion models through the
    Fokker–Planck equation", 2023, whose experiments use such networks.
    """

    network: Potential
    interpolant: Interpolant
    calls: int = 1

    @property
    def kind(self) -> Kind:
        """A score."""
        return SCORE

    def log_density(self, t: Time, x: State, condition: Condition = None) -> Tensor:
        """``φ`` at times ``()`` or ``(B,)`` and states x: ``(B,)``, in the dtype of x.

        Raises:
            InputError: if the network gives anything but one number for each sample.
        """
        times = network_times(t, x)
        with twice_differentiable():
            value = self.network(x, times, condition)
        if value.shape != times.shape:
            raise InputError(
                f"potential: expected one number for each sample, shape {tuple(times.shape)}, "
                f"but the network returned {tuple(value.shape)}"
            )
        return value

    def __call__(self, t: Time, x: State, condition: Condition = None) -> State:
        """``∇φ``: one evaluation and one backward pass.

        Gradients flow through it, to x and to the network's weights, unless they are disabled.
        """
        keep = torch.is_grad_enabled()
        with torch.enable_grad():
            at = tree_map(_tracked, x)
            return gradient(self.log_density(t, at, condition), at, keep=keep)


def gradient(scalars: Tensor, x: State, *, keep: bool) -> State:
    """The gradient of each sample's scalar, ``(B,)``, with respect to x; zero where it has none.

    Args:
        scalars: each made from its own sample alone.
        x: what the scalars were made from, with gradients enabled.
        keep: whether gradients flow through the result.
    """
    if not scalars.requires_grad:
        return zeros_like(x)
    parts = leaves(x)
    found = torch.autograd.grad(
        scalars.sum(),
        list(parts.values()),
        create_graph=keep,
        retain_graph=True,
        materialize_grads=True,
    )
    return found[0] if isinstance(x, Tensor) else dict(zip(parts, found, strict=True))


def twice_differentiable() -> AbstractContextManager[None]:
    """Evaluate networks inside it that are differentiated twice: fused attention cannot be."""
    return sdpa_kernel(SDPBackend.MATH)


def _tracked(leaf: Tensor) -> Tensor:
    return leaf if leaf.requires_grad else leaf.detach().requires_grad_()
