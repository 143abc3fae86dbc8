"""Part of a sample is known: it follows the path to its value, and the rest is drawn around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from sicore.interpolants import Interpolant
from sicore.solvers import StepInfo
from sicore.states import State, batch_size, tree_map, zeros_like


@dataclass(frozen=True)
class KnownPart:
    """A callback of ``solve``: after each step to s, the known entries are a draw of ``x_s``.

    They are exact at the end of a path that ends in data. The network sees a state that agrees
    with them at every time, so the rest is drawn to fit, but not from the exact posterior: what is
    decided early is not decided again. Solvers that renew noise (``categorical-leap`` with η > 0)
    decide it again.

    Args:
        interpolant: a path from noise.
        x1: the known values, ``(1, ...)`` for all samples, or ``(B, ...)``.
        mask: which entries are known, bool, of the structure of x1, spread over its leaves.

    Source: Song et al., "Score-based generative modeling through SDEs", 2021, appendix I.2; Vignac
    et al., "DiGress", 2023, appendix E (substructures of graphs).
    """

    interpolant: Interpolant
    x1: State
    mask: State

    def __call__(self, step: StepInfo) -> State:
        """The state with its known entries in place."""
        x, n = step.x, batch_size(step.x)
        known = cast(
            "State",
            tree_map(lambda leaf, like: leaf.to(like).expand(n, *leaf.shape[1:]), self.x1, x),
        )
        noise = step.noise.named("known").at(step.number)
        z = self.interpolant.latent(noise, zeros_like(x))
        s = torch.as_tensor(step.s, dtype=torch.float64)
        drawn = self.interpolant.sample(None, known, s, z).x_t

        def placed(mask: Tensor, new: Tensor, old: Tensor) -> Tensor:
            return torch.where(mask.to(new.device), new, old)

        return cast("State", tree_map(placed, self.mask, drawn, x))
