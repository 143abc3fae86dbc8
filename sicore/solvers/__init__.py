"""Solvers: small stateless methods and the one loop that runs them."""

from sicore.solvers.base import Carry, Solver, Step
from sicore.solvers.clocks import AngleClock, Clock, LogSNRClock, PowerClock, RatioClock, TimeClock
from sicore.solvers.exponential import DDIM, Exponential
from sicore.solvers.grids import Grid, NoiseLevelGrid, UniformGrid
from sicore.solvers.held import Held, HeldData, HeldNoise, HeldPair, HeldResidual, HeldVelocity
from sicore.solvers.multistep import Multistep
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
from sicore.solvers.stochastic import EulerMaruyama, StochasticHeun

__all__ = [
    "DDIM",
    "NOT_FINITE",
    "OK",
    "OUT_OF_CALLS",
    "RK4",
    "RK5",
    "AngleClock",
    "Callback",
    "Carry",
    "Clock",
    "Euler",
    "EulerMaruyama",
    "Exponential",
    "Grid",
    "Held",
    "HeldData",
    "HeldNoise",
    "HeldPair",
    "HeldResidual",
    "HeldVelocity",
    "Heun",
    "Heun3",
    "LogSNRClock",
    "Midpoint",
    "Multistep",
    "NoiseLevelGrid",
    "PowerClock",
    "Ralston",
    "RatioClock",
    "RungeKutta",
    "Solution",
    "Solver",
    "Step",
    "StepInfo",
    "StochasticHeun",
    "Tableau",
    "TimeClock",
    "UniformGrid",
    "solve",
    "status_of",
]
