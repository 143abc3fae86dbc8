"""Figures of merit that know no domain: distances, manifolds, calibration, intervals."""

from sicore.evaluation.bootstrap import Interval, bootstrap_interval
from sicore.evaluation.calibration import coverage, psnr, rank_histogram, rank_interval
from sicore.evaluation.distances import energy_distance, sliced_wasserstein, wasserstein_1d
from sicore.evaluation.fokker_planck import fokker_planck_diagnostic
from sicore.evaluation.frechet import frechet_between, frechet_distance, moments
from sicore.evaluation.manifold import ManifoldMetrics, manifold_metrics, neighbour_distance

__all__ = [
    "Interval",
    "ManifoldMetrics",
    "bootstrap_interval",
    "coverage",
    "energy_distance",
    "fokker_planck_diagnostic",
    "frechet_between",
    "frechet_distance",
    "manifold_metrics",
    "moments",
    "neighbour_distance",
    "psnr",
    "rank_histogram",
    "rank_interval",
    "sliced_wasserstein",
    "wasserstein_1d",
]
