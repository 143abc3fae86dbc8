r"""The divergence of a drift: exactly, or by Hutchinson's estimator.

Both are sums or means of forms ``v · J v`` with the Jacobian J of the drift, made by reverse mode
from ONE evaluation of the network and one backward pass for each direction v. Gradients flow
through them where the caller has gradients enabled, and nothing is kept where it has not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol, cast

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.states import Noise, State, batch_size, leaves, size_per_sample, tree_map

Function = Callable[[State], State]
Measure = Callable[[Function, State], tuple[State, Tensor]]
"""``(f, x) -> f(x), estimates (B, P)`` of the divergence of f at x, from one evaluation of f."""


class Divergence(Protocol):
    """How the divergence is found along one solve."""

    @property
    def estimates(self) -> int:
        """P, how many estimates there are for each sample."""
        ...

    def start(self, x: State, noise: Noise) -> Measure:
        """What is measured during one solve that starts at x, with what is random held fixed."""
        ...


@dataclass(frozen=True)
class ExactDivergence:
    """``Σ_i ∂f_i/∂x_i`` over all entries: one backward pass for each entry of a sample.

    Args:
        chunk: how many passes run at once; memory grows with it. 1 runs them one by one, for a
            network whose backward pass torch cannot batch.
    """

    chunk: int = 64

    def __post_init__(self) -> None:
        _check_positive("chunk", self.chunk)

    @property
    def estimates(self) -> int:
        """One, without error."""
        return 1

    def start(self, x: State, noise: Noise) -> Measure:
        """Nothing is random."""
        return self._measure

    def _measure(self, function: Function, x: State) -> tuple[State, Tensor]:
        value, forms = _forms(function, x, _unit_vectors(x, self.chunk))
        return value, forms.sum(0).unsqueeze(-1)


class ProbeLaw(Protocol):
    """A law of probes with independent entries of mean 0 and variance 1."""

    def __call__(self, noise: Noise, like: State) -> State:
        """Draw one for each sample, shaped as ``like``."""
        ...


@dataclass(frozen=True)
class Rademacher:
    """±1 with equal chance; no other law of independent entries has a smaller variance."""

    def __call__(self, noise: Noise, like: State) -> State:
        """The signs of standard normals."""
        return cast("State", tree_map(torch.sign, noise.normal_like(like)))


@dataclass(frozen=True)
class Gaussian:
    """Standard normals."""

    def __call__(self, noise: Noise, like: State) -> State:
        """Draw them."""
        return noise.normal_like(like)


@dataclass(frozen=True)
class HutchinsonDivergence:
    """``v · J v`` with random probes v, whose mean is the divergence; one backward pass each.

    The probes are drawn once for each solve and each sample, and held fixed, so that the solver
    integrates a smooth function and the estimate of the whole integral is unbiased. Estimates of
    several probes are independent given the sample, and so carry a standard error.

    Args:
        probes: how many.
        law: of their entries.
        chunk: how many passes run at once; see ``ExactDivergence``.

    Sources: Hutchinson 1989; Grathwohl et al., "FFJORD", 2019, section 3.1 (fixed probes).
    """

    probes: int = 1
    law: ProbeLaw = field(default_factory=Rademacher)
    chunk: int = 64

    def __post_init__(self) -> None:
        _check_positive("probes", self.probes)
        _check_positive("chunk", self.chunk)

    @property
    def estimates(self) -> int:
        """One for each probe."""
        return self.probes

    def start(self, x: State, noise: Noise) -> Measure:
        """Draw the probes."""
        streams = replace(noise, space=None).named("probes")  # every entry on its own
        drawn = [self.law(streams.at(i), x) for i in range(self.probes)]
        cuts = [drawn[i : i + self.chunk] for i in range(0, self.probes, self.chunk)]
        first = [cast("State", tree_map(lambda *v: torch.stack(v), *cut)) for cut in cuts]
        return _Probed(first)


@dataclass(frozen=True)
class _Probed:
    """The estimate with these probes, in cuts ``(K, B, ...)``."""

    probes: list[State]

    def __call__(self, function: Function, x: State) -> tuple[State, Tensor]:
        value, forms = _forms(function, x, self.probes)
        return value, forms.mT

    def take(self, index: Tensor) -> Measure:
        """That of a part of the batch."""
        return _Probed([cast("State", tree_map(lambda v: v[:, index], cut)) for cut in self.probes])


def measure_of(measure: Measure, index: Tensor) -> Measure:
    """A measure for a part of the batch: by its ``take``, where it holds anything of samples."""
    taken = getattr(measure, "take", None)
    return measure if taken is None else cast("Measure", taken(index))


def _forms(function: Function, x: State, cuts: Iterable[State]) -> tuple[State, Tensor]:
    """``f(x)``, and ``v · J v`` for directions v that come in cuts ``(K, B, ...)``: ``(ΣK, B)``."""
    keep = torch.is_grad_enabled()

    def tracked(leaf: Tensor) -> Tensor:
        return leaf.view_as(leaf) if keep and leaf.requires_grad else leaf.detach().requires_grad_()

    with torch.enable_grad():
        at = cast("State", tree_map(tracked, x))
        value = function(at)
        forms = torch.cat([_products(value, at, cut, keep) for cut in cuts])
    return (value if keep else cast("State", tree_map(torch.detach, value))), forms


def _products(value: State, at: State, directions: State, keep: bool) -> Tensor:
    """``v · J v`` for each direction and sample, ``(K, B)``, summed in float64."""
    names = sorted(leaves(at))
    f, x, v = ([leaves(state)[name] for name in names] for state in (value, at, directions))
    batched = len(v[0]) > 1
    products = torch.autograd.grad(
        f,
        x,
        v if batched else [leaf[0] for leaf in v],
        is_grads_batched=batched,
        retain_graph=True,
        create_graph=keep,
        materialize_grads=True,
    )
    pairs = zip(products, v, strict=True)
    parts = [(jv * leaf).flatten(2).sum(-1, dtype=torch.float64) for jv, leaf in pairs]
    return torch.stack(parts).sum(0)


def _unit_vectors(x: State, chunk: int) -> Iterator[State]:
    """The unit vectors of a sample, the same for the whole batch, in cuts of ``chunk``."""
    size, batch = size_per_sample(x), batch_size(x)
    for first in range(0, size, chunk):
        number = torch.arange(first, min(first + chunk, size))
        unit: dict[str, Tensor] = {}
        start = 0
        for name, leaf in leaves(x).items():
            entry = torch.arange(start, start + leaf[0].numel())
            rows = (number.unsqueeze(1) == entry).to(leaf).reshape(len(number), 1, *leaf.shape[1:])
            unit[name] = rows.expand(-1, batch, *leaf.shape[1:])
            start += leaf[0].numel()
        yield unit[""] if isinstance(x, Tensor) else unit


def _check_positive(name: str, value: int) -> None:
    if value < 1:
        raise InputError(f"divergence: expected {name} >= 1, got {value}")
