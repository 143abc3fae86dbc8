r"""One Brownian path for each sample, that can be asked for at any times, in any order.

White noise on [0, 1] in an orthonormal basis of functions ψ_k, with standard normals z_k, is

``W_t = Σ_k z_k Ψ_k(t)``,  ``∫_0^t W_u du = Σ_k z_k ∫_0^t Ψ_k``,  ``Ψ_k(t) = ∫_0^t ψ_k``.

The basis is ``1`` and ``√3 (2t − 1)``, and on every dyadic interval the two piecewise linear
wavelets of Alpert, which are orthogonal to straight lines. That makes Ψ_k and its integral vanish
outside the interval, so that W_t and its time integral need the few intervals that t lies in, two
normals each. (The tents of Lévy and Ciesielski do so for W alone.) Times that are multiples of
2^−m need m of them.

The normals are a function of (seed, stream, sample, leaf, interval), so nothing is stored, and no
order of queries can matter.

Sources: Alpert, "A class of bases in L² for the sparse representation of integral operators", 1993;
Karatzas and Shreve, "Brownian motion and stochastic calculus", 1991, section 2.3, for the series.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.states.noise import Noise
from sicore.states.philox import MASK, philox, to_normal
from sicore.states.spaces import StateSpace
from sicore.states.trees import State, leaves

UNIT = 2.0**-44  # values of W are multiples of it, and less than 2^5: sums of them are exact
AT_ONCE = 2**15  # counters: more of them do not fit into a cache


@dataclass(frozen=True)
class BrownianTree(Noise):
    """A noise whose Brownian steps are all parts of one path: common random numbers.

    Solvers, step sizes and grids that are given the same tree are driven by the same path of each
    sample, ``solve(..., noise=BrownianTree.of(seed, n))``, and so converge to the same states.
    Everything else (``normal``, ``uniform``, the streams, the numbers of the samples) is as for
    any noise.

    W is rounded to multiples of 2^−44, so that in float64 ``increment(s, u)`` is the sum of
    ``increment(s, t)`` and ``increment(t, u)`` bit for bit.

    Args:
        seed: any integer.
        index: the numbers of the samples in this batch, int64 ``(B,)``.
        stream: a path of its own for each name.
        draw: which draw of ``normal`` and ``uniform``; the path does not depend on it.
        space: gives the path the structure of its states (symmetric edges, masks).
        depth: the finest intervals are 2^−depth long. On multiples of that the law is exact;
            between them W is smooth, and its variance too small by at most 2^−depth/16.

    Raises:
        InputError: unless ``1 <= depth <= 31``; for times outside [0, 1].
    """

    depth: int = 24

    def __post_init__(self) -> None:
        if not 1 <= self.depth <= 31:
            raise InputError(f"Brownian tree: expected a depth from 1 to 31, got {self.depth}")

    @classmethod
    def of(
        cls,
        seed: int,
        n: int,
        first: int = 0,
        device: torch.device | str | None = None,
        space: StateSpace | None = None,
        depth: int = 24,
    ) -> BrownianTree:
        """The paths of the ``n`` samples from number ``first`` on."""
        index = torch.arange(first, first + n, device=device)
        return cls(seed, index, space=space, depth=depth)

    def coordinates(self, t: float, s: float, x: State, count: int = 1) -> list[State]:
        """What the path does over a step, as the standard normals ξ and ζ of ``Noise``."""
        h = abs(s - t)
        drawn: list[dict[str, Tensor]] = [{} for _ in range(count)]
        for name, leaf in leaves(x).items():
            moved, *areas = self._step(t, s, leaf.shape[1:], name, count > 1)
            xi = moved / h**0.5
            drawn[0][name] = xi
            for area in areas:
                drawn[1][name] = 3**0.5 * (2 / h**1.5 * area - xi)
        return [self._like(x, made) for made in drawn]

    def increment(self, t: float, s: float, x: State) -> State:
        """``W_s − W_t``, shaped as x; exact in float64."""
        moved = {k: self._step(t, s, v.shape[1:], k, False)[0] for k, v in leaves(x).items()}
        return self._like(x, moved)

    def area(self, t: float, s: float, x: State) -> State:
        """``∫ (W_u − W_t) du`` over the step, towards s, shaped as x."""
        areas = {k: self._step(t, s, v.shape[1:], k, True)[1] for k, v in leaves(x).items()}
        return self._like(x, areas)

    def _step(
        self, t: float, s: float, shape: Sequence[int], leaf: str, area: bool
    ) -> list[Tensor]:
        """``W_s − W_t``, and the area if it is wanted, ``(B, *shape)`` in float64."""
        if not (0 <= t <= 1 and 0 <= s <= 1):
            raise InputError(f"Brownian tree: its path is over [0, 1], but was asked at {t}, {s}")
        start, end = functions_at(t, self.depth), functions_at(s, self.depth)
        nodes = sorted(start | end)
        pairs = [(start.get(node, NONE), end.get(node, NONE)) for node in nodes]
        rows, units = [[b.first for _, b in pairs], [a.first for a, _ in pairs]], [UNIT, UNIT]
        if area:
            rows.append([_area(a, b, s - t) for a, b in pairs])
            units.append(UNIT * 2.0 ** math.frexp(s - t)[1])
        w_s, w_t, *areas = self._sums(nodes, rows, units, torch.Size(shape).numel(), leaf)
        return [part.reshape(-1, *shape) for part in (w_s - w_t, *areas)]

    def _sums(
        self,
        nodes: list[int],
        rows: list[list[tuple[float, float]]],
        units: list[float],
        numel: int,
        leaf: str,
    ) -> list[Tensor]:
        """``Σ_k z_k c_k`` for rows of coefficients of nodes.

        Terms are rounded to multiples of the unit, so every order of summation gives the same bits.
        """
        device, key = self.index.device, self._key(f"path of {leaf}")
        scaled = torch.tensor(rows, dtype=torch.float64)
        scaled = scaled / torch.tensor(units, dtype=torch.float64).reshape(-1, 1, 1)
        table = scaled.to(device, non_blocking=True)[..., None, None]
        numbers = torch.tensor(nodes).to(device, non_blocking=True).reshape(-1, 1, 1)
        block = torch.arange((numel + 1) // 2, device=device)
        sample = self.index.unsqueeze(-1)
        totals = [table.new_zeros(len(self.index), len(block), 2) for _ in rows]
        many = max(1, AT_ONCE // (len(self.index) * len(block)))
        for c, node in zip(table.split(many, 1), numbers.split(many), strict=True):
            z = to_normal(philox(key, (block, node, sample & MASK, sample >> 32)))
            for total, row in zip(totals, c, strict=True):
                for entry, pair in enumerate((z[:2], z[2:])):
                    terms = [(row[:, i] * normal).round() for i, normal in enumerate(pair)]
                    total[..., entry] += (terms[0] + terms[1]).sum(0)
        flat = [total.flatten(1)[:, :numel] for total in totals]
        return [unit * total for unit, total in zip(units, flat, strict=True)]


class Functions(NamedTuple):
    """At one time, the values of a node's two Ψ, and of the integrals of these from 0."""

    first: tuple[float, float]
    second: tuple[float, float]


NONE = Functions((0.0, 0.0), (0.0, 0.0))


def functions_at(t: float, depth: int) -> dict[int, Functions]:
    """Of each node that W_t depends on, by its number.

    Node 0 is the pair of the whole of [0, 1], node ``2^l + k`` interval k of level l. With
    ``w = 2^−l``, ``y`` in [−1, 1] the place within the interval, and ``a = |y|``,

    ``Ψ = √(w/2) (√(3/2) y (a − 1), √(1/8) (1 − a)(1 − 3a))``, and its integral is
    ``(w/2)^(3/2) (√(1/24) (1 − a)² (1 + 2a), √(1/8) y (1 − a)²)``.
    """
    root = 3**0.5
    whole = Functions((t, root * t * (t - 1)), (t**2 / 2, root * t**2 * (t / 3 - 0.5)))
    found = {0: whole}
    for level in range(depth):
        place = t * 2**level
        k = math.floor(place)
        share = place - k
        if share == 0:
            break
        half, edge = 2.0 ** -(level + 1), 2 * min(share, 1 - share)
        a, y = 1 - edge, 2 * share - 1
        first = (-(1.5**0.5) * y * edge, 0.125**0.5 * edge * (1 - 3 * a))
        second = (24**-0.5 * edge**2 * (1 + 2 * a), 0.125**0.5 * y * edge**2)
        one, two = half**0.5, half**1.5
        found[2**level + k] = Functions(
            (one * first[0], one * first[1]), (two * second[0], two * second[1])
        )
    return found


def _area(start: Functions, end: Functions, step: float) -> tuple[float, float]:
    """Of each Ψ the integral of ``Ψ(u) − Ψ(t)`` over the step, with du counted as positive."""
    sign = math.copysign(1.0, step)
    one, two = (
        sign * (b - a - step * w)
        for a, b, w in zip(start.second, end.second, start.first, strict=True)
    )
    return one, two
