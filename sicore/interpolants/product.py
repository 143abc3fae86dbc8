"""A path for each leaf of a tree: nodes on one, edges on another, at the same time t."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants.base import Interpolant
from sicore.states import Noise, State, leaves


@dataclass(frozen=True)
class Product(Interpolant):
    """``x_t[k] = α_k(t) x0[k] + β_k(t) x1[k] + γ_k(t) z[k]`` for each leaf k.

    Coefficients are ``(L, 1)`` for a time ``()`` and ``(L, B)`` for times ``(B,)``, one row per
    leaf in the sorted order of names, which all arithmetic on states understands.

    Args:
        interpolants: a path for each leaf, by its name; all from noise, or all from samples.

    Raises:
        InputError: if there is none, or some start from noise and others from samples.

    Source: Jo, Lee and Hwang, "Score-based generative modeling of graphs via the system of
    stochastic differential equations", 2022, equation 3.
    """

    interpolants: Mapping[str, Interpolant]

    def __post_init__(self) -> None:
        if len({path.two_sided for path in self.interpolants.values()}) != 1:
            raise InputError(
                "product: expected a path for each leaf, all from noise or all from samples, "
                f"got {dict(self.interpolants)}"
            )

    @property
    def two_sided(self) -> bool:  # type: ignore[override]
        """That of every leaf."""
        return next(iter(self.interpolants.values())).two_sided

    @property
    def gaussian(self) -> bool:  # type: ignore[override]
        """Whether z is normal in every leaf."""
        return all(path.gaussian for path in self.interpolants.values())

    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Those of the leaves, stacked."""
        return self._stacked(
            t, [self.interpolants[name].coefficients(t) for name in sorted(self.interpolants)]
        )

    def derivatives(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Those of the leaves, stacked."""
        return self._stacked(
            t, [self.interpolants[name].derivatives(t) for name in sorted(self.interpolants)]
        )

    def latent(self, noise: Noise, like: State) -> State:
        """Each leaf's own, where all are normal in the structure of the whole state."""
        if self.gaussian:
            return noise.normal_like(like)
        parts = leaves(like)
        return cast(
            "State", {k: self.interpolants[k].latent(noise.named(k), v) for k, v in parts.items()}
        )

    def _stacked(
        self, t: Tensor, rows: list[tuple[Tensor, Tensor, Tensor]]
    ) -> tuple[Tensor, Tensor, Tensor]:
        shape = (len(rows), 1) if t.ndim == 0 else (len(rows), *t.shape)
        alpha, beta, gamma = (
            torch.stack(column).reshape(shape) for column in zip(*rows, strict=True)
        )
        return alpha, beta, gamma
