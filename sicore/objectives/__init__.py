"""Objectives: losses built from path, prediction, time law, weight and coupling."""

from sicore.objectives.couplings import (
    SOURCE,
    Corruption,
    Coupled,
    Coupling,
    DataDependent,
    Independent,
    Paired,
    Reflow,
    Source,
)
from sicore.objectives.fokker_planck import (
    FokkerPlanckRegulariser,
    ScoreResidual,
    potential_residual,
    score_residual,
)
from sicore.objectives.importance import LearnedImportance
from sicore.objectives.laws import (
    EDMLogNormal,
    LogitNormal,
    LowDiscrepancy,
    TimeLaw,
    Uniform,
    WrappedLaw,
)
from sicore.objectives.learned_path import ForwardDrift, LearnedPath, learn_path
from sicore.objectives.regression import Objective, Regulariser, ValueRegulariser
from sicore.objectives.rollout import Rollout
from sicore.objectives.start_error import StartError
from sicore.objectives.transport import ExactOT, MinibatchOT, SinkhornOT
from sicore.objectives.weights import (
    EDMWeight,
    LikelihoodWeight,
    MinSNRWeight,
    SNRWeight,
    UniformWeight,
    Weight,
)

__all__ = [
    "SOURCE",
    "Corruption",
    "Coupled",
    "Coupling",
    "DataDependent",
    "EDMLogNormal",
    "EDMWeight",
    "ExactOT",
    "FokkerPlanckRegulariser",
    "ForwardDrift",
    "Independent",
    "LearnedImportance",
    "LearnedPath",
    "LikelihoodWeight",
    "LogitNormal",
    "LowDiscrepancy",
    "MinSNRWeight",
    "MinibatchOT",
    "Objective",
    "Paired",
    "Reflow",
    "Regulariser",
    "Rollout",
    "SNRWeight",
    "ScoreResidual",
    "SinkhornOT",
    "Source",
    "StartError",
    "TimeLaw",
    "Uniform",
    "UniformWeight",
    "ValueRegulariser",
    "Weight",
    "WrappedLaw",
    "learn_path",
    "potential_residual",
    "score_residual",
]
