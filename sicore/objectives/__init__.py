"""Objectives: losses built from path, prediction, time law, weight and coupling."""

from sicore.objectives.couplings import Coupled, Coupling, Independent, Paired, Source
from sicore.objectives.laws import EDMLogNormal, LogitNormal, TimeLaw, Uniform
from sicore.objectives.regression import Objective, Regulariser
from sicore.objectives.weights import EDMWeight, SNRWeight, UniformWeight, Weight

__all__ = [
    "Coupled",
    "Coupling",
    "EDMLogNormal",
    "EDMWeight",
    "Independent",
    "LogitNormal",
    "Objective",
    "Paired",
    "Regulariser",
    "SNRWeight",
    "Source",
    "TimeLaw",
    "Uniform",
    "UniformWeight",
    "Weight",
]
