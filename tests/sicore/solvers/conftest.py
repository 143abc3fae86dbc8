"""A problem whose flow is known."""

from functools import cache

import pytest
import torch

from sicore.dynamics import PathDynamics
from sicore.predictions import DATA, FunctionPrediction

PLACE, DEVIATION = 0.9, 0.6  # of the data: two normal laws, at ±PLACE


@pytest.fixture(scope="session")
def two_normals():
    """Make the law of a path to data of two normal laws, in one dimension."""
    return TwoNormals


class TwoNormals:
    """The law of a path, its prediction and its flow.

    In one dimension a flow keeps the quantile of each state, so where it leads is known from the
    distribution functions, without any solver.
    """

    def __init__(self, path):
        self.path = path
        self._numbers = cache(lambda t: (float(path.at(t).beta), float(path.at(t).gamma)))

    def at(self, t):
        """``β, γ``; one for each sample from a time for each."""
        if isinstance(t, float):
            return self._numbers(t)
        p = self.path.at(t)
        return p.beta.unsqueeze(-1), p.gamma.unsqueeze(-1)

    def dynamics(self):
        return PathDynamics(FunctionPrediction(self.denoiser, self.path, DATA))

    def denoiser(self, t, x):
        beta, gamma = self.at(t)
        variance = (beta * DEVIATION) ** 2 + gamma**2
        mean = PLACE * torch.tanh(beta * PLACE / variance * x)
        return mean + (beta * DEVIATION**2 / variance) * (x - beta * mean)

    def quantile(self, t, x):
        beta, gamma = self.at(t)
        deviation = ((beta * DEVIATION) ** 2 + gamma**2) ** 0.5
        tails = [torch.special.ndtr((x + m) / deviation) for m in (-beta * PLACE, beta * PLACE)]
        return (tails[0] + tails[1]) / 2

    def moved(self, x, t, s):
        """Where the flow brings x, to rounding."""
        wanted, low, high = self.quantile(t, x), torch.full_like(x, -9), torch.full_like(x, 9)
        for _ in range(70):
            middle = (low + high) / 2
            below = self.quantile(s, middle) < wanted
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        return (low + high) / 2
