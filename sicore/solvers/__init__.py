"""Solvers: small stateless methods and the one loop that runs them."""

from sicore.solvers.adaptive import DormandPrince
from sicore.solvers.base import Carry, Solver, Step
from sicore.solvers.churn import EDMChurn
from sicore.solvers.clocks import AngleClock, Clock, LogSNRClock, PowerClock, RatioClock, TimeClock
from sicore.solvers.controller import PIController
from sicore.solvers.encoder import Latent, decode, encode
from sicore.solvers.exponential import DDIM, Exponential
from sicore.solvers.gibbs import (
    Chain,
    DenoisingLangevinGibbs,
    DrawnLevel,
    LastState,
    LeastNoise,
    LikeliestLevel,
    NoiseLevelLaw,
)
from sicore.solvers.grids import (
    ClockGrid,
    GivenGrid,
    Grid,
    LogSNRGrid,
    NoiseLevelGrid,
    UniformGrid,
    angle_grid,
    cosine_grid,
    ratio_grid,
)
from sicore.solvers.held import Held, HeldData, HeldNoise, HeldPair, HeldResidual, HeldVelocity
from sicore.solvers.langevin import AnnealedRule, SNRRule, StepRule, balanced_move, langevin_move
from sicore.solvers.leap import CategoricalLeap
from sicore.solvers.multistep import Multistep
from sicore.solvers.own_grids import OwnGrids
from sicore.solvers.predictor_corrector import PredictorCorrector
from sicore.solvers.reversible import ReversibleHeun
from sicore.solvers.runge_kutta import (
    RK4,
    RK5,
    Euler,
    Heun,
    Heun3,
    Midpoint,
    Ralston,
    RungeKutta,
    Tableau,
)
from sicore.solvers.solve import (
    NOT_FINITE,
    OK,
    OUT_OF_CALLS,
    Callback,
    Solution,
    StepInfo,
    solve,
    status_of,
)
from sicore.solvers.splitting import S4
from sicore.solvers.stochastic import SRK15, EulerMaruyama, Milstein, StochasticHeun
from sicore.solvers.table import Move, Sketch, TableSolver

__all__ = [
    "DDIM",
    "NOT_FINITE",
    "OK",
    "OUT_OF_CALLS",
    "RK4",
    "RK5",
    "S4",
    "SRK15",
    "AngleClock",
    "AnnealedRule",
    "Callback",
    "Carry",
    "CategoricalLeap",
    "Chain",
    "Clock",
    "ClockGrid",
    "DenoisingLangevinGibbs",
    "DormandPrince",
    "DrawnLevel",
    "EDMChurn",
    "Euler",
    "EulerMaruyama",
    "Exponential",
    "GivenGrid",
    "Grid",
    "Held",
    "HeldData",
    "HeldNoise",
    "HeldPair",
    "HeldResidual",
    "HeldVelocity",
    "Heun",
    "Heun3",
    "LastState",
    "Latent",
    "LeastNoise",
    "LikeliestLevel",
    "LogSNRClock",
    "LogSNRGrid",
    "Midpoint",
    "Milstein",
    "Move",
    "Multistep",
    "NoiseLevelGrid",
    "NoiseLevelLaw",
    "OwnGrids",
    "PIController",
    "PowerClock",
    "PredictorCorrector",
    "Ralston",
    "RatioClock",
    "ReversibleHeun",
    "RungeKutta",
    "SNRRule",
    "Sketch",
    "Solution",
    "Solver",
    "Step",
    "StepInfo",
    "StepRule",
    "StochasticHeun",
    "TableSolver",
    "Tableau",
    "TimeClock",
    "UniformGrid",
    "angle_grid",
    "balanced_move",
    "cosine_grid",
    "decode",
    "encode",
    "langevin_move",
    "ratio_grid",
    "solve",
    "status_of",
]
