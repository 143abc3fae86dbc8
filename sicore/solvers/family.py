"""The named members of the multistep and exponential families, and the families themselves."""

from __future__ import annotations

from typing import Literal

from sicore.solvers.clocks import Clock, LogSNRClock, PowerClock, RatioClock, TimeClock
from sicore.solvers.exponential import Exponential
from sicore.solvers.held import Held, HeldData, HeldNoise, HeldPair, HeldVelocity
from sicore.solvers.multistep import Multistep

HeldName = Literal["data", "noise", "velocity", "pair"]
ClockName = Literal["time", "log-snr", "ratio", "power"]
HELD: dict[str, Held] = {
    "data": HeldData(),
    "noise": HeldNoise(),
    "velocity": HeldVelocity(),
    "pair": HeldPair(),
}
CLOCKS: dict[str, Clock] = {
    "time": TimeClock(),
    "log-snr": LogSNRClock(),
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


def sde_dpmpp_2m() -> Multistep:
    """SDE-DPM-Solver++ (2M)."""
    return multistep("data", "log-snr", 2, stochastic=True)
