"""Stochastic regeneration: a predictor does what one pass can do, and a path repairs the rest.

With a predictor D and an observation y, the path of the model starts in D(y) in place of y, and its
network is given ``[x_t, y, D(y)]``. What D is sure of needs no path, so few steps are enough, and
what it has lost or spoilt is drawn anew. Any two-sided path and any domain: D is a backbone too.

Source: Lemercier, Richter, Welker and Gerkmann, "StoRM: a diffusion-based stochastic regeneration
model for speech enhancement and dereverberation", 2023, equations 12 to 15.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, cast

from torch import Tensor, nn

from sicore.config import In
from sicore.predictions import Value
from sicore.states import State


class Identity(nn.Module):
    """``F(x, t) = x``: a predictor that changes nothing."""

    def forward(self, x: State, t: Tensor, condition: Mapping[str, Tensor] | None = None) -> State:
        """The state itself."""
        return x


class Regeneration(nn.Module):
    """A predictor and the network of a path that starts where the predictor ends.

    Called without the condition ``measured`` it is the predictor, ``D = predictor(y, 0, {x0: y})``;
    that is how training and sampling find the start (``sicore.predictions.started``). Called with
    it, it is the network of the path: ``network(x_t, t, {measured: y, observed: D})``.

    The predictor learns by the regulariser ``start-error``, ``‖D − x1‖²``, and by the loss of the
    path, which D moves; or not at all if it is ``frozen``. A trained one is put in with
    ``sicore train … --from predictor=MODEL``.

    Args:
        predictor: a backbone; it is given y as its state and as the condition ``observed``.
        network: a backbone that is given D as the condition ``observed`` and y as ``measured``.
        observed: the condition that holds where the path starts; that of the coupling.
        measured: the condition under which the network finds y.
        frozen: whether the predictor stays as it is.
    """

    def __init__(
        self,
        predictor: Annotated[Any, In("backbone")],
        network: Annotated[Any, In("backbone")],
        observed: str = "x0",
        measured: str = "y",
        frozen: bool = False,
    ) -> None:
        super().__init__()
        self.predictor, self.network = predictor, network
        self.observed, self.measured = observed, measured
        if frozen:
            self.predictor.requires_grad_(False)

    def forward(self, x: State, t: Tensor, condition: Mapping[str, Tensor] | None = None) -> Value:
        """D(x) without the condition ``measured``, and the network of the path with it."""
        if self.measured in (condition or {}):
            return cast("Value", self.network(x, t, condition))
        return cast("Value", self.predictor(x, t, condition))
