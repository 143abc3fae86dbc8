"""Quality and coverage apart: does a sample look real, and is every real kind sampled?

Each set's support is approximated by balls around its points that reach to the k-th neighbour.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sicore.errors import InputError


@dataclass(frozen=True)
class ManifoldMetrics:
    """Four shares; 1 is best, density may exceed it.

    Args:
        precision: share of samples inside some real ball.
        recall: share of real points inside some sample's ball.
        density: mean number of real balls that hold a sample, over k; robust to outliers.
        coverage: share of real balls that hold at least one sample.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def manifold_metrics(real: Tensor, generated: Tensor, k: int = 3) -> ManifoldMetrics:
    """The four from features ``(N, D)`` of real and ``(M, D)`` of generated items.

    Args:
        real: reference features; take as many as there are generated ones.
        generated: features to judge.
        k: the neighbour that a ball reaches to.

    Sources: Kynkäänniemi et al. 2019 (precision, recall, k = 3), Naeem et al. 2020 (density,
    coverage).
    """
    if min(len(real), len(generated)) <= k:
        raise InputError(
            f"precision and recall with k = {k} need more than {k} items a side, got {len(real)} "
            f"and {len(generated)}"
        )
    real, generated = real.double(), generated.double()
    real_radius = neighbour_distance(real, k)
    generated_radius = neighbour_distance(generated, k)
    precise = torch.zeros(len(generated), dtype=torch.bool)
    recalled = torch.zeros(len(real), dtype=torch.bool)
    covered = torch.zeros(len(real), dtype=torch.bool)
    inside = 0
    for start in range(0, len(generated), 1024):
        part = slice(start, start + 1024)
        distance = torch.cdist(generated[part], real)
        held = distance <= real_radius
        precise[part] = held.any(1)
        covered |= held.any(0)
        recalled |= (distance <= generated_radius[part, None]).any(0)
        inside += int(held.sum())
    return ManifoldMetrics(
        precision=_share(precise),
        recall=_share(recalled),
        density=inside / (k * len(generated)),
        coverage=_share(covered),
    )


def neighbour_distance(points: Tensor, k: int) -> Tensor:
    """Distance of each point of ``(N, D)`` to its k-th nearest other point, ``(N,)``."""
    return torch.cat(
        [torch.cdist(part, points).kthvalue(k + 1, dim=1).values for part in points.split(1024)]
    )


def _share(hits: Tensor) -> float:
    return hits.double().mean().item()
