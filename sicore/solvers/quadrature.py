"""Gauss and Legendre's rule on [0, 1], exact for polynomials of degree 31."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

_points, _weights = np.polynomial.legendre.leggauss(16)
POINTS, WEIGHTS = torch.from_numpy((1 + _points) / 2), torch.from_numpy(_weights / 2)


def gauss_legendre(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Points ``(..., 16)`` and weights of the rule on the intervals from low to high, ``(...)``."""
    length = (high - low).unsqueeze(-1)
    return low.unsqueeze(-1) + length * POINTS, length * WEIGHTS
