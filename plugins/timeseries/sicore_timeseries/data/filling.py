r"""Windows whose missing values are drawn: from their Gaussian law, given those that are there.

Windows as vectors are taken for normal, ``N(m, S)``. Mean and covariance are found from incomplete
windows by expectation–maximisation; then the missing values are drawn from
``N(m_u + S_uo S_oo⁻¹ (x_o − m_o), S_uu − S_uo S_oo⁻¹ S_ou)``, not set to its mean, which would be
too smooth. A model that is trained on such windows learns from all that is there, and generates
whole ones. Of other laws the draws keep means and covariances only.

Sources: Dempster, Laird and Rubin, "Maximum likelihood from incomplete data via the EM algorithm",
Journal of the Royal Statistical Society B 39 (1977), section 4.1.1; Rubin, "Multiple imputation for
nonresponse in surveys", 1987 (draws).
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from sicore.errors import InputError
from sicore_timeseries.data.row_filling import filled_rows
from sicore_timeseries.data.scaling import fit_scaling
from sicore_timeseries.data.windows import Windows

ROUNDS = 15
LEARNT = 3000  # windows that the law is found from
PART = 256
RIDGE = 1e-8  # of the mean variance: of sensors that do not move, and of rounding


class GaussianLaw(NamedTuple):
    """Mean ``(D,)`` and covariance ``(D, D)``, float64."""

    mean: Tensor
    covariance: Tensor


def filled_windows(windows: Windows, scaling: str, seed: int = 0) -> Windows:
    """The same windows, whole: rows by `filled_rows` where windows share them, or else `filled`.

    Args:
        windows: with NaN.
        scaling: of the columns, one of `SCALINGS`, after which windows are most nearly normal:
            ``log`` for prices, ``quantile`` for columns of all kinds.
        seed: of the draws.

    Raises:
        InputError: as `filled`, `filled_rows` and `fit_scaling` do.
    """
    if not np.isnan(windows.used()).any():
        return windows
    space = fit_scaling(scaling, windows.used())
    shared = len(windows) * windows.length > len(windows.used())
    rows = slice(None) if shared else windows.rows(np.arange(len(windows)))
    raw = windows.values[rows]
    scaled = space.encode(torch.from_numpy(raw)).numpy()
    own, copies = _unlike(raw)
    made = scaled.copy()
    part = scaled[..., own]
    made[..., own] = filled_rows(part, windows.linked, seed) if shared else filled(part, seed)
    whole = space.decode(torch.from_numpy(made)).numpy()[..., copies]
    whole = np.where(np.isnan(raw), whole, raw)
    return replace(windows, values=whole) if shared else windows.with_values(whole)


def _unlike(values: np.ndarray) -> tuple[list[int], list[int]]:
    """The columns that equal none before them, and for each column the first that it equals."""
    columns = values.reshape(-1, values.shape[-1]).T
    first = [
        next(i for i in range(j + 1) if np.array_equal(columns[i], column, equal_nan=True))
        for j, column in enumerate(columns)
    ]
    return sorted(set(first)), first


def filled(windows: np.ndarray, seed: int = 0, rounds: int = ROUNDS) -> np.ndarray:
    """The windows ``(W, T, C)``, float64, with draws where they are NaN.

    Args:
        windows: scaled, so that all columns matter alike.
        seed: of the draws.
        rounds: of expectation–maximisation.

    Raises:
        InputError: a column is never there, or fewer than two windows have any value.
    """
    flat = torch.from_numpy(windows).flatten(1)
    generator = torch.Generator().manual_seed(seed)
    law = gaussian_law(torch.from_numpy(windows), rounds)
    root = torch.linalg.cholesky(law.covariance)
    drawn = []
    for part in flat.split(PART):
        free = (
            law.mean + torch.randn(part.shape, dtype=torch.float64, generator=generator) @ root.mT
        )
        there = ~part.isnan()
        gain = _gain(law, there)
        draw = free + (gain @ _known(part - free, there).unsqueeze(-1)).squeeze(-1)
        drawn.append(torch.where(there, part, draw))
    return torch.cat(drawn).view(windows.shape).numpy()


def gaussian_law(windows: Tensor, rounds: int = ROUNDS) -> GaussianLaw:
    """Maximum likelihood from windows ``(W, T, C)`` with NaN, from interpolated ones on.

    Raises:
        InputError: as `filled` does.
    """
    whole = interpolated(windows).flatten(1)
    size = len(whole)
    chosen = torch.linspace(0, size - 1, min(size, LEARNT)).long()
    flat, law = windows.flatten(1)[chosen], _law(whole, torch.zeros(()))
    for _ in range(rounds):
        means, spread = [], torch.zeros_like(law.covariance)
        for part in flat.split(PART):
            there = ~part.isnan()
            gain = _gain(law, there)
            expected = law.mean + (gain @ _known(part - law.mean, there).unsqueeze(-1)).squeeze(-1)
            means.append(torch.where(there, part, expected))
            left = law.covariance - gain @ (law.covariance * there.unsqueeze(-1))
            gone = (~there).double()
            spread += (left * gone.unsqueeze(1) * gone.unsqueeze(2)).sum(0)
        law = _law(torch.cat(means), spread / len(flat))
    return law


def interpolated(windows: Tensor) -> Tensor:
    """Linear between the values that are there, and constant before and after them.

    Channels of a window that have no value become the mean over all windows.

    Raises:
        InputError: as `filled` does.
    """
    values = windows.numpy()
    if len(values) < 2 or np.isnan(values).all((0, 1)).any():
        raise InputError("filling: expected two windows or more, and values in each column")
    usual = np.nanmean(values, (0, 1))
    whole = np.empty_like(values)
    moments = np.arange(values.shape[1])
    for w, c in np.ndindex(len(values), values.shape[2]):
        there = ~np.isnan(values[w, :, c])
        known = values[w, there, c]
        whole[w, :, c] = np.interp(moments, moments[there], known) if len(known) else usual[c]
    return torch.from_numpy(whole)


def _gain(law: GaussianLaw, there: Tensor) -> Tensor:
    """``S_·o S_oo⁻¹`` for each row of ``there`` ``(B, D)``; zeros in the columns of what is not."""
    both = there.unsqueeze(1) & there.unsqueeze(2)
    eye = torch.eye(there.shape[1], dtype=torch.float64)
    known = torch.where(both, law.covariance, eye)
    cross = law.covariance * there.unsqueeze(-1)
    return torch.cholesky_solve(cross, torch.linalg.cholesky(known)).mT * there.unsqueeze(1)


def _known(residual: Tensor, there: Tensor) -> Tensor:
    return torch.where(there, residual, 0.0)


def _law(whole: Tensor, spread: Tensor) -> GaussianLaw:
    centred = whole - whole.mean(0)
    covariance = centred.mT @ centred / len(whole) + spread
    ridge = RIDGE * covariance.diagonal().mean()
    return GaussianLaw(whole.mean(0), covariance + ridge * torch.eye(len(covariance)))
