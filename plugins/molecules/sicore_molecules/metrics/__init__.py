"""How good are generated molecules and graphs: metrics one by one, and all together."""

from sicore_molecules.metrics.baselines import erdos_renyi, independent_bonds
from sicore_molecules.metrics.chemnet import Moments, cached_moments, chemnet_moments, fcd
from sicore_molecules.metrics.fingerprints import internal_diversity, morgan, nearest_similarity
from sicore_molecules.metrics.nspdk import nspdk_kernel, nspdk_mmd
from sicore_molecules.metrics.orbits import orbit_counts
from sicore_molecules.metrics.properties import wasserstein_distances
from sicore_molecules.metrics.sets import novelty, uniqueness
from sicore_molecules.metrics.statistics import (
    STATISTICS,
    clustering_mmd,
    degree_mmd,
    orbit_mmd,
    spectral_mmd,
)
from sicore_molecules.metrics.substructures import fragment_similarity, scaffold_similarity

__all__ = [
    "STATISTICS",
    "Moments",
    "cached_moments",
    "chemnet_moments",
    "clustering_mmd",
    "degree_mmd",
    "erdos_renyi",
    "fcd",
    "fragment_similarity",
    "independent_bonds",
    "internal_diversity",
    "morgan",
    "nearest_similarity",
    "novelty",
    "nspdk_kernel",
    "nspdk_mmd",
    "orbit_counts",
    "orbit_mmd",
    "scaffold_similarity",
    "spectral_mmd",
    "uniqueness",
    "wasserstein_distances",
]
