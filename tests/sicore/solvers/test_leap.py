"""Steps of categorical paths, against laws that are known."""

import pytest
import torch
from scipy.stats import chi2

from sicore.config import Component
from sicore.dynamics import PathDynamics
from sicore.errors import InputError
from sicore.interpolants import VP, Categorical, Linear
from sicore.inverse import KnownPart
from sicore.plugins import get_registry
from sicore.predictions import CATEGORICAL, DATA, FunctionPrediction
from sicore.solvers import CategoricalLeap, solve
from sicore.states import Noise, TensorSpace

PI = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
JOINT = torch.tensor([[0.3, 0.0, 0.1], [0.05, 0.25, 0.0], [0.0, 0.1, 0.2]], dtype=torch.float64)
N = 20_000
SOLVERS = [entry.name for entry in get_registry().entries("solver") if entry.plugin == "sicore"]


def path(power=1.5):
    return Categorical({"": tuple(PI.tolist())}, power)


def consistent(counts, law):
    """Pearson's χ² of counts is below its quantile 1 − 1e-5."""
    expected = (law * counts.sum()).flatten()
    possible, counts = expected > 0, counts.flatten()
    assert float(counts[~possible].sum()) == 0
    excess = ((counts - expected) ** 2 / expected)[possible].sum()
    return float(excess) < chi2.ppf(1 - 1e-5, int(possible.sum()) - 1)


def likelihood(t):
    """``p(x_t|x1)`` of one entry, a matrix."""
    kappa = float(path().coefficients(torch.as_tensor(t))[1])
    return kappa * torch.eye(3, dtype=torch.float64) + (1 - kappa) * PI


def of_two(t, x):
    """The exact ``p(x1|x_t)`` of each of two entries with the law JOINT."""
    like = likelihood(t)
    joint = torch.einsum("ab,na,nb->nab", JOINT, x[:, 0] @ like.T, x[:, 1] @ like.T)
    joint = joint / joint.sum((1, 2), keepdim=True)
    return torch.stack([joint.sum(2), joint.sum(1)], 1)


def drawn(posterior, times, eta, entries=2, n=N, noise=None, callbacks=()):
    noise, space = noise or Noise.of(0, n), TensorSpace((entries, 3))
    start = path().prior(noise, space, torch.float64)
    dynamics = PathDynamics(FunctionPrediction(posterior, path(), CATEGORICAL))
    times = torch.as_tensor(times, dtype=torch.float64)
    return solve(dynamics, start, times, CategoricalLeap(eta), noise, callbacks=callbacks)


def even(steps):
    return torch.linspace(0, 1, steps + 1, dtype=torch.float64)


@pytest.mark.parametrize("eta", [0.0, 2.0, 50.0])
def test_for_known_data_a_step_keeps_the_law_of_the_path(eta):
    """``κ_s x1 + (1 − κ_s) π`` at every s, whatever is renewed."""
    x1 = torch.eye(3, dtype=torch.float64)[2]
    for s in (0.3, 0.6):
        x = drawn(lambda t, x: x1.expand_as(x), [0.0, 0.2, s], eta, entries=1).x
        kappa = 1 - (1 - s) ** 1.5
        assert consistent(x.sum((0, 1)), kappa * x1 + (1 - kappa) * PI)


@pytest.mark.parametrize("steps", [1, 2, 7])
@pytest.mark.parametrize("eta", [0.0, 5.0])
def test_one_entry_is_exact_in_any_number_of_steps(eta, steps):
    law = JOINT.sum(1)

    def posterior(t, x):
        weighed = law * (x[:, 0] @ likelihood(t).T)
        return (weighed / weighed.sum(-1, keepdim=True)).unsqueeze(1)

    made = drawn(posterior, even(steps), eta, entries=1)
    assert made.nfe == steps
    assert consistent(made.x.sum((0, 1)), law)


def table(x):
    return torch.einsum("na,nb->ab", x[:, 0], x[:, 1])


@pytest.mark.parametrize("eta", [0.0, 5.0])
def test_the_error_of_coupled_entries_is_of_first_order(eta):
    """Twice the steps, half the total variation, until chance is all that is left."""

    def error(steps):
        made = table(drawn(of_two, even(steps), eta, n=2 * N).x) / (2 * N)
        return float((made - JOINT).abs().sum()) / 2

    one, coarse, fine, finest = error(1), error(6), error(12), error(24)
    assert one > 0.3  # the entries are drawn independently
    assert 1.6 < coarse / fine < 2.6
    assert finest < 0.65 * fine


def test_more_is_renewed_with_more_eta():
    """For known data an entry changes once at η = 0, and more often the higher η is."""
    x1 = torch.eye(3, dtype=torch.float64)[2]

    def changing(eta):
        seen = []
        callbacks = (lambda step: seen.append(step.x),)
        drawn(lambda t, x: x1.expand_as(x), even(20), eta, n=2000, callbacks=callbacks)
        states = torch.stack(seen)
        changes = (states[1:] != states[:-1]).any(-1).sum(0)
        return float((changes >= 2).double().mean())

    none, some, many = changing(0.0), changing(3.0), changing(20.0)
    assert none == 0
    assert many > some > 0.1


def test_a_sample_of_a_seed_does_not_depend_on_its_batch():
    whole = drawn(of_two, even(5), 2.0, noise=Noise.of(3, 64)).x
    part = drawn(of_two, even(5), 2.0, noise=Noise.of(3, 7, first=20)).x
    assert torch.equal(whole[20:27], part)


def test_rows_of_zeros_stay():
    def posterior(t, x):
        return torch.full_like(x, 1 / 3)

    dynamics = PathDynamics(FunctionPrediction(posterior, path(), CATEGORICAL))
    start = torch.eye(3, dtype=torch.float64)[:, None].repeat(1, 4, 1)
    start[:, 2:] = 0
    x = solve(dynamics, start, even(3), CategoricalLeap(), Noise.of(0, 3)).x
    assert float(x[:, 2:].abs().sum()) == 0
    assert float(x[:, :2].sum()) == 6


def test_a_known_entry_and_the_law_of_the_other():
    """The known entry is exact; the other nears its conditional law as more is renewed."""
    x1 = torch.zeros(1, 2, 3, dtype=torch.float64)
    x1[0, 0, 0] = 1
    known = KnownPart(path(), x1, torch.tensor([[[True], [False]]]))
    wanted = JOINT[0] / JOINT[0].sum()

    def error(steps, eta):
        x = drawn(of_two, even(steps), eta, n=2000, callbacks=(known,)).x
        assert torch.equal(x[:, :1], x1[:, :1].expand(2000, 1, 3))
        return float((x[:, 1].mean(0) - wanted).abs().sum()) / 2

    assert error(50, 0.0) > 0.09
    assert error(100, 100.0) < 0.065


@pytest.mark.parametrize("name", [name for name in SOLVERS if name != "categorical-leap"])
def test_other_solvers_refuse_the_path(name):
    solver = Component.parse("solver", name).build()
    dynamics = PathDynamics(FunctionPrediction(of_two, path(), CATEGORICAL))
    start = torch.eye(3)[:2].expand(4, 2, 3)
    with pytest.raises(InputError, match="categorical-leap"):
        solve(dynamics, start, even(3), solver, Noise.of(0, 4))


@pytest.mark.parametrize("other", [Linear(), VP()])
def test_it_refuses_other_paths(other):
    dynamics = PathDynamics(FunctionPrediction(lambda t, x: x, other, DATA))
    with pytest.raises(InputError, match="categorical paths of one-hot states only"):
        solve(dynamics, torch.zeros(2, 1, 3), even(3), CategoricalLeap(), Noise.of(0, 2))


def test_what_it_does_not_take():
    with pytest.raises(InputError, match="eta >= 0"):
        CategoricalLeap(-1.0)
    with pytest.raises(InputError, match="noise to data only"):
        drawn(of_two, [0.9, 0.5], 0.0)
