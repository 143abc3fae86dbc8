"""Couplings: which source sample, and which noise, meets which data sample."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, cast

from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants import Interpolant
from sicore.predictions import Condition
from sicore.states import Noise, State, combine, leaves, tree_map

SOURCE = "source/"
"""Before the name of a leaf: a condition of a dataset that holds the source state of each sample.
The one leaf of a plain tensor has the empty name."""


class Source(Protocol):
    """A law of source states."""

    def __call__(self, noise: Noise, like: State) -> State:
        """One draw for each stream, of the structure, shape, dtype and device of ``like``."""
        ...


class Coupled(NamedTuple):
    """What a path is drawn from; x0 is None on a one-sided path."""

    x0: State | None
    x1: State
    z: State


class Coupling(ABC):
    """A joint law of (x0, x1, z) with the right marginals."""

    @property
    def observed(self) -> str | None:
        """The name under which the network is given x0, among the conditions; None if it is not."""
        return None

    def independent_noise(self, interpolant: Interpolant) -> bool:
        """Whether z is independent of x0 and x1.

        Only then is ``−E[z|x_t]/γ`` the score, which SDEs need, and ``−z`` as good as z, which
        antithetic pairs need. ODEs need neither.
        """
        return True

    def shown(self, condition: Condition) -> Condition:
        """What the network is given of the dataset's conditions."""
        return condition

    def source_states(self, noise: Noise, like: State) -> State:
        """Source states to sample from, one for each stream.

        Raises:
            InputError: if they can only come from the user.
        """
        raise InputError("this model starts from source states of the user: give x0")

    @abstractmethod
    def __call__(
        self, interpolant: Interpolant, x1: State, noise: Noise, condition: Condition
    ) -> Coupled:
        """Pair a batch of data; x1 keeps its order, which is that of the conditions."""


@dataclass(frozen=True)
class Independent(Coupling):
    """x0, x1 and z independent.

    Args:
        source: draws x0 for a two-sided path; None draws standard normals.
    """

    source: Source | None = None

    def source_states(self, noise: Noise, like: State) -> State:
        """Those of the source."""
        return (self.source or Noise.normal_like)(noise, like)

    def __call__(
        self, interpolant: Interpolant, x1: State, noise: Noise, condition: Condition
    ) -> Coupled:
        """Draw source and noise."""
        z = interpolant.latent(noise.named("latent"), x1)
        if not interpolant.two_sided:
            return Coupled(None, x1, z)
        return Coupled(self.source_states(noise.named("source"), x1), x1, z)


@dataclass(frozen=True)
class Paired(Coupling):
    """x0 is a condition of the dataset: a noisy recording with its clean one, a past window.

    Args:
        key: the name of the condition that holds it.
        seen: whether the network is given it too. Then the path is one given x0, and at sampling
            time everything about it follows from one prediction.

    Raises:
        InputError: if the dataset has no such condition, or the path is one-sided.
    """

    key: str = "x0"
    seen: bool = True

    @property
    def observed(self) -> str | None:
        """The key, if the network is given it."""
        return self.key if self.seen else None

    def shown(self, condition: Condition) -> Condition:
        """All, or all but the key."""
        if self.seen:
            return condition
        return {k: v for k, v in (condition or {}).items() if k != self.key} or None

    def __call__(
        self, interpolant: Interpolant, x1: State, noise: Noise, condition: Condition
    ) -> Coupled:
        """Take x0 from the condition."""
        if not interpolant.two_sided:
            raise InputError(f"paired: {type(interpolant).__name__} starts from noise, not from x0")
        if condition is None or self.key not in condition:
            got = sorted(condition or {})
            raise InputError(f"paired: the dataset gives no condition '{self.key}', only {got}")
        z = interpolant.latent(noise.named("latent"), x1)
        return Coupled(cast("State", condition[self.key]), x1, z)


class Corruption(Protocol):
    """Any map of states; a linear `sicore.inverse.Operator`, for example."""

    def __call__(self, x: Any, /) -> Any:
        """The corrupted states."""
        ...


@dataclass(frozen=True)
class DataDependent(Coupling):
    """``x0 = m(x1) + noise_std · n``: a corrupted version of each data sample.

    m is the operator A where ``A x`` is shaped as x (blur, a mask), and ``A⁺ A``, the projection
    onto what it measures, where it is not (low resolution, as large pixels). The noise is drawn in
    the space of states, so that the law of x0 is no thinner than that of x1.

    Sampling needs x0 of the user: ``m`` of what is to be restored, plus the noise.

    Args:
        operator: A; one that changes the shape needs a ``pseudoinverse``.
        noise_std: of the noise that is added, in units of the state.
        seen: whether the network is given x0 too. Then the path is one given x0.
        key: the name under which it is given.

    Raises:
        InputError: for a negative noise_std, a one-sided path, or an operator that changes the
            shape and has no pseudoinverse.

    Source: Albergo et al., "Stochastic interpolants with data-dependent couplings", 2024.
    """

    operator: Corruption
    noise_std: float = 0.0
    seen: bool = True
    key: str = "x0"

    def __post_init__(self) -> None:
        if not self.noise_std >= 0:
            raise InputError(f"noise_std: expected a number >= 0, got {self.noise_std}")

    @property
    def observed(self) -> str | None:
        """The key, if the network is given it."""
        return self.key if self.seen else None

    def corrupted(self, x: State, noise: Noise) -> State:
        """``m(x) + noise_std · n``, shaped as x."""
        y = self.operator(x)
        if _shapes(y) != _shapes(x):
            back = getattr(self.operator, "pseudoinverse", None)
            if back is None:
                raise InputError(
                    f"data-dependent: {type(self.operator).__name__} maps {_shapes(x)} to "
                    f"{_shapes(y)} and has no pseudoinverse; give an operator that keeps the shape"
                )
            y = back(y)
        return combine(1.0, y, self.noise_std, noise.named("corruption").normal_like(x))

    def __call__(
        self, interpolant: Interpolant, x1: State, noise: Noise, condition: Condition
    ) -> Coupled:
        """Corrupt the data."""
        if not interpolant.two_sided:
            name = type(interpolant).__name__
            raise InputError(f"data-dependent: {name} starts from noise, not from x0")
        z = interpolant.latent(noise.named("latent"), x1)
        return Coupled(self.corrupted(x1, noise), x1, z)


@dataclass(frozen=True)
class Reflow(Independent):
    """Source and data are the two ends of a trained model's trajectories.

    The dataset ``pairs`` gives the source as conditions (see `SOURCE`). It is x0 on a two-sided
    path, and the noise z on a path from noise. The ODE of the trained model keeps both laws and
    never raises a convex cost, so the new model's trajectories are straighter.

    Args:
        source: the law of x0 that the pairs were drawn from, for sampling from a two-sided path.

    Raises:
        InputError: if the dataset gives no source.

    Source: Liu, Gong and Liu, "Flow straight and fast: learning to generate and transfer data with
    rectified flow", 2023.
    """

    def shown(self, condition: Condition) -> Condition:
        """All but the source."""
        return {k: v for k, v in (condition or {}).items() if not k.startswith(SOURCE)} or None

    def independent_noise(self, interpolant: Interpolant) -> bool:
        """Only on a two-sided path, where z is drawn anew."""
        return interpolant.two_sided

    def __call__(
        self, interpolant: Interpolant, x1: State, noise: Noise, condition: Condition
    ) -> Coupled:
        """Take the source from the conditions."""
        given, wanted = condition or {}, [SOURCE + name for name in leaves(x1)]
        if missing := sorted(set(wanted) - set(given)):
            raise InputError(
                f"reflow: the dataset gives no condition {missing}, only {sorted(given)}; train on "
                f"what `sicore reflow` writes, with data=pairs data.folder=…"
            )
        named = {name: given[SOURCE + name].to(leaf) for name, leaf in leaves(x1).items()}
        start: State = named[""] if isinstance(x1, Tensor) else named
        if not interpolant.two_sided:
            return Coupled(None, x1, start)
        return Coupled(start, x1, interpolant.latent(noise.named("latent"), x1))


def _shapes(x: State) -> Any:
    return tree_map(lambda leaf: tuple(leaf.shape[1:]), x)
