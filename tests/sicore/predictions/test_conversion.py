"""Conversions on Gaussian mixtures: exact where they are determined, refused where they are not."""

from fractions import Fraction

import pytest
import torch

from sicore.errors import ConversionError
from sicore.interpolants import VP, BrownianGamma, Linear, QuadraticGamma, TwoSidedLinear
from sicore.predictions import (
    DATA,
    NOISE,
    PAIR,
    SCORE,
    VELOCITY,
    FunctionPrediction,
    Pair,
    V,
    combination,
    convert,
    denoise,
)
from sicore.predictions.kinds import state_row
from sicore.states import Noise

SINGLE = (VELOCITY, SCORE, NOISE, DATA, V)
TOLERANCE = 1e-10

# Which kinds do not determine which others: at t = 0, inside, at t = 1. The reasons:
# pure noise tells nothing of the data but what the velocity or v adds; at γ = 0 the noise and
# the data prediction have lost the score; one kind alone cannot tell x0 from x1 from z.
FROM_NOISE = """
score noise > velocity data v
"""
NO_SCORE_AT_THE_DATA = """
velocity noise data v > score
"""
VP_AT_THE_DATA = """
noise data v > velocity score
"""
ALONE = """
velocity > score noise data v
score noise > velocity data v
data > velocity score noise v
v > velocity score noise data
"""
AT_THE_SOURCE = """
velocity score > data
data velocity > score
score noise data v > velocity
noise v > score data
velocity-noise > score
"""
AT_THE_TARGET = """
velocity noise data v velocity-noise > score
score noise data v > velocity
"""
BROWNIAN = """
velocity-noise > velocity
"""
TRIGONOMETRIC_AT_THE_SOURCE = """
velocity noise data v velocity-noise > score
score noise v > velocity data
"""
WITHOUT_NOISE = """
velocity noise data v velocity-noise > score
score noise v > velocity data
"""
WITHOUT_NOISE_AT_THE_TARGET = """
velocity noise data v velocity-noise > score
score noise data v > velocity
"""
QUADRATIC_AT_THE_SOURCE = """
score > data
data velocity > score
score noise v > velocity
noise v > score data
velocity-noise > score
"""
UNDETERMINED = {
    "linear": (FROM_NOISE, "", NO_SCORE_AT_THE_DATA),
    "trigonometric": (FROM_NOISE, "", NO_SCORE_AT_THE_DATA),
    "vp": ("", "", VP_AT_THE_DATA),
    "vp-cosine": (FROM_NOISE, "", VP_AT_THE_DATA),
    "vp-sigmoid": (FROM_NOISE, "", VP_AT_THE_DATA),
    "edm": ("", "", NO_SCORE_AT_THE_DATA),
    "linear-two-sided-brownian": (AT_THE_SOURCE + BROWNIAN, ALONE, AT_THE_TARGET + BROWNIAN),
    "linear-two-sided-quadratic": (QUADRATIC_AT_THE_SOURCE, ALONE, AT_THE_TARGET),
    "linear-two-sided-sine-squared": (QUADRATIC_AT_THE_SOURCE, ALONE, AT_THE_TARGET),
    "linear-two-sided-none": (WITHOUT_NOISE, WITHOUT_NOISE, WITHOUT_NOISE_AT_THE_TARGET),
    "trigonometric-two-sided-brownian": (
        AT_THE_SOURCE + BROWNIAN,
        ALONE,
        AT_THE_TARGET + BROWNIAN,
    ),
    "trigonometric-two-sided-quadratic": (TRIGONOMETRIC_AT_THE_SOURCE, ALONE, AT_THE_TARGET),
    "trigonometric-two-sided-none": (WITHOUT_NOISE, WITHOUT_NOISE, WITHOUT_NOISE_AT_THE_TARGET),
}


def rank(rows):
    """The rank of rows of floating-point numbers, in exact rational arithmetic."""
    left = [[Fraction(float(entry)) for entry in row] for row in rows]
    found = 0
    for column in range(3):
        pivot = next((row for row in left if row[column]), None)
        if pivot is None:
            continue
        left.remove(pivot)
        left = [
            [a - b * row[column] / pivot[column] for a, b in zip(row, pivot, strict=True)]
            for row in left
        ]
        found += 1
    return found


def outside(path, time):
    """Pairs of names (from, to) where the wanted row is not in the span of what is known."""
    p = path.at(time)
    found = set()
    for kind in kinds(path):
        known = [state_row(p), *kind.rows(p)]
        for to in SINGLE:
            if to is not kind and rank([*known, to.rows(p)[0]]) > rank(known):
                found.add((kind.name, to.name))
    return found


@pytest.fixture
def undetermined(request, path):
    """Pairs of names (from, to) for the path of the test, at a time."""
    name = request.node.callspec.id

    def at(time):
        found = max(
            (n for n in UNDETERMINED if f"{name}-".startswith(f"{n}-")), key=len, default=""
        )
        if not found:
            return outside(path, time)
        text = UNDETERMINED[found][0 if time == 0 else 2 if time == 1 else 1]
        rules = [line.split(">") for line in text.split("\n") if line]
        return {(a, b) for left, right in rules for a in left.split() for b in right.split()}

    return at


def kinds(path):
    return (*SINGLE, PAIR) if path.two_sided else SINGLE


def size(state):
    return state.abs().max(-1).values


@pytest.mark.parametrize("dimension", [1, 2, 16])
def test_every_pair_of_kinds(path, exact, undetermined, dimension):
    """The error is measured against the terms that the conversion adds up.

    ``wanted = λ x + Σ μ value`` cannot be better than ε (|λ x| + Σ |μ value|): that sum over the
    result is the condition number, which grows without bound towards an undetermined end.
    """
    law = exact(path, dimension)
    for time in (0.0, 1e-9, 1e-3, 0.3, 0.5, 0.9, 1 - 1e-6, 1.0):
        p = path.at(time)
        x = law.marginal(time).sample(Noise.of(0, 5))
        for kind in kinds(path):
            value = law.value(kind, time, x)
            for to in SINGLE:
                if (kind.name, to.name) in undetermined(time):
                    continue
                made = convert(path, time, x, value, kind, to)
                right = law.value(to, time, x)
                lam, mus, _ = combination(path, p, kind, to.rows(p)[0])
                terms = abs(lam) * size(x) + size(right)
                for mu, part in zip(mus, kind.parts(value), strict=True):
                    terms = terms + abs(mu) * size(part)
                error = (size(made - right) / terms.clamp(min=1e-300)).max()
                assert error < TOLERANCE, f"{kind.name} to {to.name} at {time}: {error:.2g}"


def test_linear_algebra_agrees(path, undetermined):
    for time in (0.0, 0.4, 1.0):
        assert outside(path, time) == {
            (a, b) for a, b in undetermined(time) if a in {kind.name for kind in kinds(path)}
        }


def test_undetermined_conversions_are_refused(path, exact, undetermined):
    x = torch.ones(2, 2, dtype=torch.float64)
    for time in (0, 0.4, 1):
        for kind in kinds(path):
            for to in SINGLE:
                if (kind.name, to.name) not in undetermined(time):
                    continue
                what = (
                    f"the {to.name} is not determined by a {kind.name} prediction at t = {time:g}"
                )
                with pytest.raises(ConversionError, match=what):
                    convert(path, time, x, Pair(x, x) if kind is PAIR else x, kind, to)


def test_the_message_says_what_to_do():
    x = torch.ones(2, 2)
    with pytest.raises(ConversionError) as caught:
        convert(Linear(), torch.tensor([0.5, 1.0]), x, x, VELOCITY, SCORE)
    assert str(caught.value) == (
        "the score is not determined by a velocity prediction at t = 1 on the path Linear: end "
        "the time grid short of it, or use a prediction that determines it"
    )


def test_the_pair_of_a_two_sided_path(two_sided, exact):
    """``v = E[α̇ x0 + β̇ x1|x]`` and ``η = E[z|x]`` are what they say, ends included."""
    law = exact(two_sided)
    for time in (0.0, 0.2, 0.8, 1.0):
        p = two_sided.at(time)
        x = law.marginal(time).sample(Noise.of(0, 5))
        known = law.expectations(time, x)
        v, eta = law.value(PAIR, time, x)
        torch.testing.assert_close(v, p.alpha_dot * known.x0 + p.beta_dot * known.x1)
        torch.testing.assert_close(eta, -p.gamma * known.score)
        if (PAIR.name, DATA.name) not in outside(two_sided, time):
            data = convert(two_sided, time, x, Pair(v, eta), PAIR, DATA)
            torch.testing.assert_close(data, known.x1, rtol=1e-10, atol=1e-10)


def test_the_velocity_of_a_pair_at_the_ends(exact):
    """γγ̇ vanishes at the ends for the quadratic γ, and does not for the bridge's."""
    for time in (0.0, 1.0):
        law = exact(TwoSidedLinear(QuadraticGamma()))
        x = law.marginal(time).sample(Noise.of(0, 5))
        made = convert(law.interpolant, time, x, law.value(PAIR, time, x), PAIR, VELOCITY)
        torch.testing.assert_close(made, law.velocity(time, x))
        law = exact(TwoSidedLinear(BrownianGamma()))
        with pytest.raises(ConversionError):
            convert(law.interpolant, time, x, law.value(PAIR, time, x), PAIR, VELOCITY)


@pytest.mark.parametrize("kind", SINGLE, ids=lambda kind: kind.name)
def test_batches_of_times_mix_ends_and_inside(kind, exact):
    law = exact(VP())
    t = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)
    x = law.target.sample(Noise.of(0, 3))
    made = convert(law.interpolant, t, x, law.value(kind, t, x), kind, DATA)
    torch.testing.assert_close(made, law.denoiser(t, x), rtol=1e-10, atol=1e-10)


def test_trees_and_dtypes():
    tree = {"a": torch.ones(3, 2), "b": torch.ones(3, 2, 2)}
    t = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64)
    made = convert(Linear(), t, tree, tree, VELOCITY, DATA)  # x + (1 − t) v
    assert made["b"].dtype == torch.float32 and made["b"].shape == (3, 2, 2)
    torch.testing.assert_close(made["a"], (2 - t).float().unsqueeze(1).expand(3, 2))


def test_rows_of_the_state(path, exact):
    """The state is the combination of the expectations that its row says."""
    law = exact(path)
    for time in (0.0, 0.3, 1.0):
        x = law.marginal(time).sample(Noise.of(0, 5))
        known, row = law.expectations(time, x), state_row(path.at(time))
        made = sum(c * e for c, e in zip(row, known, strict=True))
        torch.testing.assert_close(made, x, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", SINGLE, ids=lambda kind: kind.name)
def test_denoise(kind, exact):
    law = exact(VP())
    x, t = law.target.sample(Noise.of(0, 3)), torch.tensor(0.6, dtype=torch.float64)
    torch.testing.assert_close(denoise(law.prediction(kind), t, x), law.denoiser(t, x))


def test_function_predictions_ignore_conditions():
    prediction = FunctionPrediction(lambda t, x: t * x, Linear(), DATA, calls=3)
    made = prediction(torch.tensor(0.5), torch.ones(2, 1), {"class": torch.tensor([0, 1])})
    assert made.tolist() == [[0.5], [0.5]] and prediction.calls == 3
