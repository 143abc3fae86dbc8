"""The Gaussians of a model's data, overall and for each class, and the start that they give.

``sicore moments MODEL`` fits them and keeps them in the model folder; sampling with
``teleport=σ`` then begins at the noise level σ, with states that the Gaussians carried there
(see ``sicore.gaussian``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.gaussian import GaussianModel, as_vectors
from sicore.hub.domain import Domain
from sicore.hub.folder import read_tensors, write_tensors
from sicore.interpolants import Interpolant, OneSided
from sicore.predictions import Condition
from sicore.progress import Bar, progress_bar
from sicore.states import Noise, State, StateSpace, batch_size, leaves, take, zeros_like

CLASS = "class"  # the condition that has Gaussians of its own
CAPTURED = 0.85  # the share of the variance that the directions kept by default hold


class Moments:
    """Gaussians of a model's data, in the precision of their file.

    Directions are kept in half precision and the rest in single. That turns a direction by 1 part
    in 2000 at most; a variance that is estimated from 6000 examples is uncertain by 1 part in 50.

    Args:
        tensors: as in the file: ``mean``, ``eigenvalues``, ``eigenvectors`` and ``rest`` of
            ``pooled`` and of each class by its code, such as ``"3/mean"``.

    Attributes:
        pooled: of all data, for samples without a class.
        classes: by the code of the class; a class that is missing has the pooled one.

    Raises:
        InputError: if the tensors are something else.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self.tensors = tensors
        try:
            names = sorted({key.split("/")[0] for key in tensors})
            models = {name: _read(tensors, name) for name in names}
            self.pooled = models.pop("pooled")
            self.classes = {int(name): gaussian for name, gaussian in models.items()}
        except (KeyError, ValueError, RuntimeError) as error:
            raise InputError(f"not moments as `sicore moments` writes them ({error})") from None

    @classmethod
    def of(cls, pooled: GaussianModel, classes: Mapping[int, GaussianModel]) -> Moments:
        """Those of these Gaussians, rounded."""
        tensors: dict[str, Tensor] = {}
        named = {"pooled": pooled, **{str(code): g for code, g in classes.items()}}
        for name, gaussian in named.items():
            tensors[f"{name}/mean"] = gaussian.mean.float()
            tensors[f"{name}/eigenvalues"] = gaussian.eigenvalues.float()
            tensors[f"{name}/eigenvectors"] = gaussian.eigenvectors.half()
            tensors[f"{name}/rest"] = torch.tensor(gaussian.rest)
        return cls(tensors)

    def transport(
        self,
        interpolant: Interpolant,
        t: Tensor | float,
        s: Tensor | float,
        x: State,
        condition: Condition = None,
    ) -> State:
        """``GaussianModel.transport`` by the Gaussian of each sample's class.

        Args:
            interpolant: a one-sided path.
            t: where x is, ``()``.
            s: where to go, ``()``.
            x: states ``(B, ...)``.
            condition: codes ``(B,)`` under "class"; −1, or none at all, is the pooled Gaussian.
        """
        codes = (condition or {}).get(CLASS, torch.full((batch_size(x),), -1))
        moved = zeros_like(x)
        for code in codes.unique().tolist():
            mine, gaussian = codes == code, self.classes.get(code, self.pooled)
            part = leaves(gaussian.transport(interpolant, t, s, take(x, mine)))
            for name, leaf in leaves(moved).items():
                leaf[mine] = part[name]
        return moved

    def save(self, path: Path) -> None:
        """Write the safetensors file, atomically."""
        write_tensors(path, self.tensors)


def read_moments(path: Path) -> Moments:
    """Read what ``Moments.save`` wrote.

    Raises:
        InputError: if the file is missing or holds something else.
    """
    tensors = read_tensors(path)
    try:
        return Moments(tensors)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _read(tensors: Mapping[str, Tensor], name: str) -> GaussianModel:
    mean, values, vectors, rest = (
        tensors[f"{name}/{part}"].double()
        for part in ("mean", "eigenvalues", "eigenvectors", "rest")
    )
    orthonormal = torch.linalg.qr(vectors).Q  # again, after half precision; signs do not matter
    return GaussianModel(mean, values, orthonormal, float(rest))


@dataclass(frozen=True)
class Teleport:
    """Sampling that begins at a noise level, with states that the Gaussians carried there.

    Args:
        moments: of the model's data.
        sigma: the noise level ``σ = γ/β``, in the units of states. Of the order of the largest
            standard deviations of the data: far below, the Gaussians decide what is not Gaussian.
    """

    moments: Moments
    sigma: float

    def time(self, interpolant: Interpolant) -> float:
        """The time at which the path has this noise level.

        Raises:
            InputError: on a path without one noise level, or for a level that it does not pass.
        """
        if not isinstance(interpolant, OneSided):
            raise InputError(
                f"teleport: needs a path from noise with one noise level, got "
                f"{type(interpolant).__name__}"
            )
        first = float(interpolant.noise_level(torch.zeros(())))
        if not 0 < self.sigma < first:
            raise InputError(
                f"teleport: expected a noise level between 0 and {first:g}, got {self.sigma:g}"
            )
        return float(interpolant.time_at(torch.tensor(self.sigma, dtype=torch.float64)))

    def start(
        self,
        interpolant: Interpolant,
        noise: Noise,
        space: StateSpace,
        dtype: torch.dtype,
        t: Tensor | float,
        condition: Condition = None,
    ) -> State:
        """States at time t: the noise at time 0, carried there by the Gaussian of its class."""
        x = interpolant.prior(noise, space, dtype)
        return self.moments.transport(interpolant, 0.0, t, x, condition)


def fit_moments(
    domain: Domain,
    dataset: Any,
    *,
    rank: int | None = None,
    batch_size: int = 1024,
    progress: bool = False,
) -> Moments:
    """The Gaussians of a dataset's encoded states, from two passes over it.

    Memory is that of two covariance matrices, ``2 · 8 d²`` bytes for states of d numbers, whatever
    the number of examples and classes.

    Args:
        domain: encodes the data, and says whether there are classes.
        dataset: ``len(dataset)`` and ``dataset.batch(indices)``, as for training.
        rank: directions kept of each covariance; by default as many as hold 85 % of its variance.
        batch_size: examples read at once.
        progress: show a bar when standard error is a terminal.

    Returns:
        The pooled Gaussian, and one for each class of at least two examples.

    Raises:
        InputError: if the states have fewer degrees of freedom than numbers (symmetric matrices,
            say), so that their noise is not independent in all of them; or for a rank that is too
            large.
    """
    size = as_vectors(domain.space.zeros(1)).shape[1]
    if domain.space.size != size:
        raise InputError(
            f"moments: the domain '{domain.name}' has states of {size} numbers with "
            f"{domain.space.size} degrees of freedom; Gaussians need independent noise in each"
        )
    kinds = domain.categories(CLASS).size
    total = len(dataset) * (2 if kinds else 1)
    everything = torch.arange(len(dataset))
    with progress_bar("moments", total, progress) as bar:
        batches = _batches(domain, dataset, everything, batch_size, bar)
        sums, codes = _Sums(size), []
        for x, condition in batches:
            sums.add(x)
            codes.append(condition.get(CLASS, torch.full((len(x),), -1)))
        pooled, labels, classes = sums.gaussian(rank), torch.cat(codes), {}
        for code in range(kinds):
            mine = everything[labels == code]
            if len(mine) >= 2:
                sums = _Sums(size)
                for x, _ in _batches(domain, dataset, mine, batch_size, bar):
                    sums.add(x)
                classes[code] = sums.gaussian(rank)
    return Moments.of(pooled, classes)


def _batches(
    domain: Domain, dataset: Any, indices: Tensor, size: int, bar: Bar
) -> Iterator[tuple[Tensor, Mapping[str, Tensor]]]:
    for part in indices.split(size):
        items, condition = dataset.batch(part)
        x = items if getattr(dataset, "encoded", False) else domain.encode(items)
        yield as_vectors(x).double(), condition or {}
        bar.advance(len(part))


class _Sums:
    """Running sums of vectors of ``size`` numbers."""

    def __init__(self, size: int) -> None:
        self.n = 0
        self.first = torch.zeros(size, dtype=torch.float64)
        self.second = torch.zeros(size, size, dtype=torch.float64)

    def add(self, x: Tensor) -> None:
        self.n += len(x)
        self.first += x.sum(0)
        self.second.addmm_(x.T, x)

    def gaussian(self, rank: int | None) -> GaussianModel:
        if self.n < 2:
            raise InputError(f"moments: expected at least 2 examples, got {self.n}")
        mean = self.first / self.n
        covariance = (self.second - self.n * torch.outer(mean, mean)) / (self.n - 1)
        whole = GaussianModel.from_moments(mean, covariance)
        return whole.truncated(_enough(whole.eigenvalues) if rank is None else rank)


def _enough(eigenvalues: Tensor) -> int:
    """How many of them, largest first, hold the default share of their sum."""
    return int((eigenvalues.cumsum(0) < CAPTURED * eigenvalues.sum()).sum()) + 1
