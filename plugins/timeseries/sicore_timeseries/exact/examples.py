"""The processes of this room with numbers filled in: windows of them to train on, by name.

Moments are in units of the window, 0 to 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from sicore.states import Noise
from sicore_timeseries.exact.autoregression import VectorAutoregression
from sicore_timeseries.exact.double_well import DoubleWell
from sicore_timeseries.exact.gaussian_process import GaussianProcess
from sicore_timeseries.exact.geometric_brownian import GeometricBrownianMotion
from sicore_timeseries.exact.hawkes import Hawkes
from sicore_timeseries.exact.state_space import StateSpaceModel
from sicore_timeseries.exact.switching import SwitchingOrnsteinUhlenbeck
from sicore_timeseries.kernels import Matern32, OrnsteinUhlenbeck, Periodic

Draw = Callable[[Noise, Tensor], Tensor]
"""Windows ``(n, T, C)`` at moments ``(T,)``; of a Gaussian process also at ``(n, T)``."""


def _matrix(*rows: tuple[float, ...]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


OU = GaussianProcess(OrnsteinUhlenbeck(0.3))
MATERN = GaussianProcess(Matern32(0.3))
PERIODIC = GaussianProcess(Periodic(0.8, period=0.5))
AR1 = VectorAutoregression.scalar(0.8, 0.6)
VAR1 = VectorAutoregression(_matrix((0.6, 0.3), (-0.4, 0.5)), _matrix((1.0, 0.3), (0.3, 0.5)))
GBM = GeometricBrownianMotion(1.0, 0.1, 0.3)
SWING = StateSpaceModel(
    transition=_matrix((0.95, 0.3), (-0.3, 0.85)),
    process=_matrix((0.02, 0.0), (0.0, 0.1)),
    observation=_matrix((1.0, 0.0)),
    measurement=_matrix((0.1,)),
    mean=torch.zeros(2, dtype=torch.float64),
    covariance=torch.eye(2, dtype=torch.float64) / 2,
)
"""A damped pendulum that is pushed at random; its place is seen with an error."""
SWITCHING = SwitchingOrnsteinUhlenbeck(
    rates=torch.tensor([3.0, 3.0], dtype=torch.float64),
    means=torch.tensor([-1.5, 1.5], dtype=torch.float64),
    diffusions=torch.tensor([2.0, 2.0], dtype=torch.float64),
    transition=torch.eye(2, dtype=torch.float64),
    initial=torch.tensor([0.5, 0.5], dtype=torch.float64),
)
"""Each window keeps one of two modes, which its values reveal little by little."""
WELLS = DoubleWell(tilt=0.1)
WELLS_TIME = 4.0
"""The length of a window of the double well."""
HAWKES = Hawkes()
HAWKES_TIME = 80.0
"""There are more events in it than any window asks for."""


@dataclass(frozen=True)
class Example:
    """One process.

    Args:
        draw: windows of it.
        channels: C.
        scaling: that suits it, see `sicore_timeseries.data.scaling`.
        irregular: whether every window may have moments of its own.
    """

    draw: Draw
    channels: int = 1
    scaling: str = "standard"
    irregular: bool = False


def prices(noise: Noise, times: Tensor) -> Tensor:
    """Geometric Brownian motion one step after each moment, since it begins as one number."""
    return GBM.sample(noise, times + times[1])


def gaps(noise: Noise, times: Tensor) -> Tensor:
    """The waits for the first T events of a Hawkes process, ``(n, T, 1)``."""
    first = [events[: len(times)] for events in HAWKES.sample(noise, HAWKES_TIME)]
    at = torch.stack(first)
    return at.diff(dim=1, prepend=at.new_zeros(len(at), 1)).unsqueeze(-1)


EXAMPLES: Mapping[str, Example] = {
    "ou": Example(OU.sample, irregular=True),
    "matern": Example(MATERN.sample, irregular=True),
    "periodic": Example(PERIODIC.sample, irregular=True),
    "ar1": Example(lambda noise, times: AR1.sample(noise, len(times))),
    "var1": Example(lambda noise, times: VAR1.sample(noise, len(times)), channels=2),
    "gbm": Example(prices, scaling="log"),
    "state-space": Example(lambda noise, times: SWING.sample(noise, len(times))),
    "switching": Example(lambda noise, times: SWITCHING.sample(noise, times)[0]),
    "double-well": Example(lambda noise, times: WELLS.sample(noise, WELLS_TIME * times)),
    "hawkes": Example(gaps, scaling="log"),
}
