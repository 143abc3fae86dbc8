r"""Linear dynamics of a latent sequence: the operator by least squares, its spectrum, its rollouts.

Sequences are rows: ``z_{t+1} ≈ z_t C``. Koopman's theory says that a non-linear system is linear
in the right coordinates; a network looks for the coordinates, and what is here measures how linear
they are. Everything can be differentiated.

Source: Naiman, Erichson, Ren, Mahoney and Azencot, "Generative modeling of regular and irregular
time series data via Koopman VAEs", 2024, section 4; the operator is that of dynamic mode
decomposition: Schmid, "Dynamic mode decomposition of numerical and experimental data", 2010.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, tau

import torch
from torch import Tensor

from sicore.errors import InputError


def linear_operator(z: Tensor) -> Tensor:
    """``C = argmin ‖Z_{<T} C − Z_{>1}‖``, over all steps of all sequences, by a QR decomposition.

    Args:
        z: latent sequences, ``(B, T, d)``. What is linear about them must have d dimensions: with
            fewer the least-squares problem has many answers, and infinite numbers come out.

    Returns:
        ``(d, d)``; the order of the sequences makes no difference.

    Raises:
        InputError: with fewer than d steps in all.
    """
    batch, length, d = z.shape
    if batch * (length - 1) < d:
        raise InputError(
            f"latent sequences: {batch} of {length} moments have fewer than {d} steps, which an "
            f"operator of {d} dimensions needs; give longer or more sequences, or fewer dimensions"
        )
    q, r = torch.linalg.qr(z[:, :-1].flatten(0, 1))
    return torch.linalg.solve_triangular(r, q.mT @ z[:, 1:].flatten(0, 1), upper=True)


def dynamics_error(z: Tensor, c: Tensor, horizon: int = 1) -> Tensor:
    """Share of the latents' energy that linear dynamics do not foretell, a scalar.

    ``err(C) = mean over j ≤ H of Σ_t ‖z_t C^j − z_{t+j}‖² / Σ_t ‖z_{t+j}‖²``

    It does not change when all latents are scaled, so that shrinking them does not help. (The
    authors' code divides the mean square by the Frobenius norm of the predictions, a number that
    falls with the batch size and with the scale of the latents.)

    Args:
        z: ``(B, T, d)``.
        c: the operator, ``(d, d)``.
        horizon: H, how many steps ahead; less than T.
    """
    foretold, errors = z, []
    for j in range(1, horizon + 1):
        foretold = foretold[:, :-1] @ c
        errors.append((foretold - z[:, j:]).square().sum() / z[:, j:].square().sum())
    return torch.stack(errors).mean()


def unit_penalty(c: Tensor, count: int) -> Tensor:
    """Mean of ``(|λ| − 1)²`` over the ``count`` eigenvalues of largest modulus, a scalar.

    Eigenvalues on the unit circle are oscillations, or constants, that neither grow nor die.
    """
    largest = torch.linalg.eigvals(c).abs().topk(count).values
    return (largest - 1).square().mean()


def rollout(c: Tensor, first: Tensor, steps: int, noise: Tensor | None = None) -> Tensor:
    """``z_{t+1} = z_t C + ε_t`` from ``first`` ``(B, d)``: ``(B, steps, d)``, the first included.

    Args:
        c: the operator, ``(d, d)``.
        first: ``z_1``.
        steps: T, how many moments.
        noise: ε, ``(B, steps − 1, d)``; None for none.
    """
    sequence = [first]
    for i in range(steps - 1):
        following = sequence[-1] @ c
        sequence.append(following if noise is None else following + noise[:, i])
    return torch.stack(sequence, 1)


def residual_factor(z: Tensor, c: Tensor) -> Tensor:
    """A factor L ``(d, d)`` of the covariance ``Lᵀ L`` of what C leaves over."""
    left = (z[:, 1:] - z[:, :-1] @ c).flatten(0, 1)
    _, values, vectors = torch.linalg.svd(left, full_matrices=False)
    return values.unsqueeze(-1) * vectors / len(left) ** 0.5


@dataclass(frozen=True)
class Spectrum:
    """The eigenvalues of an operator, largest modulus first, with their modes.

    ``z = Σ_k a_k v_k`` with ``a = z W``, and a step multiplies a_k by λ_k.

    Args:
        eigenvalues: λ, complex ``(d,)``.
        modes: the rows v_k, complex ``(d, d)``.
        coordinates: W, complex ``(d, d)``.
    """

    eigenvalues: Tensor
    modes: Tensor
    coordinates: Tensor

    @classmethod
    def of(cls, c: Tensor) -> Spectrum:
        """The spectrum of an operator ``(d, d)`` that can be diagonalised."""
        values, vectors = torch.linalg.eig(c)
        order = values.abs().argsort(descending=True)
        vectors = vectors[:, order]
        return cls(values[order], torch.linalg.inv(vectors), vectors)

    @property
    def moduli(self) -> Tensor:
        """``|λ|``: above 1 a mode grows, below it dies."""
        return self.eigenvalues.abs()

    @property
    def periods(self) -> Tensor:
        """``2π / |arg λ|``, in steps; infinite for a mode that does not turn."""
        return tau / self.eigenvalues.angle().abs()

    @property
    def half_lives(self) -> Tensor:
        """``log ½ / log |λ|``, in steps; negative for a mode that grows (its doubling time)."""
        return log(0.5) / self.moduli.log()

    def energies(self, z: Tensor) -> Tensor:
        """What each mode carries, ``(d,)``: the mean of ``|a_k|² ‖v_k‖²`` over ``(B, T, d)``."""
        a = z.to(self.coordinates) @ self.coordinates
        return a.abs().square().flatten(0, -2).mean(0) * self.modes.abs().square().sum(-1)

    def part(self, z: Tensor, modes: Sequence[int]) -> Tensor:
        """What some modes add to sequences ``(B, T, d)``; give both of a conjugate pair."""
        chosen = list(modes)
        a = z.to(self.coordinates) @ self.coordinates[:, chosen]
        return (a @ self.modes[chosen]).real
