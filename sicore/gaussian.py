r"""The analytic Gaussian model: the path to Gaussian data, solved in closed form.

For data ``x1 ~ N(μ, C)`` on a one-sided path ``x_t = β(t) x1 + γ(t) z``, everything is known. Along
an eigenvector of C with variance λ the denoiser ``E[x1|x_t]`` is linear,

    ``μ + βλ/(γ² + β²λ) · (x_t − βμ)``,

and the probability-flow ODE from time t to time s multiplies the distance from the mean by

    ``√((γ_s² + β_s²λ) / (γ_t² + β_t²λ))``,

so a whole trajectory costs no network call and has no discretisation error. Two uses:

* a reference solver: what a numerical solver should give on the same path, to rounding;
* the first phase of sampling. At high noise every data set looks like the Gaussian with its mean
  and covariance, so a sampler may jump from pure noise to ``σ = γ/β`` of the order of the data's
  own standard deviations, and let the network decide what the covariance does not know. A
  direction takes its final value where ``σ² ≈ λ``: broad features first, details last.

Source: Wang and Vastola, "Diffusion models generate images like painters: an analytical theory of
outline first, details later", 2023, for the variance-exploding path; the ratio for any β and γ is
the map between the two marginal Gaussians, which the flow keeps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from sicore.errors import ConversionError, InputError
from sicore.interpolants import Interpolant, Point
from sicore.predictions import DATA, FunctionPrediction
from sicore.states import State, leaves, tree_map

ORTHONORMAL = 1e-4  # how far U'U may be from the identity: single precision passes


@dataclass(frozen=True)
class GaussianModel:
    """Data with the law ``N(μ, C)``, ``C = U diag(λ) Uᵀ + rest · (I − U Uᵀ)``.

    Low rank plus isotropic: k directions with their own variance, and one variance for all others.
    States of any structure are vectors of d numbers here, leaf after leaf in the order of names;
    the noise of the path must be independent in all d of them, and the path the same for all
    leaves. Coefficients are float64; states keep their dtype and device.

    Args:
        mean: μ, of d numbers in any shape; kept as ``(d,)``, float64 on the CPU, as are the others.
        eigenvalues: λ ``(k,)``, not negative.
        eigenvectors: U ``(d, k)``, orthonormal columns.
        rest: the variance in every other direction; without effect if k = d.

    Raises:
        InputError: if the parts do not fit each other.
    """

    mean: Tensor
    eigenvalues: Tensor
    eigenvectors: Tensor
    rest: float = 0.0

    def __post_init__(self) -> None:
        for name in ("mean", "eigenvalues", "eigenvectors"):
            object.__setattr__(self, name, getattr(self, name).to("cpu", torch.float64))
        object.__setattr__(self, "mean", self.mean.flatten())
        (d,), k = self.mean.shape, self.eigenvalues.numel()
        if self.eigenvalues.shape != (k,) or self.eigenvectors.shape != (d, k):
            got = f"{tuple(self.eigenvalues.shape)} and {tuple(self.eigenvectors.shape)}"
            raise InputError(
                f"Gaussian: for a mean of {d} numbers expected eigenvalues (k,) and eigenvectors "
                f"({d}, k), got {got}"
            )
        if not (bool((self.eigenvalues >= 0).all()) and self.rest >= 0):
            raise InputError("Gaussian: expected eigenvalues and rest >= 0")
        overlap = self.eigenvectors.T @ self.eigenvectors
        if not torch.allclose(overlap, torch.eye(k).double(), rtol=0, atol=ORTHONORMAL):
            raise InputError("Gaussian: expected eigenvectors with orthonormal columns")

    @classmethod
    def from_moments(cls, mean: Tensor, covariance: Tensor) -> GaussianModel:
        """All directions of a mean of d numbers and a covariance ``(d, d)``, largest first.

        Raises:
            InputError: if a moment is not finite.
        """
        if not bool(mean.isfinite().all() and covariance.isfinite().all()):
            raise InputError("Gaussian: the moments of the data are not finite")
        values, vectors = torch.linalg.eigh(covariance.double())
        # A covariance has no negative eigenvalue but through rounding.
        return cls(mean, values.flip(0).clamp_min(0), vectors.flip(1))

    @classmethod
    def from_samples(cls, x: State, rank: int | None = None) -> GaussianModel:
        """The Gaussian with the mean and the unbiased covariance of ``(n, ...)`` states.

        Args:
            x: states, n at least 2.
            rank: how many directions to keep; None for all.

        Raises:
            InputError: for fewer than two states, or a rank above d.
        """
        vectors = as_vectors(x).double()
        if len(vectors) < 2:
            raise InputError(f"Gaussian: expected at least 2 states, got {len(vectors)}")
        mean = vectors.mean(0)
        centred = vectors - mean
        whole = cls.from_moments(mean, centred.T @ centred / (len(vectors) - 1))
        return whole if rank is None else whole.truncated(rank)

    def truncated(self, rank: int) -> GaussianModel:
        """The same with the ``rank`` largest directions; the mean of the others becomes ``rest``.

        Of all models of this rank it is the nearest in likelihood (Tipping and Bishop,
        "Probabilistic principal component analysis", 1999, equations 7 and 8).
        """
        d, k = self.eigenvectors.shape
        if not 0 <= rank <= k:
            raise InputError(f"rank: expected a number from 0 to {k}, got {rank}")
        order = self.eigenvalues.argsort(descending=True)[:rank]
        kept = self.eigenvalues[order]
        left = self.eigenvalues.sum() - kept.sum() + self.rest * (d - k)
        rest = float(left) / (d - rank) if rank < d else 0.0
        # Rounding may leave a sum of nothing just below zero.
        return GaussianModel(self.mean, kept, self.eigenvectors[:, order], max(rest, 0.0))

    def denoiser(self, interpolant: Interpolant, t: Tensor | float, x: State) -> State:
        """``E[x1 | x_t = x]``.

        Where there is neither noise nor variance (γ = 0 and λ = 0) it is the mean, the only value
        that the data take there.

        Args:
            interpolant: a one-sided path.
            t: times, ``()`` or ``(B,)``; also where β = 0 or γ = 0.
            x: states ``(B, ...)``.

        Raises:
            InputError: for another kind of path, or states of another size.
        """
        p = _point(interpolant, t)
        beta, spectrum = p.beta.reshape(-1, 1), self._spectrum.to(p.beta.device)
        cross = beta * spectrum
        gain = torch.where(cross == 0, 0.0, cross / _variance(p, spectrum))
        return self._affine(x, p.beta, gain, torch.ones_like(p.beta))

    def prediction(self, interpolant: Interpolant) -> FunctionPrediction:
        """The denoiser as a prediction: what dynamics, solvers and guidance take for a network."""

        def function(t: Tensor, x: State) -> State:
            return self.denoiser(interpolant, t, x)

        return FunctionPrediction(function, interpolant, DATA)

    def transport(
        self, interpolant: Interpolant, t: Tensor | float, s: Tensor | float, x: State
    ) -> State:
        """The exact solution at s of the probability-flow ODE that is at x at time t.

        Args:
            interpolant: a one-sided path.
            t: where x is, ``()`` or ``(B,)``; also where β = 0.
            s: where to go, earlier or later, ``()`` or ``(B,)``; also where γ = 0.
            x: states ``(B, ...)``.

        Raises:
            InputError: for another kind of path, or states of another size.
            ConversionError: if at t a direction has no variance at all (γ = 0 and λ = 0): where a
                state came from is not determined there.
        """
        here, there = _point(interpolant, t), _point(interpolant, s)
        spectrum = self._spectrum.to(here.beta.device)
        start = _variance(here, spectrum)
        if bool((start == 0).any()):
            raise ConversionError(
                f"the flow of the Gaussian cannot start at t = {float(here.t.max()):g}, where some "
                f"directions have neither noise nor variance: start earlier"
            )
        ratio = (_variance(there, spectrum).to(start.device) / start).sqrt()
        return self._affine(x, here.beta, ratio, there.beta)

    @property
    def _spectrum(self) -> Tensor:
        """``(k + 1,)``: λ, and then the variance across."""
        d, k = self.eigenvectors.shape
        # With k = d there is no direction across, and any entry of λ does.
        across = self.eigenvalues[:1] if k == d else torch.tensor([self.rest], dtype=torch.float64)
        return torch.cat((self.eigenvalues, across))

    def _affine(self, x: State, before: Tensor, gain: Tensor, after: Tensor) -> State:
        """``after · μ + G (x − before · μ)``, G with the gains ``(·, k + 1)`` of the spectrum."""
        vectors = as_vectors(x)
        if vectors.shape[1] != len(self.mean):
            raise InputError(
                f"Gaussian: expected states of {len(self.mean)} numbers, got {vectors.shape[1]}"
            )
        mean, basis = self.mean.to(vectors), self.eigenvectors.to(vectors)
        along, across = gain[:, :-1], gain[:, -1:]
        away = vectors - before.reshape(-1, 1).to(vectors) * mean
        moved = after.reshape(-1, 1).to(vectors) * mean + across.to(vectors) * away
        inside = (along - across).to(vectors) * (away @ basis)
        return _like(torch.addmm(moved, inside, basis.T), x)


def as_vectors(x: State) -> Tensor:
    """States as ``(B, d)``, leaf after leaf in the order of names."""
    parts = leaves(x)
    return torch.cat([parts[name].flatten(1) for name in sorted(parts)], 1)


def _like(vectors: Tensor, x: State) -> State:
    parts = leaves(x)
    sizes = [parts[name].shape[1:].numel() for name in sorted(parts)]
    named = dict(zip(sorted(parts), vectors.split(sizes, 1), strict=True))
    split: State = named[""] if isinstance(x, Tensor) else named
    return cast("State", tree_map(lambda leaf, part: part.reshape(leaf.shape).to(leaf), x, split))


def _point(interpolant: Interpolant, t: Tensor | float) -> Point:
    p = interpolant.at(t)
    if interpolant.two_sided or not interpolant.gaussian or p.beta.ndim > 1:
        raise InputError(
            f"Gaussian: needs one path from normal noise for the whole state, got "
            f"{type(interpolant).__name__}"
        )
    return p


def _variance(p: Point, spectrum: Tensor) -> Tensor:
    """``γ² + β²λ``: ``(1, k + 1)`` or ``(B, k + 1)``."""
    beta, gamma = p.beta.reshape(-1, 1), p.gamma.reshape(-1, 1)
    return gamma**2 + beta**2 * spectrum
