"""Which conditions a training step shows: all, none, and each of several alone."""

import torch

from sicore.interpolants import Linear
from sicore.objectives import Objective
from sicore.predictions import VELOCITY
from sicore.states import Noise

N = 4000


class Seen:
    """A prediction that keeps what it was given."""

    interpolant, kind, calls = Linear(), VELOCITY, 1

    def __call__(self, t, x, condition=None):
        self.condition = condition
        return torch.zeros_like(x)


def shown(**conditions):
    """What of n copies of some conditions is shown, as a table of booleans."""
    seen = Seen()
    given = {name: torch.full((N,), value) for name, value in conditions.items()}
    objective = Objective(Linear(), condition_dropout=0.2)
    objective.loss(seen, torch.zeros(N, 1), given, Noise.of(3, N))
    codes = {"class": lambda v: v >= 0, "logp": lambda v: ~v.isnan(), "qed": lambda v: ~v.isnan()}
    return torch.stack([codes[name](value) for name, value in seen.condition.items()], 1).double()


def test_one_condition_is_dropped_with_its_share():
    """Within five standard errors."""
    share = float(shown(**{"class": 1}).mean())
    assert abs(share - 0.8) < 5 * (0.8 * 0.2 / N) ** 0.5


def test_each_of_several_is_also_given_alone():
    """Of three, each of the eight patterns has an eighth of what is not dropped as a whole."""
    table = shown(**{"class": 1, "logp": 0.5, "qed": 0.1})
    pattern = (table @ torch.tensor([4.0, 2.0, 1.0], dtype=torch.float64)).long()
    expected = torch.full((8,), 0.8 / 8, dtype=torch.float64)
    expected[0] += 0.2
    got = pattern.bincount(minlength=8) / N
    assert bool(((got - expected).abs() < 5 * (expected * (1 - expected) / N).sqrt()).all())
