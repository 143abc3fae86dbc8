"""Predictions: what a network says about a path, and the one conversion between its forms."""

from sicore.predictions.conversion import Combination, combination, convert
from sicore.predictions.kinds import (
    CATEGORICAL,
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
    Start,
    denoise,
    network_times,
    part_of,
    started,
)
from sicore.predictions.potential import PotentialPrediction
from sicore.predictions.softmax import Softmax
from sicore.predictions.translation import AsInterpolant

__all__ = [
    "CATEGORICAL",
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
    "Softmax",
    "Start",
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
