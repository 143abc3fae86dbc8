"""Objectives: losses built from path, prediction, time law, weight and coupling."""

from sicore.objectives.couplings import Coupling, Independent
from sicore.objectives.laws import EDMLogNormal, LogitNormal, TimeLaw, Uniform
from sicore.objectives.regression import Objective
from sicore.objectives.weights import EDMWeight, SNRWeight, UniformWeight, Weight

__all__ = [
    "Coupling",
    "EDMLogNormal",
    "EDMWeight",
    "Independent",
    "LogitNormal",
    "Objective",
    "SNRWeight",
    "TimeLaw",
    "Uniform",
    "UniformWeight",
    "Weight",
]
