"""Processes whose laws are known: the truths of generated, forecast and imputed series."""

from sicore_timeseries.exact.autoregression import VectorAutoregression
from sicore_timeseries.exact.double_well import DoubleWell
from sicore_timeseries.exact.gaussian_law import GaussianLaw
from sicore_timeseries.exact.gaussian_process import GaussianProcess
from sicore_timeseries.exact.geometric_brownian import GeometricBrownianMotion
from sicore_timeseries.exact.hawkes import Hawkes
from sicore_timeseries.exact.state_space import Filtered, Moments, StateSpaceModel
from sicore_timeseries.exact.switching import Mixture, SwitchingOrnsteinUhlenbeck
from sicore_timeseries.kernels import (
    Kernel,
    Matern32,
    Matern52,
    OrnsteinUhlenbeck,
    Periodic,
    SquaredExponential,
)

__all__ = [
    "DoubleWell",
    "Filtered",
    "GaussianLaw",
    "GaussianProcess",
    "GeometricBrownianMotion",
    "Hawkes",
    "Kernel",
    "Matern32",
    "Matern52",
    "Mixture",
    "Moments",
    "OrnsteinUhlenbeck",
    "Periodic",
    "SquaredExponential",
    "StateSpaceModel",
    "SwitchingOrnsteinUhlenbeck",
    "VectorAutoregression",
]
