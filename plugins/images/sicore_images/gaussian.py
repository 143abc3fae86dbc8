"""The simplest generative model worth beating: one Gaussian for each class, in pixel space."""

from __future__ import annotations

import torch
from torch import Tensor

from sicore.evaluation import moments
from sicore.states import Noise


def class_gaussian_samples(pictures: Tensor, classes: Tensor, wanted: Tensor, seed: int) -> Tensor:
    """Draw ``μ_c + Σ_c^{1/2} z`` with the moments of each class, clipped to [0, 1].

    Args:
        pictures: uint8 ``(N, C, H, W)``, the data to fit.
        classes: of the data, int64 ``(N,)``.
        wanted: the class of each sample, int64 ``(M,)``.
        seed: of the samples.

    Returns:
        Floats ``(M, C, H, W)``.
    """
    flat = pictures.flatten(1)
    z = Noise.of(seed, len(wanted)).named("class Gaussian").normal((flat.shape[1],))
    samples = torch.empty(len(wanted), flat.shape[1])
    for c in wanted.unique().tolist():
        mean, cov = moments(flat[classes == c].float() / 255)
        values, vectors = torch.linalg.eigh(cov)
        root = vectors * values.clamp_min(0).sqrt()
        mine = wanted == c
        samples[mine] = (mean + z[mine].double() @ root.T).float()
    return samples.clamp(0, 1).reshape(-1, *pictures.shape[1:])
