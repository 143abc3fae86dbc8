"""Predictions: what a network says about a path, and the one conversion between its forms."""

from sicore.predictions.conversion import Combination, combination, convert
from sicore.predictions.kinds import (
    DATA,
    NOISE,
    PAIR,
    SCORE,
    VELOCITY,
    Kind,
    Pair,
    Row,
    V,
    Value,
    state_row,
)
from sicore.predictions.network import (
    Condition,
    EDMPreconditioning,
    FunctionPrediction,
    Network,
    NetworkPrediction,
    NoPreconditioning,
    Preconditioning,
    Prediction,
    denoise,
    network_times,
    part_of,
    started,
)
from sicore.predictions.potential import PotentialPrediction
from sicore.predictions.translation import AsInterpolant

__all__ = [
    "DATA",
    "NOISE",
    "PAIR",
    "SCORE",
    "VELOCITY",
    "AsInterpolant",
    "Combination",
    "Condition",
    "EDMPreconditioning",
    "FunctionPrediction",
    "Kind",
    "Network",
    "NetworkPrediction",
    "NoPreconditioning",
    "Pair",
    "PotentialPrediction",
    "Preconditioning",
    "Prediction",
    "Row",
    "V",
    "Value",
    "combination",
    "convert",
    "denoise",
    "network_times",
    "part_of",
    "started",
    "state_row",
]
