"""Inverse problems: measurement operators and samplers of the posterior."""

from sicore.inverse.known import KnownPart
from sicore.inverse.operators import (
    Blur,
    Composition,
    Downsample,
    Greyscale,
    Inpaint,
    LinearFunction,
    Operator,
)
from sicore.inverse.posterior import (
    MMPS,
    CovarianceModel,
    Measurement,
    Method,
    PiGDM,
    PosteriorPrediction,
    Uncertainty,
)
from sicore.inverse.replacement import Replacement, ReplacementCallback

__all__ = [
    "MMPS",
    "Blur",
    "Composition",
    "CovarianceModel",
    "Downsample",
    "Greyscale",
    "Inpaint",
    "KnownPart",
    "LinearFunction",
    "Measurement",
    "Method",
    "Operator",
    "PiGDM",
    "PosteriorPrediction",
    "Replacement",
    "ReplacementCallback",
    "Uncertainty",
]
