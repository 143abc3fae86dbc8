"""Solvers: small stateless methods and the one loop that runs them."""

from sicore.solvers.base import Carry, Solver
from sicore.solvers.exponential import DDIM
from sicore.solvers.grids import Grid, NoiseLevelGrid, UniformGrid
from sicore.solvers.runge_kutta import RK4, Euler, Heun, Midpoint, RungeKutta, Tableau
from sicore.solvers.solve import NOT_FINITE, OK, Callback, Solution, StepInfo, solve, status_of
from sicore.solvers.stochastic import EulerMaruyama, StochasticHeun

__all__ = [
    "DDIM",
    "NOT_FINITE",
    "OK",
    "RK4",
    "Callback",
    "Carry",
    "Euler",
    "EulerMaruyama",
    "Grid",
    "Heun",
    "Midpoint",
    "NoiseLevelGrid",
    "RungeKutta",
    "Solution",
    "Solver",
    "StepInfo",
    "StochasticHeun",
    "Tableau",
    "UniformGrid",
    "solve",
    "status_of",
]
