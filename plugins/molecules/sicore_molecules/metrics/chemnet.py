"""FCD: how far the features of one set of molecules are from those of another.

The features are those of ChemNet, an LSTM over SMILES that was trained to predict bioactivities,
as the package fcd-torch ships it (no download). One thousand molecules take about 11 s of one
processor; with ``OMP_NUM_THREADS=1`` no second one is kept busy for nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.evaluation import frechet_between, moments
from sicore.files import write_atomically

Network = Callable[[Sequence[str]], Tensor]
"""From B SMILES to features ``(B, 512)``."""
BATCH = 256


@dataclass(frozen=True)
class Moments:
    """Mean and covariance of ChemNet's features over a set of molecules.

    Args:
        mean: ``(D,)`` float64.
        covariance: ``(D, D)`` float64, unbiased.
        n: of how many molecules.
    """

    mean: Tensor
    covariance: Tensor
    n: int


def fcd(a: Moments, b: Moments) -> float:
    """The Fréchet ChemNet distance, ``‖μa − μb‖² + tr(Σa + Σb − 2 (Σa Σb)^{1/2})``.

    Biased upwards at small n: for QM9's training data against its test set it is about .39 at
    1,000 molecules and .07 at 10,000. Compare only at the same n, beside that floor.

    Source: Preuer et al. 2018.
    """
    return frechet_between(a.mean, a.covariance, b.mean, b.covariance)


def chemnet_moments(smiles: Sequence[str], network: Network | None = None) -> Moments:
    """Mean and covariance of the features of molecules.

    Args:
        smiles: canonical, all with or all without stereochemistry as those they are compared with.
        network: ChemNet by default.

    Raises:
        InputError: for fewer than two molecules, or when fcd-torch is not installed.
    """
    if len(smiles) < 2:
        raise InputError(f"FCD: expected at least two molecules, got {len(smiles)}")
    extract = network or load_chemnet()
    parts = [extract(smiles[i : i + BATCH]) for i in range(0, len(smiles), BATCH)]
    return Moments(*moments(torch.cat(parts)), len(smiles))


def cached_moments(smiles: Sequence[str], folder: Path, network: Network | None = None) -> Moments:
    """The same, kept in a folder: ``chemnet-….safetensors``, named by a hash of the molecules.

    For sets that many models are compared with.

    Raises:
        InputError: as `chemnet_moments` does, or when the file cannot be read or written.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file, save_file

    digest = hashlib.sha256("\n".join(smiles).encode()).hexdigest()
    path = folder.expanduser() / f"chemnet-{digest[:32]}.safetensors"
    if not path.is_file():
        found = chemnet_moments(smiles, network)
        tensors = {"mean": found.mean, "covariance": found.covariance}
        write_atomically(path, lambda scratch: save_file(tensors, scratch))
        return found
    try:
        tensors = load_file(path)
        return Moments(tensors["mean"], tensors["covariance"], len(smiles))
    except (SafetensorError, KeyError, OSError) as error:
        raise InputError(f"{path}: cannot be read ({error}); remove it, to make it anew") from None


@cache
def load_chemnet() -> Network:
    """ChemNet.

    Raises:
        InputError: when fcd-torch is not installed.
    """
    try:
        from fcd_torch import FCD
        from fcd_torch.utils import SmilesDataset
    except ImportError:
        raise InputError(
            "FCD needs the package fcd-torch: pip install 'sicore-molecules[fcd]', or leave FCD out"
        ) from None
    model = FCD(device="cpu").model

    @torch.no_grad()
    def network(smiles: Sequence[str]) -> Tensor:
        letters = SmilesDataset(list(smiles))
        one_hot = torch.stack([torch.from_numpy(letters[i]) for i in range(len(smiles))])
        features: Tensor = model(one_hot.mT.float())
        return features

    return network
