"""State spaces: the shape of a state, how its noise is drawn and what is kept at every step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Protocol, cast, runtime_checkable

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.states.trees import State, leaves, take, tree_map


@runtime_checkable
class StateSpace(Protocol):
    """What the platform needs to know of a domain's states."""

    @property
    def size(self) -> int:
        """Degrees of freedom of one sample."""
        ...

    def zeros(
        self, n: int, dtype: torch.dtype | None = None, device: torch.device | str | None = None
    ) -> State:
        """A batch of n zero states."""
        ...

    def shape_noise(self, z: State) -> State:
        """Standard normals of the space from iid ones."""
        ...

    def project(self, x: State) -> State:
        """The nearest state of the space; solvers apply it after every step."""
        ...

    def check(self, x: State, name: str = "state") -> None:
        """Raise InputError, naming the input, unless x is a batch of this space."""
        ...


@dataclass(frozen=True)
class TensorSpace:
    """Real tensors ``(B, *shape)`` with nothing to keep."""

    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """The number of entries."""
        return prod(self.shape)

    def zeros(
        self, n: int, dtype: torch.dtype | None = None, device: torch.device | str | None = None
    ) -> Tensor:
        """A batch of n zero tensors."""
        return torch.zeros(n, *self.shape, dtype=dtype, device=device)

    def shape_noise(self, z: State) -> State:
        """The identity."""
        return z

    def project(self, x: State) -> State:
        """The identity."""
        return x

    def check(self, x: State, name: str = "state") -> None:
        """Raise unless x is a tensor ``(B, *shape)``."""
        got = tuple(x.shape) if isinstance(x, Tensor) else f"leaves {sorted(x)}"
        if not isinstance(x, Tensor) or tuple(x.shape[1:]) != tuple(self.shape):
            raise InputError(f"{name}: expected shape (B, {str(tuple(self.shape))[1:]}, got {got}")


@dataclass(frozen=True)
class SymmetricSpace(TensorSpace):
    """Edge tensors ``(B, N, N, E)``: symmetric in N, zero on the diagonal.

    Noise is the upper triangle of iid normals, mirrored; the projection averages with the
    transpose and empties the diagonal.
    """

    @property
    def size(self) -> int:
        """The number of free entries, N (N − 1) / 2 · E."""
        n = self.shape[0]
        return n * (n - 1) // 2 * prod(self.shape[2:])

    def shape_noise(self, z: State) -> State:
        """Mirror the upper triangle."""
        edges = cast("Tensor", z)
        n = self.shape[0]
        upper = torch.ones(n, n, dtype=edges.dtype, device=edges.device).triu(1)
        half = edges * upper.reshape(n, n, *(1,) * (edges.ndim - 3))
        return half + half.transpose(1, 2)

    def project(self, x: State) -> State:
        """``(x + xᵀ) / 2`` with a zero diagonal."""
        edges = cast("Tensor", x)
        n = self.shape[0]
        off = 1 - torch.eye(n, dtype=edges.dtype, device=edges.device)
        both = (edges + edges.transpose(1, 2)) / 2
        return both * off.reshape(n, n, *(1,) * (edges.ndim - 3))


@dataclass(frozen=True)
class TreeSpace:
    """Named leaves, each with its own space."""

    spaces: Mapping[str, TensorSpace]

    @property
    def size(self) -> int:
        """The sum over the leaves."""
        return sum(space.size for space in self.spaces.values())

    def zeros(
        self, n: int, dtype: torch.dtype | None = None, device: torch.device | str | None = None
    ) -> dict[str, Tensor]:
        """A batch of n zero states."""
        return {name: space.zeros(n, dtype, device) for name, space in self.spaces.items()}

    def shape_noise(self, z: State) -> State:
        """Leaf by leaf."""
        return cast("State", {k: self.spaces[k].shape_noise(v) for k, v in leaves(z).items()})

    def project(self, x: State) -> State:
        """Leaf by leaf."""
        return cast("State", {k: self.spaces[k].project(v) for k, v in leaves(x).items()})

    def check(self, x: State, name: str = "state") -> None:
        """Raise unless x has exactly these leaves, each of its shape."""
        if isinstance(x, Tensor) or set(x) != set(self.spaces):
            got = "a tensor" if isinstance(x, Tensor) else f"leaves {sorted(x)}"
            raise InputError(f"{name}: expected leaves {sorted(self.spaces)}, got {got}")
        for leaf, space in self.spaces.items():
            space.check(x[leaf], f"{name}['{leaf}']")


@dataclass(frozen=True)
class _Within:
    """A space that adds to another one.

    Args:
        space: of the states.
    """

    space: StateSpace

    @property
    def size(self) -> int:
        """That of the space inside: the most that a sample may have."""
        return self.space.size

    def zeros(
        self, n: int, dtype: torch.dtype | None = None, device: torch.device | str | None = None
    ) -> State:
        """A batch of n zero states."""
        return self.space.zeros(n, dtype, device)

    def project(self, x: State) -> State:
        """That of the space inside."""
        return self.space.project(x)

    def check(self, x: State, name: str = "state") -> None:
        """That of the space inside."""
        self.space.check(x, name)


@dataclass(frozen=True)
class MaskedSpace(_Within):
    """Another space in which each sample of a batch has entries of its own; the others are zero.

    Graphs of different sizes, series of different lengths: states of one shape, padded with zeros,
    which neither noise nor steps touch.

    Args:
        space: of the padded states.
        mask: which entries are there, bool; each leaf ``(B, ...)`` is spread over the state's.
    """

    mask: State

    def shape_noise(self, z: State) -> State:
        """That of the space, and zero outside the mask."""
        return self._masked(self.space.shape_noise(z))

    def project(self, x: State) -> State:
        """That of the space, and zero outside the mask."""
        return self._masked(self.space.project(x))

    def check(self, x: State, name: str = "state") -> None:
        """Raise unless x is of the space, and zero outside the mask."""
        self.space.check(x, name)
        inside = leaves(self._masked(x))
        for leaf, value in leaves(x).items():
            if not torch.equal(inside[leaf], value):
                where = f"{name}['{leaf}']" if leaf else name
                raise InputError(f"{where}: expected zeros outside the mask")

    def take(self, index: Tensor | slice) -> MaskedSpace:
        """For a part of the batch."""
        return MaskedSpace(self.space, take(self.mask, index))

    def _masked(self, x: State) -> State:
        return cast("State", tree_map(lambda leaf, m: torch.where(m, leaf, 0.0), x, self.mask))


@dataclass(frozen=True)
class CorrelatedSpace(_Within):
    r"""Another space in which noise is correlated along the first axis: ``L z``, of law N(0, L Lᵀ).

    Paths, dynamics and solvers are linear in noise, values and states, so all that they do here is
    what they do to white states ``L⁻¹ x``: the same laws, with "the score" standing for
    ``L Lᵀ ∇ log p``. A Gaussian process as the source of values at irregular times is one example.

    Args:
        space: of the states, tensors ``(B, T, ...)``.
        factor: L, ``(T, T)`` or one for each sample, ``(B, T, T)``.
    """

    factor: Tensor

    def shape_noise(self, z: State) -> State:
        """``L z``, then that of the space."""
        white = cast("Tensor", z)
        mixed = self.factor.to(white) @ white.flatten(2)
        return self.space.shape_noise(mixed.reshape(white.shape))

    def take(self, index: Tensor | slice) -> CorrelatedSpace:
        """For a part of the batch."""
        factor = self.factor if self.factor.ndim == 2 else self.factor[index]
        part = cast("StateSpace", part_of_space(self.space, index))
        return CorrelatedSpace(part, factor)


def part_of_space(space: StateSpace | None, index: Tensor | slice) -> StateSpace | None:
    """A space for a part of the batch: by its ``take``, where it holds anything of samples."""
    part = getattr(space, "take", None)
    return space if part is None else cast("StateSpace", part(index))
