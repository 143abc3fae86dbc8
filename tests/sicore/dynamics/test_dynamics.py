"""Drift and diffusion made from one evaluation of any prediction that determines them."""

import pytest
import torch

from sicore.dynamics import PathDynamics, constant, proportional
from sicore.errors import ConversionError, InputError
from sicore.interpolants import VP, Linear, NoGamma, Trigonometric, TwoSidedLinear
from sicore.predictions import (
    DATA,
    NOISE,
    PAIR,
    SCORE,
    VELOCITY,
    FunctionPrediction,
    V,
)
from sicore.states import Noise

INSIDE = (0.05, 0.4, 0.8)
SINGLE = (VELOCITY, SCORE, NOISE, DATA, V)


def time(t):
    return torch.tensor(t, dtype=torch.float64)


def cases(path):
    return (PAIR,) if path.two_sided else SINGLE


@pytest.mark.parametrize("t", INSIDE)
def test_drifts(path, exact, t):
    """``b``, ``b + ε s`` and ``b − ε s``, from each kind that determines them."""
    law = exact(path)
    x = law.marginal(t).sample(Noise.of(0, 5))
    kinds = (VELOCITY,) if not (path.at(0.3).gamma > 0) else cases(path)
    for kind in kinds:
        prediction = law.prediction(kind)
        ode = PathDynamics(prediction)
        torch.testing.assert_close(ode.drift(time(t), x), law.velocity(t, x), rtol=1e-9, atol=1e-9)
        if not (path.at(0.3).gamma > 0):
            continue
        for sign, backward in ((1, False), (-1, True)):
            sde = PathDynamics(prediction, constant(0.7), backward=backward)
            expected = law.velocity(t, x) + sign * 0.7 * law.score(t, x)
            torch.testing.assert_close(sde.drift(time(t), x), expected, rtol=1e-9, atol=1e-9)


def test_the_ode_is_finite_at_both_ends(path, exact):
    """From the velocity it is determined on every path."""
    law = exact(path)
    for t in (0.0, 1.0):
        x = law.marginal(t).sample(Noise.of(0, 5))
        drift = PathDynamics(law.prediction(VELOCITY)).drift(time(t), x)
        torch.testing.assert_close(drift, law.velocity(t, x))
        assert bool(drift.isfinite().all())


def test_a_proportional_epsilon_keeps_the_sde_finite_where_gamma_vanishes(exact):
    law = exact(Linear())
    dynamics = PathDynamics(law.prediction(VELOCITY), proportional(2.0, Linear()))
    x = law.target.sample(Noise.of(0, 5))
    torch.testing.assert_close(dynamics.drift(time(1.0), x), law.velocity(1.0, x))
    assert dynamics.diffusion(time(1.0)) == 0


def test_a_constant_epsilon_needs_a_score_at_the_end(exact):
    law = exact(Linear())
    x = law.target.sample(Noise.of(0, 5))
    with pytest.raises(ConversionError, match="the drift is not determined by a velocity"):
        PathDynamics(law.prediction(VELOCITY), constant(1.0)).drift(time(1.0), x)
    drift = PathDynamics(law.prediction(SCORE), constant(1.0)).drift(time(1.0), x)
    torch.testing.assert_close(drift, law.velocity(1.0, x) + law.score(1.0, x))


def test_an_sde_on_a_path_without_noise_is_refused(exact):
    """It would need the score, which a velocity without γ does not give."""
    law = exact(TwoSidedLinear(NoGamma()))
    with pytest.raises(ConversionError):
        PathDynamics(law.prediction(VELOCITY), constant(1.0)).drift(time(0.5), torch.ones(1, 2))


def test_the_diffusion():
    path, t = Trigonometric(), time(0.3)
    prediction = FunctionPrediction(lambda t, x: x, path, VELOCITY)
    assert PathDynamics(prediction).diffusion(t) == 0
    assert PathDynamics(prediction, constant(0.5)).diffusion(t) == 1
    gamma = path.coefficients(t)[2]
    made = PathDynamics(prediction, proportional(0.5, path)).diffusion(t)
    torch.testing.assert_close(made, gamma.sqrt())


def test_direction_and_stochasticity():
    prediction = FunctionPrediction(lambda t, x: x, Linear(), VELOCITY, calls=3)
    ode = PathDynamics(prediction)
    assert (ode.direction, ode.stochastic, ode.calls) == (0, False, 3)
    assert PathDynamics(prediction, constant(1.0)).direction == 1
    assert PathDynamics(prediction, constant(1.0), backward=True).direction == -1
    assert PathDynamics(prediction, constant(1.0)).stochastic


@pytest.mark.parametrize("kind", SINGLE, ids=lambda kind: kind.name)
def test_one_evaluation_each(kind, exact):
    law, counted = exact(VP()), []

    def function(t, x):
        counted.append(t)
        return law.value(kind, t, x)

    dynamics = PathDynamics(FunctionPrediction(function, VP(), kind), constant(1.0))
    x = torch.ones(2, 2, dtype=torch.float64)
    dynamics.drift(time(0.3), x)
    dynamics.transfer(time(0.3), time(0.6), x)
    assert len(counted) == 2


def test_transfer_keeps_the_expectations(path, exact):
    """``α_s E0 + β_s E1 + γ_s E[z]``."""
    law, t, s = exact(path), 0.6, 0.8  # before 1/2, encoding–decoding knows nothing of E1
    x = law.marginal(t).sample(Noise.of(0, 5))
    here, there = path.at(t), path.at(s)
    known = law.expectations(t, x)
    expected = there.alpha * known.x0 + there.beta * known.x1
    expected = expected - there.gamma * here.gamma * known.score
    kinds = (VELOCITY,) if not (path.at(0.3).gamma > 0) else cases(path)
    for kind in kinds:
        made = PathDynamics(law.prediction(kind)).transfer(time(t), time(s), x)
        torch.testing.assert_close(made, expected, rtol=1e-9, atol=1e-9)


def test_transfer_into_the_data_is_the_denoiser(one_sided, exact):
    law = exact(one_sided)
    x = law.marginal(0.3).sample(Noise.of(0, 5))
    made = PathDynamics(law.prediction(NOISE)).transfer(time(0.3), time(1.0), x)
    torch.testing.assert_close(made, law.denoiser(0.3, x), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("value", [-1.0, float("nan")])
def test_epsilon_is_not_negative(value):
    with pytest.raises(InputError, match="epsilon: expected a number >= 0"):
        constant(value)
    with pytest.raises(InputError, match="epsilon: expected a number >= 0"):
        proportional(value, Linear())
