r"""A path of one-hot states: each entry leaves a random kind for its own, at a time of its own.

An entry is a row ``x[..., :]`` of K numbers, one of which is 1: the kind of an atom, of a bond, of
a letter. Given the data it is, independently of the others,

    ``x_t = x1`` with probability κ(t), else ``x0 ~ π``, ``κ(t) = 1 − (1 − t)^p``.

Source: Campbell et al., "Generative flows on discrete state-spaces", 2024, section 3; Qin et al.,
"DeFoG", 2025 (marginal source, distorted time).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants.base import Interpolant, InterpolantSample, Time
from sicore.states import Noise, State, StateSpace, expand, leaves, tree_map

COUNTED = 20_000  # items of the data that the marginals are counted on


@dataclass(frozen=True)
class Categorical(Interpolant):
    r"""``x_t ~ κ(t) δ_{x1} + (1 − κ(t)) π`` for every entry; a row of zeros is no entry, and stays.

    Its coefficients are those of the mean, ``E[x_t|x1] = β x1 + γ π`` with ``β = κ``,
    ``γ = 1 − κ``, so a prediction of the data is a law over kinds (``CATEGORICAL``). There is no
    score; solvers for categorical paths draw the kinds (``sicore.solvers.CategoricalLeap``).

    The random numbers of a draw are one standard normal for each kind. With ``e_k = −log Φ(z_k)``,
    exponential, the kind is ``argmin_k e_k/π_k``, and the least value, which is independent of it,
    decides whether the entry is still at its source. So symmetric noise makes symmetric entries.

    Args:
        marginals: π of each leaf by its name (``""`` for a tensor), K shares that sum to 1; counted
            on the data when a training starts, if they are not given.
        power: p; above 1 the late part of the path, in which little is random, is longer.

    Raises:
        InputError: for shares that are negative or do not sum to 1, or a power below 1.
    """

    marginals: Mapping[str, Sequence[float]] | None = None
    power: float = 1.0
    two_sided: ClassVar[bool] = False
    gaussian: ClassVar[bool] = False
    categorical: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.power < 1:
            raise InputError(f"categorical: expected power >= 1, got {self.power}")
        for name, shares in (self.marginals or {}).items():
            if not (min(shares, default=-1) >= 0 and abs(sum(shares) - 1) <= 1e-6):
                raise InputError(
                    f"categorical: marginals['{name}']: expected shares that sum to 1, "
                    f"got {list(shares)}"
                )

    @classmethod
    def completed(
        cls, parameters: Mapping[str, Any], states: Callable[[int], State]
    ) -> dict[str, Any]:
        """The parameters with the marginals of the data.

        Args:
            parameters: as configured.
            states: gives a number of states of the data.
        """
        if parameters.get("marginals") is not None:
            return dict(parameters)
        counted = {name: _shares(leaf) for name, leaf in leaves(states(COUNTED)).items()}
        return {**parameters, "marginals": counted}

    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """0, κ and 1 − κ."""
        left = (1 - t) ** self.power
        return torch.zeros_like(t), 1 - left, left

    def derivatives(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """0, κ̇ and −(1 − κ) κ̇."""
        speed = self.power * (1 - t) ** (self.power - 1)
        return torch.zeros_like(t), speed, -speed * (1 - t) ** self.power

    def sample(self, x0: State | None, x1: State, t: Tensor, z: State) -> InterpolantSample:
        """Draw ``x_t``; see the class for what z decides."""
        if x0 is not None:
            raise InputError("Categorical: this path takes no x0")
        _, kappa, _ = self.coefficients(t.double())

        def leafwise(one: Tensor, pi: Tensor, normals: Tensor) -> Tensor:
            kind, least = draw_kinds(pi.expand_as(one), normals)
            changed = torch.exp(-least) > expand(kappa, least)  # never at κ = 1
            there = (one != 0).any(-1, keepdim=True)
            return torch.where(changed & there, kind, one)

        return InterpolantSample(t, tree_map(leafwise, x1, self.source(x1), z), None, x1, z)

    def prior(
        self,
        noise: Noise,
        space: StateSpace,
        dtype: torch.dtype,
        t: Time = 0.0,
        x0: State | None = None,
    ) -> State:
        """Kinds drawn from π, at every t, since their law is that of the data's entries too.

        Entries that the space has not (where its noise is zero) are rows of zeros.
        """
        if x0 is not None:
            raise InputError("Categorical: sampling on this path starts from noise: give no x0")
        like = space.zeros(len(noise.index), dtype, noise.index.device)
        z = self.latent(noise.named("prior"), like)

        def leafwise(normals: Tensor, pi: Tensor) -> Tensor:
            kind, _ = draw_kinds(pi.expand_as(normals), normals)
            return torch.where((normals != 0).any(-1, keepdim=True), kind, 0.0)

        return cast("State", tree_map(leafwise, z, self.source(z)))

    def source(self, x: State) -> State:
        """π of each leaf of x, ``(K,)``, of its dtype and on its device; even shares if unknown.

        Raises:
            InputError: when a leaf has no marginals, or another number of kinds.
        """
        known = self.marginals
        shares = {
            name: [1 / leaf.shape[-1]] * leaf.shape[-1] if known is None else known.get(name, ())
            for name, leaf in leaves(x).items()
        }
        for name, leaf in leaves(x).items():
            if len(shares[name]) != leaf.shape[-1]:
                raise InputError(
                    f"categorical: marginals['{name}']: expected {leaf.shape[-1]} shares, "
                    f"got {len(shares[name])}"
                )
        made = {k: torch.tensor(shares[k]).to(v) for k, v in leaves(x).items()}
        return made[""] if isinstance(x, Tensor) else made


def draw_kinds(probabilities: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """One-hot draws, and the least exponential, which is independent of what was drawn.

    Args:
        probabilities: of the kinds, ``(..., K)``.
        z: standard normals of the same shape.

    Returns:
        The draws ``(..., K)``, and ``min_k e_k/p_k`` ``(..., 1)``, exponential with rate ``Σ p``.
    """
    least, kind = (-torch.special.log_ndtr(z) / probabilities).min(-1, keepdim=True)
    return torch.zeros_like(z).scatter_(-1, kind, 1.0), least


def _shares(leaf: Tensor) -> list[float]:
    counts = leaf.double().flatten(0, -2).sum(0)
    return (counts / counts.sum()).tolist()
