"""The named members of the multistep and exponential families, and the families themselves."""

from __future__ import annotations

from typing import Literal

from sicore.solvers.clocks import AngleClock, Clock, LogSNRClock, PowerClock, RatioClock, TimeClock
from sicore.solvers.exponential import Exponential
from sicore.solvers.held import Held, HeldData, HeldNoise, HeldPair, HeldResidual, HeldVelocity
from sicore.solvers.multistep import Multistep
from sicore.solvers.reversible import ReversibleHeun

HeldName = Literal["data", "noise", "residual", "velocity", "pair"]
ClockName = Literal["time", "log-snr", "angle", "ratio", "power"]
HELD: dict[str, Held] = {
    "data": HeldData(),
    "noise": HeldNoise(),
    "residual": HeldResidual(),
    "velocity": HeldVelocity(),
    "pair": HeldPair(),
}
CLOCKS: dict[str, Clock] = {
    "time": TimeClock(),
    "log-snr": LogSNRClock(),
    "angle": AngleClock(),
    "ratio": RatioClock(),
    "power": PowerClock(),
}


def multistep(
    held: HeldName = "data",
    clock: ClockName = "ratio",
    nodes: int = 3,
    corrected: bool = False,
    stochastic: bool = False,
) -> Multistep:
    """Any member of the multistep family, see ``sicore.solvers.Multistep``.

    Args:
        held: the quantity that is a polynomial.
        clock: in which variable.
        nodes: through how many values.
        corrected: whether each value corrects the state before it.
        stochastic: whether it steps an SDE.
    """
    return Multistep(HELD[held], CLOCKS[clock], nodes, corrected, stochastic)


def exponential(
    held: HeldName = "data", clock: ClockName = "ratio", stages: int = 2
) -> Exponential:
    """Any member of the single-step exponential family, see ``sicore.solvers.Exponential``.

    Args:
        held: the quantity that is a polynomial.
        clock: in which variable.
        stages: evaluations for each step, the order.
    """
    return Exponential(HELD[held], CLOCKS[clock], stages)


def ab2() -> Multistep:
    """Adams and Bashforth's method of order 2."""
    return multistep("velocity", "time", 2)


def ab3() -> Multistep:
    """Adams and Bashforth's method of order 3."""
    return multistep("velocity", "time", 3)


def ab4() -> Multistep:
    """Adams and Bashforth's method of order 4."""
    return multistep("velocity", "time", 4)


def dpmpp_2m() -> Multistep:
    """DPM-Solver++ (2M)."""
    return multistep("data", "log-snr", 2)


def dpmpp_3m() -> Multistep:
    """DPM-Solver++ (3M)."""
    return multistep("data", "log-snr", 3)


def deis_2() -> Multistep:
    """DEIS (tAB) of order 2."""
    return multistep("noise", "time", 2)


def deis_3() -> Multistep:
    """DEIS (tAB) of order 3."""
    return multistep("noise", "time", 3)


def unipc_2() -> Multistep:
    """UniPC of order 2."""
    return multistep("data", "log-snr", 2, corrected=True)


def unipc_3() -> Multistep:
    """UniPC of order 3."""
    return multistep("data", "log-snr", 3, corrected=True)


def v_adams_2() -> Multistep:
    """Adams's predictor–corrector on v-prediction in the angle from noise to data, order 3."""
    return multistep("residual", "angle", 2, corrected=True)


def v_adams_3() -> Multistep:
    """The same by one value more, order 4."""
    return multistep("residual", "angle", 3, corrected=True)


def exponential_sde() -> Multistep:
    """The exponential Euler–Maruyama method: one value, the data prediction, on any path."""
    return multistep("data", "time", 1, stochastic=True)


def sde_dpmpp_2m() -> Multistep:
    """SDE-DPM-Solver++ (2M)."""
    return multistep("data", "log-snr", 2, stochastic=True)


def reversible_heun_sde() -> ReversibleHeun:
    """Reversible Heun for SDEs."""
    return ReversibleHeun(stochastic=True)
