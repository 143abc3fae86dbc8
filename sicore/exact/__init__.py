"""Problems with known answers: what solvers, conversions and posteriors are tested against."""

from sicore.exact.mixture import GaussianMixture
from sicore.exact.path import ExactPath, Expectations
from sicore.exact.points import ExactPoints
from sicore.exact.schroedinger import GaussianBridge

__all__ = ["ExactPath", "ExactPoints", "Expectations", "GaussianBridge", "GaussianMixture"]
