r"""A scaling of windows: their frequencies, each in numbers of one size.

With the normal scores z_t = F(x_t) of the rows of a window, and the orthonormal cosine transform
along time,

    ``c_k = Σ_t D_kt z_t``, ``u_k = L_k⁻¹ (c_k − m_k)``, ``y_k = a_k asinh(u_k/w_k)/s_k``,

m_k being the mean of frequency k, L_k the lower-triangular root of its covariance over the C
columns, w and s such that the median of |y|, and the value that one in a thousand exceeds, are
those of a normal law (most u are small, and a few are very large), and ``a_k = max(1, √T/(k +
1))``: the slow ones say where the window is, and decide about all others. Beyond the largest |u| of
the data y goes on as u does, so that a model's outliers are not carried away.

Level, drift and all that is faster are numbers of their own: a model that gets all of them a little
wrong gets no value wrong by more than that, where errors of steps would add up. Values that often
come are exact as long as the model is nearly right, but steps of 0 are not. Windows must be whole.

Source: Ahmed, Natarajan and Rao, "Discrete cosine transform", IEEE Transactions on Computers C-23
(1974).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from scipy.fft import dct
from scipy.special import ndtri
from torch import Tensor

from sicore.errors import InputError
from sicore_timeseries.data.base_scaling import Scaling, like, read, written
from sicore_timeseries.data.normal_scores import NormalScores

SHARES = (0.5, 0.999)
NORMAL = ndtri((1 + np.array(SHARES)) / 2)  # below which so many of |y| are, of a normal law
WIDEST = 1e3  # in usual values of |u|: asinh is linear
LEAST = 1e-4  # the least deviation of a number given those before it, in its own deviations


@dataclass(frozen=True)
class Spectrum(Scaling):
    """See the top of this file; for windows ``(..., T, C)``.

    Args:
        scores: F.
        mean: m, ``(T, C)``.
        roots: L, ``(T, C, C)``.
        width: w, ``(T, C)``.
        std: s, ``(T, C)``.
        largest: the largest |u|, ``(T, C)``.
    """

    name: ClassVar[str] = "spectrum"
    of_windows: ClassVar[bool] = True
    scores: NormalScores
    mean: np.ndarray
    roots: np.ndarray
    width: np.ndarray
    std: np.ndarray
    largest: np.ndarray

    @classmethod
    def fit(cls, values: np.ndarray) -> Self:
        """Of the windows ``(W, T, C)`` that are whole.

        Raises:
            InputError: for fewer than two.
        """
        whole = values[~np.isnan(values).any((1, 2))]
        if len(whole) < 2:
            raise InputError(
                "scaling 'spectrum': needs whole windows, and found none; fill them (data.fill)"
            )
        rows = whole.reshape(-1, whole.shape[-1])
        scores = NormalScores.fit(rows, np.abs(rows).max(0).clip(1e-12))
        waves = _cosines(scores.encode(torch.from_numpy(whole))).numpy().swapaxes(0, 1)
        mean = waves.mean(1)
        centred = waves - mean[:, None]
        roots = np.stack([_root(wave) for wave in centred])
        size = np.abs(np.linalg.solve(roots, centred.swapaxes(1, 2)).swapaxes(1, 2))
        return cls(scores, mean, roots, *_widths(size), size.max(1))

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        """From plain numbers."""
        roots = np.stack([read(root) for root in config["roots"]])
        parts = (read(config[part]) for part in ("width", "std", "largest"))
        return cls(NormalScores.of(config["scores"]), read(config["mean"]), roots, *parts)

    @property
    def config(self) -> dict[str, Any]:
        """As plain numbers, and texts of numbers."""
        return {
            "name": self.name,
            "scores": self.scores.config,
            "mean": written(self.mean),
            "roots": [written(root) for root in self.roots],
            "width": written(self.width),
            "std": written(self.std),
            "largest": written(self.largest),
        }

    @property
    def _slow(self) -> np.ndarray:
        """The a, ``(T, 1)``."""
        length = len(self.std)
        return np.maximum(np.sqrt(length) / np.arange(1, length + 1), 1.0)[:, None]

    def _encode(self, x: Tensor) -> Tensor:
        missing = x.isnan()
        if bool(missing.all()):
            return x
        if bool(missing.any()):
            raise InputError(
                "scaling 'spectrum': expected whole windows, and found missing values; fill them "
                "(data.fill), or choose another scaling to forecast or to fill gaps with"
            )
        residual = (_cosines(self.scores.encode(x)) - like(self.mean, x)).unsqueeze(-1)
        roots = like(self.roots, x)
        u = torch.linalg.solve_triangular(roots, residual, upper=False).squeeze(-1)
        inside = u.clamp(-like(self.largest, x), like(self.largest, x))
        y = (inside / like(self.width, x)).asinh() / like(self.std, x) + u - inside
        return y * like(self._slow, x)

    def _decode(self, y: Tensor) -> Tensor:
        y = y / like(self._slow, y)
        most = like(np.arcsinh(self.largest / self.width) / self.std, y)
        inside = y.clamp(-most, most)
        u = (inside * like(self.std, y)).sinh() * like(self.width, y) + y - inside
        waves = torch.einsum("...kc,kdc->...kd", u, like(self.roots, y)) + like(self.mean, y)
        return self.scores.decode(like(_matrix(y.shape[-2]), y).mT @ waves)


def _cosines(z: Tensor) -> Tensor:
    return like(_matrix(z.shape[-2]), z) @ z


def _matrix(length: int) -> np.ndarray:
    """D ``(T, T)``, orthonormal; row k is frequency k."""
    found: np.ndarray = dct(np.eye(length), axis=0, norm="ortho")
    return found


def _root(wave: np.ndarray) -> np.ndarray:
    """A lower-triangular L with L Lᵀ the covariance of ``(n, C)``, but for deviations near 0."""
    columns = wave.shape[1]
    root = np.zeros((columns, columns))
    white = np.zeros_like(wave)
    size = wave.std(0)
    for j in range(columns):
        root[j, :j] = white[:, :j].T @ wave[:, j] / len(wave)
        rest = wave[:, j] - white[:, :j] @ root[j, :j]
        root[j, j] = max(float(rest.std()), LEAST * size[j]) or LEAST
        white[:, j] = rest / root[j, j]
    return root


def _widths(size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The w and s of sizes |u| ``(T, n, C)``, each ``(T, C)``, by bisection."""
    usual, large = np.quantile(size, SHARES, axis=1)
    usual = np.maximum(usual, LEAST)
    low, high = np.full_like(usual, np.log(LEAST)), np.full_like(usual, np.log(WIDEST))
    for _ in range(50):
        width = usual * np.exp((low + high) / 2)
        wide = np.arcsinh(large / width) / np.arcsinh(usual / width) > NORMAL[1] / NORMAL[0]
        low, high = np.where(wide, low, (low + high) / 2), np.where(wide, (low + high) / 2, high)
    return width, np.arcsinh(usual / width) / NORMAL[0]
