"""Likelihood: log-densities along the flow, and bounds for the SDE."""

from sicore.likelihood.divergence import (
    Divergence,
    ExactDivergence,
    Gaussian,
    HutchinsonDivergence,
    ProbeLaw,
    Rademacher,
)
from sicore.likelihood.flow import LogLikelihood, LogProb, log_likelihood, sample_with_log_prob
from sicore.likelihood.girsanov import GirsanovBound, girsanov_bound
from sicore.likelihood.priors import noise_level_times, normal_log_prob, normal_prior

__all__ = [
    "Divergence",
    "ExactDivergence",
    "Gaussian",
    "GirsanovBound",
    "HutchinsonDivergence",
    "LogLikelihood",
    "LogProb",
    "ProbeLaw",
    "Rademacher",
    "girsanov_bound",
    "log_likelihood",
    "noise_level_times",
    "normal_log_prob",
    "normal_prior",
    "sample_with_log_prob",
]
