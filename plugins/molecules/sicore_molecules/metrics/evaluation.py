"""Everything that can be said of a set of generated graphs, beside what a perfect model would get.

The figures of a finite sample depend on its size, so each is given twice: for the generated
graphs, and for as many training graphs (the floor), both against the same test graphs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rdkit import Chem

from sicore.errors import InputError, UnknownName
from sicore_molecules.chemistry.decode import build, canonical, sanitised
from sicore_molecules.chemistry.encode import largest_fragment
from sicore_molecules.chemistry.properties import compute
from sicore_molecules.chemistry.validity import validity
from sicore_molecules.chemistry.vocabulary import Vocabulary
from sicore_molecules.graphs import GraphBatch
from sicore_molecules.metrics import chemnet, substructures
from sicore_molecules.metrics.baselines import independent_bonds
from sicore_molecules.metrics.fingerprints import internal_diversity, morgan, nearest_similarity
from sicore_molecules.metrics.nspdk import nspdk_mmd
from sicore_molecules.metrics.properties import NAMES, wasserstein_distances
from sicore_molecules.metrics.sets import novelty, uniqueness
from sicore_molecules.metrics.statistics import STATISTICS


@dataclass(frozen=True)
class Molecules:
    """A set of graphs with the molecules among them; what the metrics ask for is made once.

    Args:
        graphs: as they are.
        vocabulary: of their atoms.
        cache: a folder that keeps ChemNet's moments of this set; None for sets that are seen once.
        cations: N with four bonds and O with three are charged: right for graphs of a data set,
            which leaves these charges out; generated ones have to be valid as they are.
    """

    graphs: GraphBatch
    vocabulary: Vocabulary
    cache: Path | None = None
    cations: bool = False

    @cached_property
    def mols(self) -> list[Chem.Mol]:
        """The molecules of the graphs that are valid; of one in pieces, the largest piece."""
        pairs = zip(self.graphs.atoms.numpy(), self.graphs.bonds.numpy(), strict=True)
        built = (build(a, b, self.vocabulary, cations=self.cations) for a, b in pairs)
        kept = (_largest_piece(mol) for mol in built if mol.GetNumAtoms())
        return [mol for mol in kept if mol is not None]

    @cached_property
    def smiles(self) -> list[str]:
        """Of `mols`, canonical, without stereochemistry."""
        return [canonical(mol) for mol in self.mols]

    @cached_property
    def fingerprints(self) -> list[Any]:
        """Of `mols`."""
        return morgan(self.mols)

    @cached_property
    def properties(self) -> dict[str, np.ndarray]:
        """QED, logP, SA and weight of `mols`."""
        return compute(self.mols, NAMES)

    @cached_property
    def moments(self) -> chemnet.Moments:
        """Of ChemNet's features of `mols`."""
        if self.cache is None:
            return chemnet.chemnet_moments(self.smiles)
        return chemnet.cached_moments(self.smiles, self.cache)


def _largest_piece(built: Chem.Mol) -> Chem.Mol | None:
    """Of a molecule that is valid as a whole; None for others."""
    whole = sanitised(built)
    if whole is None:
        return None
    piece = largest_fragment(whole)
    return whole if piece is whole else sanitised(piece)  # a piece has lost what is known of rings


Metric = Callable[[Molecules, Molecules], dict[str, float]]
"""Figures of a set of molecules beside a reference."""


def fcd(given: Molecules, reference: Molecules) -> dict[str, float]:
    """Fréchet ChemNet distance; needs fcd-torch."""
    return {"fcd": chemnet.fcd(given.moments, reference.moments)}


def nspdk(given: Molecules, reference: Molecules) -> dict[str, float]:
    """Of all graphs, the valid and the others."""
    return {"nspdk": nspdk_mmd(given.graphs, reference.graphs)}


def parts(given: Molecules, reference: Molecules) -> dict[str, float]:
    """Similarity of scaffolds (of two rings or more) and of fragments."""
    return {
        "scaffold_similarity": substructures.scaffold_similarity(given.mols, reference.mols),
        "fragment_similarity": substructures.fragment_similarity(given.mols, reference.mols),
    }


def variety(given: Molecules, reference: Molecules) -> dict[str, float]:
    """Similarity to the nearest neighbour, and internal diversity."""
    return {
        "snn": nearest_similarity(given.fingerprints, reference.fingerprints),
        "internal_diversity": internal_diversity(given.fingerprints),
    }


def distances(given: Molecules, reference: Molecules) -> dict[str, float]:
    """Wasserstein distances of QED, logP, SA and weight."""
    found = wasserstein_distances(given.properties, reference.properties)
    return {f"{name}_w1": value for name, value in found.items()}


METRICS: dict[str, Metric] = {
    "fcd": fcd,
    "nspdk": nspdk,
    "parts": parts,
    "variety": variety,
    "properties": distances,
}


def evaluate(
    molecules: GraphBatch,
    reference: GraphBatch,
    train: GraphBatch,
    vocabulary: Vocabulary,
    *,
    known: Collection[str] | None = None,
    metrics: Sequence[str] = tuple(METRICS),
    cache: Path | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Generated molecules beside test molecules, and beside as many training molecules.

    Args:
        molecules: generated graphs, as they came, invalid ones too.
        reference: graphs of the test set, all of them or a fair (shuffled) sample: the order of
            QM9's file is no fair one.
        train: graphs of the training set, for novelty and for the floor.
        vocabulary: of the atoms of all three.
        known: canonical SMILES of the whole training set, where they are at hand; otherwise they
            are made of ``train``.
        metrics: names in `METRICS`; ``fcd`` needs fcd-torch.
        cache: a folder for what is computed of reference and floor, which are the same for every
            model.
        seed: which training molecules are the floor.

    Returns:
        ``{"n", "n_reference", "n_train", "valid": {"strict", "relaxed", "connected",
        "strict_and_connected"}, "uniqueness", "novelty", "model": {…}, "floor": {…}}``. ``valid``
        holds shares of n. ``model`` and ``floor`` hold the metrics, and ``n``: the number of valid
        molecules that they are of, in ``floor`` of as many training molecules, or fewer where there
        are not as many.

    Raises:
        UnknownName: for a metric that is not among `METRICS`.
        InputError: when fewer than two molecules are valid, or as the metrics do.
    """
    for name in metrics:
        if name not in METRICS:
            raise UnknownName("metric", name, METRICS)
    state = validity(molecules, vocabulary)
    if state.strict.sum() < 2:
        raise InputError(
            f"evaluation: {int(state.strict.sum())} of {len(molecules)} molecules are valid, "
            "expected at least two: train for longer, or generate more"
        )
    given = Molecules(molecules, vocabulary)
    floor = Molecules(_some(train, len(given.mols), seed), vocabulary, cache, cations=True)
    test = Molecules(reference, vocabulary, cache, cations=True)
    if known is None:
        known = Molecules(train, vocabulary, cations=True).smiles
    return {
        "n": len(molecules),
        "n_reference": len(reference),
        "n_train": len(train),
        "valid": {
            "strict": float(state.strict.mean()),
            "relaxed": float(state.relaxed.mean()),
            "connected": float(state.connected.mean()),
            "strict_and_connected": float((state.strict & state.connected).mean()),
        },
        "uniqueness": uniqueness(given.smiles),
        "novelty": novelty(given.smiles, known),
        "model": _figures(given, test, metrics),
        "floor": _figures(floor, test, metrics),
    }


def evaluate_graphs(
    graphs: GraphBatch, reference: GraphBatch, train: GraphBatch, *, seed: int = 0
) -> dict[str, Any]:
    """Generated graphs of any kind beside test graphs: degree, clustering, orbit, spectral MMD².

    Args:
        graphs: generated.
        reference: of the test set.
        train: of the training set, for the floor and the baseline.
        seed: of the floor and the baseline.

    Returns:
        ``{"n", "n_reference", "n_train", "model": {…}, "floor": {…}, "independent": {…}}``:
        ``floor`` is of as many training graphs, or all; ``independent`` of graphs whose edges are
        drawn independently (Erdős–Rényi), which any model should beat.
    """
    sets = {
        "model": graphs,
        "floor": _some(train, len(graphs), seed),
        "independent": independent_bonds(train, len(graphs), seed),
    }
    return {
        "n": len(graphs),
        "n_reference": len(reference),
        "n_train": len(train),
        **{
            name: {"n": len(given)}
            | {key: mmd(given, reference) for key, mmd in STATISTICS.items()}
            for name, given in sets.items()
        },
    }


def _figures(given: Molecules, test: Molecules, metrics: Sequence[str]) -> dict[str, float]:
    figures: dict[str, float] = {"n": len(given.mols)}
    for name in metrics:
        figures |= METRICS[name](given, test)
    return figures


def _some(graphs: GraphBatch, n: int, seed: int) -> GraphBatch:
    generator = torch.Generator().manual_seed(seed)
    return graphs[torch.randperm(len(graphs), generator=generator)[:n]]
