"""Problems with known answers: what solvers, conversions and posteriors are tested against."""

from sicore.exact.mixture import GaussianMixture
from sicore.exact.path import ExactPath, Expectations

__all__ = ["ExactPath", "Expectations", "GaussianMixture"]
