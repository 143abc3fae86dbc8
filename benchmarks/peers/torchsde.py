"""torchsde: the path's SDE with diffusion ``√(2ε)``, in the path's own clock.

ε is γ on the linear path and the diffusion's own ``g²/2`` on the others. The SDE has additive
noise, so that Itô and Stratonovich are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torchsde

from peers.base import Method, Run

if TYPE_CHECKING:
    from problems import Field
    from torch import Tensor

ITO = ("euler", "milstein", "srk")
STRATONOVICH = ("heun", "midpoint", "reversible_heun")


class _Sde(torch.nn.Module):
    """What torchsde integrates."""

    noise_type = "diagonal"

    def __init__(self, field: Field, sde_type: str) -> None:
        super().__init__()
        self.field, self.sde_type = field, sde_type

    def f(self, t: Tensor, x: Tensor) -> Tensor:
        return self.field.drift(t, x, self.field.epsilon)

    def g(self, t: Tensor, x: Tensor) -> Tensor:
        return (2 * self.field.epsilon(t)).sqrt().expand_as(x)


def methods() -> list[Method]:
    """Every method for additive noise, with equal steps."""
    kinds = {name: "ito" for name in ITO} | {name: "stratonovich" for name in STRATONOVICH}
    return [Method(name, "torchsde", _run(name, kind), "sde") for name, kind in kinds.items()]


def _run(name: str, kind: str) -> Run:
    def run(field: Field, x: Tensor, steps: int) -> Tensor:
        ends = torch.tensor([0.0, 1.0], dtype=torch.float64)
        with torch.no_grad():
            made: Tensor = torchsde.sdeint(_Sde(field, kind), x, ends, method=name, dt=1 / steps)
        return made[-1]

    return run
