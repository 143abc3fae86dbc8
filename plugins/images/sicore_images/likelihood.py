r"""Bits per dimension: how well a model predicts 8-bit pictures it has not seen.

A model has a density on real numbers, and 8-bit pictures are integers k, so uniform noise turns
one into the other: with u uniform in [−½, ½) the picture ``v = k + u`` has its cell's share of
the density, and by Jensen's inequality ``log P(k) ≥ E_u log p(k + u)`` with ``P(k) = ∫ p`` over
the cell. States are ``x = (v/255 − mean)/std``, so ``log p(v) = log p(x) − Σ log(255 std)``, and

``bits/dim = −(log p(x) − Σ log(255 std)) / (dimensions · log 2)``,

an upper bound in expectation. Lower is better; 8 is what no model at all needs.

**Where the density is read.** A path whose noise vanishes at t = 1 ends at the pictures
themselves: points on a grid of grey levels, where the law that the network is trained for has no
density at all, and a drift that grows without bound on the way. The flow is therefore stopped at
a noise level σ > 0. What is measured is the law ``p̂`` of ``x_t/β`` there, the data plus a noise of
deviation σ, which has a density; sampling from it and rounding to the nearest grey level is a
proper law of 8-bit pictures, so the bound above holds for every σ and nothing is left out. By
default σ is 1/√12 of a grey level, the deviation of the noise that the measurement adds anyway:
then the measured pictures have the noise that the network expects at that time.

Sources: Theis, van den Oord and Bethge, "A note on the evaluation of generative models", 2016,
section 3.1 (uniform dequantisation); Song et al. 2021, section 4.3.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.evaluation import moments
from sicore.likelihood import (
    Divergence,
    HutchinsonDivergence,
    log_likelihood,
    noise_level_times,
    normal_prior,
)
from sicore.progress import progress_bar
from sicore.states import Noise
from sicore_images.domain import Images

if TYPE_CHECKING:
    from sicore.hub.model import Model

GREY = 255
STEPS = 25
NOISE_LEVEL = 12**-0.5


@dataclass(frozen=True)
class BitsPerDim:
    """Bits per dimension of each picture.

    Attributes:
        of_each: float64 ``(n,)``.
        nfe: network calls for each picture.
    """

    of_each: Tensor
    nfe: int

    @property
    def mean(self) -> float:
        """Over the pictures."""
        return float(self.of_each.mean())

    @property
    def standard_error(self) -> float:
        """Of the mean: pictures, dequantisation and probes together; not the solver's error."""
        return float(self.of_each.std()) / len(self.of_each) ** 0.5

    def summary(self) -> dict[str, float]:
        """Mean and standard error, rounded."""
        return {
            "bits_per_dim": round(self.mean, 4),
            "standard_error": round(self.standard_error, 4),
        }


def bits_per_dim(
    model: Model,
    pictures: Tensor,
    condition: Mapping[str, Tensor] | None = None,
    *,
    noise_level: float = NOISE_LEVEL,
    steps: int = STEPS,
    divergence: Divergence | None = None,
    seed: int = 0,
    batch_size: int = 64,
    progress: bool = False,
) -> BitsPerDim:
    """Measure 8-bit pictures under a model; see the top of this file for what is measured.

    Args:
        model: of this domain, on a path from noise.
        pictures: uint8 ``(n, C, H, W)``, of the model's shape.
        condition: what each picture shows, as codes ``{"class": (n,) int64}``; nothing is given
            by default, and the model's unconditional law is measured.
        noise_level: where the flow ends, in grey levels of the channel with the largest deviation.
        steps: of the Runge–Kutta method of order 4, four network calls each.
        divergence: by default Hutchinson's with one probe of random signs.
        seed: of dequantisation and probes, which each picture has of its own.
        batch_size: pictures in memory at once.
        progress: show a bar.

    Raises:
        InputError: for pictures that are not 8-bit or of another shape, a noise level that is not
            positive, or a model whose path starts from samples.
    """
    domain = _images(model)
    _check(domain, pictures, noise_level)
    path, prediction = model.interpolant, model.prediction
    sigma = noise_level / (GREY * max(domain.std))
    times = noise_level_times(path, steps, sigma)
    prior, beta = normal_prior(path, times[0]), float(path.at(times[-1]).beta)
    measure = divergence or HutchinsonDivergence()
    parts, nfe = [], 0
    with progress_bar("likelihood", len(pictures), progress) as bar, torch.no_grad():
        for first in range(0, len(pictures), batch_size):
            part = slice(first, first + batch_size)
            noise = Noise.of(seed, len(pictures[part]), first, model.device)
            x = domain.encode(dequantised(pictures[part], noise)).to(model.device, model.dtype)
            given = {k: v[part].to(model.device) for k, v in (condition or {}).items()} or None
            found = log_likelihood(
                prediction,
                beta * x,
                prior,
                condition=given,
                times=times,
                divergence=measure,
                noise=noise,
            )
            parts.append(found.log_prob.cpu())
            nfe = found.nfe
            bar.advance(len(x))
    size = pictures[0].numel()
    log_prob = torch.cat(parts) + size * math.log(beta) - grey_volume(domain)
    return BitsPerDim(-log_prob / (size * math.log(2)), nfe)


def dequantised(pictures: Tensor, noise: Noise) -> Tensor:
    """``(k + u)/255`` with u uniform in (−½, ½): floats around [0, 1], float64, shaped alike."""
    u = noise.named("dequantisation").uniform(pictures.shape[1:]).cpu()
    return (pictures + u - 0.5) / GREY


def grey_volume(domain: Images) -> float:
    """``Σ log(255 std)`` over all pixels: log-volume of a state in units of grey levels."""
    _, height, width = domain.shape
    return height * width * sum(math.log(GREY * std) for std in domain.std)


def histogram_bits(train: Tensor, pictures: Tensor) -> BitsPerDim:
    """Every pixel on its own: its histogram over the training pictures, with one count added.

    Args:
        train: uint8 ``(N, C, H, W)``.
        pictures: uint8 ``(n, C, H, W)``.
    """
    known, asked = train.flatten(1).long(), pictures.flatten(1).long()
    size = known.shape[1]
    cell = torch.arange(size) * (GREY + 1)
    counts = torch.bincount((known + cell).flatten(), minlength=size * (GREY + 1)).double()
    log_prob = ((counts[asked + cell] + 1) / (len(known) + GREY + 1)).log().sum(1)
    return BitsPerDim(-log_prob / (size * math.log(2)), 0)


def gaussian_bits(train: Tensor, pictures: Tensor, seed: int = 0) -> BitsPerDim:
    """One Gaussian with the mean and the full covariance of the dequantised training pictures.

    Args:
        train: uint8 ``(N, C, H, W)``.
        pictures: uint8 ``(n, C, H, W)``, dequantised as in ``bits_per_dim``.
        seed: of the dequantisation.
    """
    mean, covariance = moments(train.flatten(1).float())
    size = len(mean)
    factor = torch.linalg.cholesky(covariance.double() + torch.eye(size).double() / 12)
    noise = Noise.of(seed, len(pictures))
    v = GREY * dequantised(pictures, noise).flatten(1)
    white = torch.linalg.solve_triangular(factor, (v - mean).T, upper=False)
    log_det = factor.diagonal().log().sum() + size / 2 * math.log(2 * math.pi)
    return BitsPerDim((white.square().sum(0) / 2 + log_det) / (size * math.log(2)), 0)


def evaluate_likelihood(
    model: Model,
    *,
    n: int = 128,
    seed: int = 0,
    steps: int = STEPS,
    noise_level: float = NOISE_LEVEL,
    batch_size: int = 64,
    progress: bool = False,
) -> dict[str, Any]:
    """Bits per dimension of n test pictures, beside two models that cost nothing.

    Args:
        model: of this domain.
        n: test pictures, at random places of the split.
        seed: of the places, the dequantisation and the probes.
        steps: as in ``bits_per_dim``, like all that follow.

    Returns:
        ``{"n", "noise_level", "nfe", "model", "model given the class", "histogram", "gaussian"}``:
        the last four each ``{"bits_per_dim", "standard_error"}``; the histogram and the Gaussian
        know no classes, and are to be compared with the model that is given none.
    """
    train, test = (model.config.data.build(split=split) for split in ("train", "test"))
    pictures, condition = some_of(test, n, seed)
    known, _ = train.batch(torch.arange(len(train)))

    def measured(given: Mapping[str, Tensor] | None) -> BitsPerDim:
        return bits_per_dim(
            model,
            pictures,
            given,
            noise_level=noise_level,
            steps=steps,
            seed=seed,
            batch_size=batch_size,
            progress=progress,
        )

    plain = measured(None)
    found = {"model": plain}
    if model.domain.conditions:
        found["model given the class"] = measured(condition)
    found["histogram"] = histogram_bits(known, pictures)
    found["gaussian"] = gaussian_bits(known, pictures, seed)
    return {
        "n": len(pictures),
        "noise_level": noise_level,
        "nfe": plain.nfe,
        **{name: result.summary() for name, result in found.items()},
    }


def some_of(data: Any, n: int, seed: int = 0) -> tuple[Tensor, Mapping[str, Tensor]]:
    """The items at n random places of a data set; fewer n are the first of more."""
    generator = torch.Generator().manual_seed(seed)
    batch: tuple[Tensor, Mapping[str, Tensor]] = data.batch(
        torch.randperm(len(data), generator=generator)[:n]
    )
    return batch


def _images(model: Model) -> Images:
    domain = model.domain
    if not isinstance(domain, Images):
        raise InputError(f"bits per dimension: are for pictures, not for '{domain.name}'")
    return domain


def _check(domain: Images, pictures: Tensor, noise_level: float) -> None:
    if pictures.dtype != torch.uint8 or tuple(pictures.shape[1:]) != domain.shape:
        raise InputError(
            f"pictures: expected uint8 of shape (n, {str(domain.shape)[1:]}, got "
            f"{pictures.dtype} of shape {tuple(pictures.shape)}"
        )
    if not noise_level > 0:
        raise InputError(f"noise_level: expected a number of grey levels > 0, got {noise_level}")
