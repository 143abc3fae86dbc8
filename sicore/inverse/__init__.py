"""Inverse problems: measurement operators and samplers of the posterior."""

from sicore.inverse.operators import (
    Blur,
    Composition,
    Downsample,
    Inpaint,
    LinearFunction,
    Operator,
)
from sicore.inverse.posterior import Measurement, Method, PiGDM, PiGDMPrediction
from sicore.inverse.replacement import Replacement, ReplacementCallback

__all__ = [
    "Blur",
    "Composition",
    "Downsample",
    "Inpaint",
    "LinearFunction",
    "Measurement",
    "Method",
    "Operator",
    "PiGDM",
    "PiGDMPrediction",
    "Replacement",
    "ReplacementCallback",
]
