r"""PFGM++: EDM's path with heavy-tailed noise, from Poisson flow (D = 1) to diffusion (D = ∞).

The paper's kernel ``p_r(x|y) ∝ (‖x − y‖² + r²)^{−(N + D)/2}`` in N dimensions is, at
``r = σ √D``, the multivariate Student-t law of scale σ with D degrees of freedom around y. So the
path is ``x_t = x1 + σ(t) z`` with a Student-t z, and network, loss and solvers are EDM's: the ODE
``dx/dσ = (x − E[x1|x])/σ`` is the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants.variance_exploding import EDM
from sicore.states import Noise, State, scale

ROUNDS = 16  # a round is refused with probability below 0.05: all of them below 2e-21


@dataclass(frozen=True)
class PFGMPP(EDM):
    """``x_t = x1 + σ(t) z``, ``σ(t) = σ_max (1 − t)^ρ``, z Student-t with D degrees of freedom.

    z has standard Student-t entries, which share one chi-squared number for the whole state: their
    variance is ``D/(D − 2)`` for D > 2 and infinite below. The noise is not normal, so there is
    no score and no SDE; ``−E[z|x_t]/γ`` stands in for the score in conversions. ``D = ∞`` is EDM,
    by its own branch. The tails reach as far as 32-bit uniforms do; below D = 1/2 they may leave
    the range of float32.

    Args:
        sigma_max: the noise level at t = 0, in standard deviations of the data.
        rho: how strongly steps concentrate at low noise.
        D: the number of augmented dimensions, any real number above 0, or infinity.

    Raises:
        InputError: unless ``sigma_max > 0``, ``rho >= 1`` and ``D > 0``.

    Source: Xu et al., "PFGM++: unlocking the potential of physics-inspired generative models",
    2023, sections 3 (the kernel) and 4 (the limit, and ``r = σ √D``).
    """

    D: float = 128.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.D > 0:
            raise InputError(f"pfgmpp: expected D > 0, or infinity, got {self.D}")

    @property
    def gaussian(self) -> bool:  # type: ignore[override]
        """Only for D = ∞."""
        return math.isinf(self.D)

    def latent(self, noise: Noise, like: State) -> State:
        """Normals of the structure of ``like`` over ``√(χ²_D/D)``, one χ² for each sample."""
        normal = noise.normal_like(like)
        if math.isinf(self.D):
            return normal
        ratio = 2 / self.D * gamma_variate(noise.named("chi-squared"), self.D / 2)
        return scale(ratio.rsqrt(), normal)


def gamma_variate(noise: Noise, shape: float) -> Tensor:
    """One draw of the gamma law with this shape and scale 1 for each stream: float64 ``(B,)``.

    Rejection with a fixed number of rounds, of which the first accepted one counts. Shapes below
    1 are those of ``shape + 1`` times ``U^(1/shape)``.

    Args:
        noise: its streams, all of whose draws at this number are used.
        shape: any real number above 0.

    Source: Marsaglia and Tsang, "A simple method for generating gamma variables", 2000.
    """
    boosted = shape if shape >= 1 else shape + 1
    d = boosted - 1 / 3
    normal = noise.normal((ROUNDS,), torch.float64)
    uniform = noise.named("accept").uniform((ROUNDS,))
    cube = (1 + normal / math.sqrt(9 * d)) ** 3
    # The logarithm of a negative cube is NaN, which accepts nothing.
    accepted = uniform.log() < normal**2 / 2 + d * (1 - cube + cube.log())
    first = accepted.int().argmax(1, keepdim=True)
    drawn = d * cube.gather(1, first).squeeze(1)
    if shape >= 1:
        return drawn
    return drawn * noise.named("boost").uniform() ** (1 / shape)
