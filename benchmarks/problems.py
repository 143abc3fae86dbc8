"""The exact problems on which solvers are compared, and the error of what they return.

Two laws: ``ring``, eight equal Gaussians in the plane, and ``corr64``, four correlated Gaussians
in 64 dimensions. Each is met on a path from noise (t = 0) to data (t = 1): ``linear``, ``VP`` with
β from 0.1 to 20, and ``VE``, which is EDM's, from noise level 80.

Every method starts from the same points: draws of the exact law at t = 0 of the path. On VP that is
the law at the end of the diffusion's own clock (noise level 152), on VE the data plus noise of
level 80. Where a library cannot start there, its points are moved along the exact flow to the noise
level where it does start. The error of an ODE solver is the sliced W2 distance (64 fixed
directions) between its ends and the exact ends of the same points; that of an SDE solver is the
distance to the exact law, by a large exact sample; exact samples of the same number have the floor.

Running this file checks the fast fields against ``sicore.exact`` and the reference ends.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import arguments

if TYPE_CHECKING:
    from torch import Tensor

    from sicore.exact import GaussianMixture
    from sicore.interpolants import OneSided

CACHE = Path(__file__).parent / ".cache"
ODE_CELLS = (
    ("ring", "linear"),
    ("ring", "vp"),
    ("ring", "ve"),
    ("corr64", "linear"),
    ("corr64", "vp"),
)
SDE_CELLS = (("ring", "linear"), ("ring", "vp"), ("ring", "ve"))
COUNTS = {"ring": 5000, "corr64": 1000}
TIGHT, LOOSE = 1e-11, 1e-9
LARGE = 200_000  # points of the exact sample that stands for the law


class OverBudget(RuntimeError):
    """A method asked for more network calls than it was allowed."""


@dataclass(frozen=True)
class Law:
    """A Gaussian mixture by the eigenvectors of its covariances.

    ``x_t = α x1 + √v z`` has the covariances ``α² C_k + v I``, whose eigenvectors are those of C_k,
    so that nothing is factored when a field is evaluated.

    Args:
        weights: ``(K,)``, summing to 1.
        means: ``(K, d)``.
        vectors: ``(K, d, d)``; the columns are eigenvectors.
        values: ``(K, d)``, the eigenvalues.
    """

    weights: Tensor
    means: Tensor
    vectors: Tensor
    values: Tensor

    @cached_property
    def _basis(self) -> Tensor:
        """All eigenvectors in one matrix, ``(d, K d)``: one product does for all components."""
        return self.vectors.permute(1, 0, 2).reshape(self.vectors.shape[1], -1).contiguous()

    @cached_property
    def _transposed(self) -> Tensor:
        return self._basis.T.contiguous()

    @cached_property
    def _places(self) -> Tensor:
        """The means in their own eigenvectors, ``(K, d)``."""
        return (self.vectors.mT @ self.means.unsqueeze(-1)).squeeze(-1)

    def mixed(
        self, alpha: Tensor, variance: Tensor, x: Tensor, *rows: tuple[Tensor, Tensor]
    ) -> list[Tensor]:
        """``a E[x1|x] + b ∇ log p(x)`` for each row (a, b), at ``x = α x1 + √variance z``.

        Args:
            alpha: ``()`` or ``(B,)``, as is the variance.
            variance: that of the noise in x.
            x: ``(B, d)``.
            rows: coefficients, shaped as alpha.
        """
        if self._isotropic is not None:
            return self._mixed_isotropic(alpha, variance, x, *rows)
        n, (k, d) = len(x), self.means.shape
        wide = (lambda c: c) if alpha.ndim == 0 else (lambda c: c.reshape(-1, 1, 1))
        spread = wide(alpha) ** 2 * self.values + wide(variance)
        y = self._centred(alpha, x).reshape(n, k, d)
        squares = (y * y / spread).sum(-1)
        share = (self.weights.log() - 0.5 * (squares + spread.log().sum(-1))).softmax(-1)
        centre = share @ self.means
        made = []
        for a, b in rows:
            inner = y * ((wide(a) * wide(alpha) * self.values - wide(b)) / spread)
            inner *= share.unsqueeze(-1)
            made.append(_column(a) * centre + inner.reshape(n, k * d) @ self._transposed)
        return made

    def _centred(self, alpha: Tensor, x: Tensor) -> Tensor:
        """``x − α m`` in the eigenvectors of each component, ``(B, K d)``."""
        import torch

        places = self._places.flatten()
        if alpha.ndim == 0:
            return torch.addmm(-alpha * places, x, self._basis)
        return x @ self._basis - _column(alpha) * places

    @cached_property
    def _isotropic(self) -> Tensor | None:
        """The variance, if it is one for all components and directions."""
        first = self.values[0, 0]
        return first if bool((self.values == first).all()) else None

    def _mixed_isotropic(
        self, alpha: Tensor, variance: Tensor, x: Tensor, *rows: tuple[Tensor, Tensor]
    ) -> list[Tensor]:
        """``mixed`` where all covariances are one number: the weighted mean is all it takes."""
        spread = alpha**2 * self._isotropic + variance
        gain = alpha / spread
        offsets = self.weights.log() - _column(gain * alpha) * self._half_squares
        share = (x @ self.means.T * _column(gain)).add_(offsets).softmax(-1)
        centre = share @ self.means
        made = []
        for a, b in rows:
            # D = c + α s² e and score = −e, with e = (x − α c)/spread.
            slope = (a * alpha * self._isotropic - b) / spread
            made.append(_column(a - alpha * slope) * centre + _column(slope) * x)
        return made

    @cached_property
    def _half_squares(self) -> Tensor:
        return 0.5 * self.means.square().sum(1)

    def sample(self, n: int, seed: int) -> Tensor:
        """``(n, d)``; the same on every machine."""
        from sicore.states import Noise

        return self.mixture.sample(Noise.of(seed, n).named("law"))

    @property
    def mixture(self) -> GaussianMixture:
        """The same law for ``sicore.exact``."""
        from sicore.exact import GaussianMixture

        scaled = self.vectors * self.values.unsqueeze(-2)
        return GaussianMixture(self.weights, self.means, scaled @ self.vectors.mT)


def _column(c: Tensor) -> Tensor:
    """A coefficient of shape ``()`` or ``(B,)`` beside states."""
    return c if c.ndim == 0 else c.unsqueeze(-1)


@cache
def law(name: str) -> Law:
    """``ring`` or ``corr64``."""
    return ring() if name == "ring" else corr64()


def ring() -> Law:
    """Eight equal Gaussians, standard deviation 0.15, on a circle of radius 1.4."""
    import torch

    angle = torch.arange(8, dtype=torch.float64) * (2 * math.pi / 8)
    means = 1.4 * torch.stack((angle.cos(), angle.sin()), 1)
    eye = torch.eye(2, dtype=torch.float64).expand(8, 2, 2)
    return Law(torch.full((8,), 1 / 8).double(), means, eye, torch.full((8, 2), 0.15**2).double())


def corr64() -> Law:
    """Four Gaussians in 64 dimensions, each with its own rotation and scales from 2 to 0.005.

    Centred, and scaled so that the average variance of a coordinate is 1.
    """
    import torch

    from sicore.states import Noise

    streams = Noise.of(0, 4).named("corr64")
    weights = torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64)
    means = streams.normal((64,), torch.float64)
    means = means - weights @ means
    vectors = torch.linalg.qr(streams.at(1).normal((64, 64), torch.float64)).Q
    values = torch.logspace(math.log10(2), math.log10(0.005), 64, dtype=torch.float64).expand(4, 64)
    variance = float((weights @ (values + means.square())).mean())
    return Law(weights, means / variance**0.5, vectors, values / variance)


def path(name: str) -> OneSided:
    """``linear``, ``vp`` or ``ve``."""
    from sicore.interpolants import EDM, VP, Linear

    made: OneSided = {"linear": Linear, "vp": VP, "ve": EDM}[name]()
    return made


class Field:
    """Exact predictions on a path, with every evaluation counted as one network call.

    Args:
        law: of the data.
        name: of the path.
        limit: how many calls are allowed.
    """

    def __init__(self, law: Law, name: str, limit: float = math.inf) -> None:
        self.law, self.name, self.path = law, name, path(name)
        self.calls, self.limit = 0, limit
        self._moved: dict[tuple[int, float], tuple[Tensor, Tensor]] = {}

    def fresh(self, limit: float = math.inf) -> Field:
        """The same field with its own count."""
        other = Field(self.law, self.name, limit)
        other._moved = self._moved
        return other

    def velocity(self, t: Tensor | float, x: Tensor) -> Tensor:
        """``dx/dt`` in sicore's clock, noise at 0 and data at 1.

        Outside of [0, 1], where some adaptive methods look, it is that of the nearer end.
        """
        p = self._count_at(t)
        return self.law.mixed(p.beta, p.gamma**2, x, (p.beta_dot, -p.gamma_gamma_dot))[0]

    def drift(self, t: Tensor | float, x: Tensor, epsilon: Callable[[Tensor], Tensor]) -> Tensor:
        """``velocity + ε score``: the drift of the SDE with diffusion ``√(2ε)``."""
        p = self._count_at(t)
        row = (p.beta_dot, epsilon(p.t) - p.gamma_gamma_dot)
        return self.law.mixed(p.beta, p.gamma**2, x, row)[0]

    def denoised(self, alpha: Any, sigma: Any, x: Tensor) -> Tensor:
        """``E[x1 | α x1 + σ z = x]``."""
        alpha, sigma = self._count_scales(alpha, sigma)
        return self.law.mixed(alpha, sigma**2, x, (sigma * 0 + 1, sigma * 0))[0]

    def noise(self, alpha: Any, sigma: Any, x: Tensor) -> Tensor:
        """``E[z | α x1 + σ z = x]``."""
        alpha, sigma = self._count_scales(alpha, sigma)
        return self.law.mixed(alpha, sigma**2, x, (sigma * 0, -sigma))[0]

    def flow(self, sigma: Any, x: Tensor) -> Tensor:
        """``E[z − x1 | x]`` on the linear path at noise share σ: what flow networks learn."""
        _, sigma = self._count_scales(1.0, sigma)
        return self.law.mixed(1 - sigma, sigma**2, x, (sigma * 0 - 1, -sigma))[0]

    def moved(self, x: Tensor, level: float) -> Tensor:
        """States at noise level ``σ/α = level``, in units of the data, from states x at t = 0.

        Along the exact flow, so that a library that starts at another level starts from the same
        points. It costs no calls.
        """
        key = (id(x), level)
        if key not in self._moved:
            import torch

            end = float(self.path.time_at(torch.tensor(level, dtype=torch.float64)))
            moved = travelled(self.fresh(), x, 0.0, max(end, 0.0), TIGHT) if end > 1e-12 else x
            beta = self.path.at(max(end, 0.0)).beta
            self._moved[key] = (x, moved / beta)
        return self._moved[key][1]

    def pair(self, x: Tensor) -> Tensor:
        """Two of the states, the same object for the same states."""
        key = (id(x), -1.0)
        if key not in self._moved:
            self._moved[key] = (x, x[:2].clone())
        return self._moved[key][1]

    def epsilon(self, t: Tensor) -> Tensor:
        """``ε(t)`` of the SDE: γ on the linear path, half the squared diffusion on the others."""
        from sicore.dynamics import noising, proportional

        made = proportional(1.0, self.path) if self.name == "linear" else noising(self.path)
        return made(t)

    @property
    def first_level(self) -> float:
        """The noise level at t = 0; infinite on the linear path."""
        p = self.path.at(0.0)
        return float(p.gamma / p.beta)

    def _count(self) -> None:
        self.calls += 1
        if self.calls > self.limit:
            raise OverBudget(f"more than {self.limit} network calls")

    def _count_at(self, t: Tensor | float) -> Any:
        import torch

        self._count()
        return self.path.at(_one(torch.as_tensor(t, dtype=torch.float64)).clamp(0, 1))

    def _count_scales(self, alpha: Any, sigma: Any) -> tuple[Tensor, Tensor]:
        import torch

        self._count()
        a, s = (_one(torch.as_tensor(v, dtype=torch.float64)) for v in (alpha, sigma))
        return torch.broadcast_tensors(a, s)  # type: ignore[return-value]


def _one(t: Tensor) -> Tensor:
    """The one time of a batch that shares it; batches of different times stay as they are."""
    t = t.detach().flatten() if t.ndim else t.detach()
    return t[0] if t.ndim and bool((t == t[0]).all()) else t


def travelled(field: Field, x: Tensor, start: float, end: float, tolerance: float) -> Tensor:
    """The exact flow from one time to another, by an adaptive method of order 8."""
    import numpy
    import torch
    from scipy.integrate import solve_ivp

    def slope(t: float, flat: Any) -> Any:
        return field.velocity(t, torch.from_numpy(flat).reshape(x.shape)).flatten().numpy()

    scale = 1 + x.square().mean().sqrt().item()
    result = solve_ivp(
        slope,
        (start, end),
        numpy.asarray(x.flatten()),
        method="DOP853",
        rtol=tolerance,
        atol=tolerance * min(scale, 2.0),
    )
    if not result.success:
        raise RuntimeError(f"reference: {result.message}")
    return torch.from_numpy(result.y[:, -1].copy()).reshape(x.shape)


@dataclass(frozen=True)
class Cell:
    """One law on one path, its starting points and their exact ends."""

    law_name: str
    path_name: str
    count: int
    field: Field = field(repr=False)

    @classmethod
    def of(cls, law_name: str, path_name: str, quick: bool = False) -> Cell:
        """``quick``: a fifth of the points."""
        count = COUNTS[law_name] // (5 if quick else 1)
        return cls(law_name, path_name, count, Field(law(law_name), path_name))

    @property
    def name(self) -> str:
        """``"ring, VP"``."""
        return (
            f"{self.law_name}, {'linear' if self.path_name == 'linear' else self.path_name.upper()}"
        )

    def starts_of(self, seed: int) -> Tensor:
        """Draws of the exact law at t = 0."""
        import torch

        from sicore.states import Noise

        p = self.field.path.at(0.0)
        x1 = self.field.law.sample(self.count, 100 + seed)
        z = Noise.of(seed, self.count).named("starts").normal(x1.shape[1:], torch.float64)
        return p.beta * x1 + p.gamma * z

    @cached_property
    def starts(self) -> Tensor:
        """The points of the comparison of ODE solvers."""
        return self.starts_of(0)

    @cached_property
    def ends(self) -> Tensor:
        """Where the exact flow takes the starts; kept in a file."""
        import torch
        from safetensors.torch import load_file, save_file

        parts = (self.starts, *vars(self.field.law).values())
        tensors = [part for part in parts if isinstance(part, torch.Tensor)]
        content = b"".join(t.contiguous().numpy().tobytes() for t in tensors)
        key = hashlib.blake2b(content + f"{self.path_name} {TIGHT}".encode(), digest_size=8)
        file = CACHE / f"{self.law_name}-{self.path_name}-{key.hexdigest()}.safetensors"
        if not file.exists():
            CACHE.mkdir(exist_ok=True)
            partial = file.with_suffix(".partial")
            ends = travelled(self.field.fresh(), self.starts, 0.0, 1.0, TIGHT)
            save_file({"ends": ends}, partial)
            partial.replace(file)
        return load_file(file)["ends"]

    def error(self, x: Tensor) -> float:
        """Sliced W2 to the exact ends; infinite if a value is not finite."""
        return distance(x, self.ends)

    @cached_property
    def _quantiles(self) -> Any:
        """Those of the exact law in each direction, at the middles of N equal shares."""
        import numpy

        many = projected(self.field.law.sample(LARGE, 400))
        shares = (numpy.arange(self.count) + 0.5) / self.count
        return numpy.quantile(many, shares, axis=1).T

    def distance_to_law(self, x: Tensor) -> float:
        """Sliced W2 to the exact law; infinite if a value is not finite."""
        if not bool(x.isfinite().all()):
            return math.inf
        return float(((projected(x) - self._quantiles) ** 2).mean() ** 0.5)

    def exact_samples(self, seed: int) -> Tensor:
        """Draws of the data."""
        return self.field.law.sample(self.count, 500 + seed)


def distance(a: Tensor, b: Tensor) -> float:
    """Sliced W2 of equally many points in 64 fixed directions; infinite if a value is not finite.

    It is ``sicore.evaluation.sliced_wasserstein`` for this case, several times as fast.
    """
    if not bool(a.isfinite().all()):
        return math.inf
    gap = projected(a) - projected(b)
    return float((gap**2).mean() ** 0.5)


def projected(a: Tensor) -> Any:
    """Sorted projections, ``(64, N)``."""
    import numpy

    return numpy.sort((directions(a.shape[1]) @ a.double().T).numpy(), axis=1)


@cache
def directions(d: int) -> Tensor:
    """64 unit vectors."""
    import torch

    from sicore.states import Noise

    theta = Noise.of(0, 64).normal((d,), torch.float64)
    return theta / theta.norm(dim=1, keepdim=True)


def check(cell: Cell) -> dict[str, float]:
    """Greatest differences of the fast field from ``sicore.exact``, and of two references."""
    import torch

    from sicore.evaluation import sliced_wasserstein
    from sicore.exact import ExactPath

    exact = ExactPath(cell.field.path, cell.field.law.mixture)
    gaps = {"velocity": 0.0, "score": 0.0, "denoiser": 0.0}
    some = cell.starts[:20]
    for t in (torch.tensor(0.3).double(), torch.linspace(0.02, 0.98, 20, dtype=torch.float64)):
        p = cell.field.path.at(t)
        x = p.beta.reshape(-1, 1) * cell.ends[:20] + p.gamma.reshape(-1, 1) * some / some.std()
        made = {
            "velocity": cell.field.velocity(t, x),
            "score": -cell.field.noise(p.beta, p.gamma, x) / p.gamma.reshape(-1, 1),
            "denoiser": cell.field.denoised(p.beta, p.gamma, x),
        }
        for name, value in made.items():
            truth: Tensor = getattr(exact, name)(t, x)
            gap = float((value - truth).abs().max() / truth.abs().max())
            gaps[name] = max(gaps[name], gap)
    loose = travelled(cell.field.fresh(), cell.starts, 0.0, 1.0, LOOSE)
    gaps["reference, root mean square"] = float((loose - cell.ends).square().mean().sqrt())
    gaps["reference, sliced W2"] = distance(loose, cell.ends)
    own, other = (
        distance(cell.starts, cell.ends),
        sliced_wasserstein(cell.starts, cell.ends, directions=64),
    )
    gaps["distance"] = abs(own / other - 1)
    return gaps


def main() -> None:
    options = arguments(__doc__)
    for law_name, path_name in ODE_CELLS:
        cell = Cell.of(law_name, path_name, options.quick)
        gaps = check(cell)
        print(cell.name, {name: f"{value:.1e}" for name, value in gaps.items()})
        assert max(gaps[name] for name in ("velocity", "score", "denoiser", "distance")) < 1e-10
        assert gaps["reference, sliced W2"] < 1e-7


if __name__ == "__main__":
    main()
