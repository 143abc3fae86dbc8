"""Exact laws satisfy the Fokker–Planck equation; anything else shows by how much it does not."""

import math

import pytest
import torch
from torch import nn

from sicore.errors import ConversionError, InputError
from sicore.interpolants import VP, Linear, Product, Trigonometric, TwoSidedLinear
from sicore.objectives import Objective
from sicore.objectives.fokker_planck import (
    EXACT_UP_TO,
    FokkerPlanckRegulariser,
    potential_residual,
    probes_for,
    score_residual,
)
from sicore.predictions import (
    DATA,
    NOISE,
    PAIR,
    SCORE,
    VELOCITY,
    FunctionPrediction,
    NetworkPrediction,
    V,
)
from sicore.predictions.potential import PotentialPrediction
from sicore.states import Noise, inner

TIMES = torch.tensor([0.1, 0.3, 0.5, 0.7, 0.9], dtype=torch.float64)


def draws(law, n=4):
    """States of the path, n at each of ``TIMES``."""
    t = TIMES.repeat_interleave(n)
    noise = Noise.of(0, len(t))
    x0 = None if law.source is None else law.source.sample(noise.named("source"))
    x1 = law.target.sample(noise)
    z = noise.normal_like(x1)
    return t, law.interpolant.sample(x0, x1, t, z).x_t


def exact_potential(law):
    return PotentialPrediction(lambda x, t, condition: law.log_prob(t, x), law.interpolant)


def relative(found):
    return (found.squared() / inner(found.rate, found.rate)).sqrt()


@torch.no_grad()
def test_the_exact_log_density_has_no_residual(one_sided, exact):
    if not one_sided.gaussian:
        pytest.skip("the exact path is for normal noise")
    law = exact(one_sided)
    t, x = draws(law)
    residual = potential_residual(exact_potential(law), t, x)
    velocity, score = law.velocity(t, x), law.score(t, x)
    assert residual.shape == t.shape
    assert float((residual / (1 + inner(velocity, score).abs())).abs().max()) < 1e-8


@pytest.mark.parametrize("kind", [VELOCITY, SCORE, NOISE, DATA, V], ids=repr)
@pytest.mark.parametrize("path", [Linear(), Trigonometric(), VP()], ids=lambda p: type(p).__name__)
def test_an_exact_prediction_of_any_kind_has_no_residual(path, kind, exact):
    law = exact(path)
    with torch.no_grad():
        found = score_residual(law.prediction(kind), *draws(law))
    assert float(relative(found).max()) < 1e-8


def test_an_exact_pair_on_a_two_sided_path_has_no_residual(exact):
    law = exact(TwoSidedLinear())
    with torch.no_grad():
        found = score_residual(law.prediction(PAIR), *draws(law))
    assert float(relative(found).max()) < 1e-8


def test_the_velocity_of_a_two_sided_path_is_refused(exact):
    law = exact(TwoSidedLinear())
    with pytest.raises(ConversionError, match="score is not determined by a velocity"):
        score_residual(law.prediction(VELOCITY), *draws(law))


def waves(x, t, condition=None):
    """No law's log-density: ``t² sin x + x y³``, with x, y the first two entries."""
    return t**2 * torch.sin(x[:, 0]) + x[:, 0] * x[:, 1] ** 3


def test_the_residual_is_that_of_the_paper_in_reversed_time():
    """``∂_τ φ + ∇·f + f·∇φ − ½ g² (Δφ + |∇φ|²)`` with VP's f = −βx/2, g² = β and τ = 1 − t."""
    n, d = 6, 2
    t = Noise.of(1, n).uniform()
    x = Noise.of(0, n).normal((d,), torch.float64)
    a, b = x.unbind(1)
    slope = torch.stack((t**2 * a.cos() + b**3, 3 * a * b**2), 1)
    laplacian = -(t**2) * a.sin() + 6 * a * b
    rate = 0.1 + 19.9 * (1 - t)
    f = -rate.unsqueeze(1) * x / 2
    paper = -2 * t * a.sin() - d * rate / 2 + (f * slope).sum(1)
    paper = paper - rate / 2 * (laplacian + slope.square().sum(1))
    made = potential_residual(PotentialPrediction(waves, VP()), t, x)
    torch.testing.assert_close(made, -paper, rtol=1e-10, atol=1e-10)


def test_the_vector_residual_is_the_gradient_of_the_scalar_one():
    potential = PotentialPrediction(waves, Trigonometric())
    t = Noise.of(1, 5).uniform()
    x = Noise.of(0, 5).normal((2,), torch.float64)
    (made,) = score_residual(potential, t, x).residuals
    step = 1e-5
    for i in range(2):
        shift = step * torch.eye(2, dtype=torch.float64)[i]
        up, down = (potential_residual(potential, t, x + s) for s in (shift, -shift))
        torch.testing.assert_close(made[:, i], (up - down) / (2 * step), rtol=1e-6, atol=1e-6)


def test_leaves_of_a_tree_are_one_state():
    """A tree whose leaves are the parts of a vector has the residual of the vector."""
    t = Noise.of(1, 5).uniform()
    x = Noise.of(0, 5).normal((2,), torch.float64)
    tree = {"a": x[:, :1], "b": x[:, 1:]}

    def on_tree(x, t, condition):
        return waves(torch.cat((x["a"], x["b"]), 1), t)

    whole, parts = PotentialPrediction(waves, VP()), PotentialPrediction(on_tree, VP())
    torch.testing.assert_close(
        potential_residual(parts, t, tree), potential_residual(whole, t, x), rtol=1e-12, atol=0
    )
    made = score_residual(parts, t, tree)
    torch.testing.assert_close(made.squared(), score_residual(whole, t, x).squared())
    assert set(made.rate) == {"a", "b"}


def test_leaves_on_paths_of_their_own_have_no_residual(exact):
    """A product of paths: the log-densities of independent leaves add up."""
    laws = {"a": exact(VP()), "b": exact(Linear(), 1)}
    path = Product({name: law.interpolant for name, law in laws.items()})
    t = TIMES.repeat_interleave(4)
    x = {name: law.target.sample(Noise.of(0, len(t)).named(name)) for name, law in laws.items()}

    def network(x, t, condition):
        return sum(laws[name].log_prob(t, x[name]) for name in x)

    residual = potential_residual(PotentialPrediction(network, path), t, x).detach()
    assert float(residual.abs().max()) < 1e-8
    scores = FunctionPrediction(
        lambda t, x: {name: laws[name].score(t, x[name]) for name in x}, path, SCORE
    )
    with torch.no_grad():
        assert float(relative(score_residual(scores, t, x)).max()) < 1e-8


N = 4000


def many(potential, probes=2):
    """One state in two dimensions, N times, each with its own probes."""
    noise = Noise.of(0, N)
    x = torch.tensor([[0.4, -0.8]], dtype=torch.float64).expand(N, 2)
    t = torch.tensor(0.6, dtype=torch.float64)
    drawn = tuple(torch.sign(noise.at(i).normal_like(x)) for i in range(probes))
    return t, x, drawn


def assert_mean(values, truth):
    assert abs(values.mean() - truth) < 4.5 * values.std() / N**0.5


def test_estimates_of_the_divergence_are_unbiased():
    potential = PotentialPrediction(waves, Trigonometric())
    t, x, (probe, _) = many(potential)
    exact = potential_residual(potential, t, x[:1])
    made = potential_residual(potential, t, x, probe=probe)
    assert float(made.std()) > 0.1
    assert_mean(made, exact)


@pytest.mark.parametrize("count", [2, 3])
def test_the_square_from_several_probes_is_unbiased(count):
    """The square of one estimate is too large by its variance."""
    potential = PotentialPrediction(waves, Trigonometric())
    t, x, probes = many(potential, count)
    exact = score_residual(potential, t, x[:1]).squared()
    found = score_residual(potential, t, x, probes=probes)
    assert len(found.residuals) == count
    assert_mean(found.squared(), exact)
    naive = inner(found.residuals[0], found.residuals[0])
    assert naive.mean() - exact > 10 * naive.std() / N**0.5


def test_one_probe_is_refused():
    potential = PotentialPrediction(waves, Trigonometric())
    t, x, probes = many(potential, 1)
    with pytest.raises(InputError, match="at least two, got 1"):
        score_residual(potential, t, x, probes=probes)


def test_probes_are_drawn_for_large_states_only():
    noise = Noise.of(0, 3)
    assert probes_for(torch.zeros(3, EXACT_UP_TO), noise) == ()
    first, last = probes_for(torch.zeros(3, EXACT_UP_TO + 1), noise)
    assert torch.equal(first.abs(), torch.ones(3, EXACT_UP_TO + 1))
    assert not torch.equal(first, last)


def test_gradients_are_kept_only_where_they_are_wanted():
    scale = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    potential = PotentialPrediction(lambda x, t, c: scale * waves(x, t), VP())
    t, x = torch.full((3,), 0.5).double(), Noise.of(0, 3).normal((2,), torch.float64)
    with torch.no_grad():
        assert not potential_residual(potential, t, x).requires_grad
        found = score_residual(potential, t, x)
        assert not any(part.requires_grad for part in (found.rate, *found.residuals))
    assert potential_residual(potential, t, x).requires_grad
    assert score_residual(potential, t, x).residuals[0].requires_grad


def sample_of(path, n=6, d=2):
    noise = Noise.of(0, n)
    x1 = noise.normal((d,), torch.float64)
    z = noise.at(1).normal((d,), torch.float64)
    return path.sample(None, x1, 0.1 + 0.8 * noise.uniform(), z), noise


def potential_of(scale):
    return PotentialPrediction(lambda x, t, c: scale * waves(x, t), VP())


def network_of(scale):
    return NetworkPrediction(
        lambda x, t, c: scale * torch.sin(2 * x.roll(1, 1)) * t[:, None], VP(), NOISE
    )


def scalar_square(model, t, x, probes):
    residuals = [potential_residual(model, t, x, probe=probe) for probe in probes or (None,)]
    return residuals[0] * residuals[-1]


def vector_square(model, t, x, probes):
    return score_residual(model, t, x, probes=probes).squared()


@pytest.mark.parametrize(
    ("made", "square"), [(potential_of, scalar_square), (network_of, vector_square)]
)
@pytest.mark.parametrize("d", [2, EXACT_UP_TO + 2], ids=["exact", "probes"])
def test_training_gradients_are_those_of_finite_differences(made, square, d):
    """Through the network, its derivative, and the derivative of that."""
    sample, noise = sample_of(VP(), d=d)
    probes = probes_for(sample.x_t, noise)

    def total(scale):
        return square(made(scale), sample.t, sample.x_t, probes).sum()

    at = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(total(at), at)
    up, down = (float(total(at.detach() + s)) for s in (1e-5, -1e-5))
    assert float(gradient) == pytest.approx((up - down) / 2e-5, rel=1e-7)


@pytest.mark.parametrize("box", [None, 2.0])
def test_the_regulariser_of_a_potential_is_its_squared_residual(box):
    sample, noise = sample_of(VP(), n=500)
    made = FokkerPlanckRegulariser(3.0, box)(potential_of(1.0), sample, None, noise)
    x = sample.x_t
    if box is not None:
        x = box * (2 * noise.named("fokker-planck").named("box").uniform((2,)) - 1)
        assert 0.98 * box < float(x.abs().max()) < box
        assert abs(float(x.mean())) < 4.5 * box / math.sqrt(3 * x.numel())
    expected = 3 * potential_residual(potential_of(1.0), sample.t, x) ** 2
    torch.testing.assert_close(made, expected)


def test_the_regulariser_of_a_large_potential_multiplies_independent_estimates():
    sample, noise = sample_of(VP(), d=EXACT_UP_TO + 2)
    made = FokkerPlanckRegulariser(3.0)(potential_of(1.0), sample, None, noise)
    probes = probes_for(sample.x_t, noise.named("fokker-planck"))
    square = scalar_square(potential_of(1.0), sample.t, sample.x_t, probes)
    torch.testing.assert_close(made, 3 * square)


def test_the_denominator_of_a_networks_regulariser_carries_no_gradient():
    sample, noise = sample_of(VP())
    at = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    made = FokkerPlanckRegulariser(1.0)(network_of(at), sample, None, noise).sum()
    found = score_residual(network_of(at), sample.t, sample.x_t)
    held = (found.squared() / found.scale().detach()).sum()
    gradients = [torch.autograd.grad(total, at)[0] for total in (made, held)]
    torch.testing.assert_close(*gradients)


def test_the_regulariser_of_a_network_is_relative():
    sample, noise = sample_of(VP())
    model = network_of(1.0)
    made = FokkerPlanckRegulariser(3.0)(model, sample, None, noise)
    (residual,), rate = (lambda f: (f.residuals, f.rate))(
        score_residual(model, sample.t, sample.x_t)
    )
    sides = rate.square().sum(1) + (residual - rate).square().sum(1)
    torch.testing.assert_close(made, 3 * residual.square().sum(1) / sides)
    assert float(made.min()) > 0 and float(made.max()) <= 6


def test_the_regulariser_does_not_depend_on_the_batch():
    sample, noise = sample_of(VP(), d=EXACT_UP_TO + 2)
    penalty = FokkerPlanckRegulariser(1.0, box=2.0)
    for model in (potential_of(1.0), network_of(1.0)):
        whole = penalty(model, sample, None, noise)
        part = slice(2, 5)
        cut = VP().sample(None, sample.x1[part], sample.t[part], sample.z[part])
        made = penalty(model, cut, None, noise.take(part))
        torch.testing.assert_close(made, whole[part], rtol=1e-12, atol=1e-12)


class Pictures(nn.Module):
    """Convolutions, normalisation and attention, whose fused form has no second derivative."""

    def __init__(self):
        super().__init__()
        self.enter = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.GroupNorm(2, 4)
        self.leave = nn.Conv2d(4, 1, 3, padding=1)

    def forward(self, x, t, condition=None):
        h = nn.functional.silu(self.norm(self.enter(x)) * (1 + t)[:, None, None, None])
        q = h.flatten(2).mT.unsqueeze(1)
        seen = nn.functional.scaled_dot_product_attention(q, q, q)[:, 0].mT
        return self.leave(h + seen.reshape(h.shape))


@pytest.mark.parametrize("potential", [True, False], ids=["potential", "network"])
def test_networks_of_pictures_are_trained_in_float32(potential):
    network, noise = Pictures(), Noise.of(0, 3)
    x1 = noise.normal((1, 5, 5))
    sample = VP().sample(None, x1, 0.2 + 0.6 * noise.uniform(), noise.at(1).normal_like(x1))
    if potential:
        model = PotentialPrediction(lambda x, t, c: network(x, t).sum((1, 2, 3)), VP())
    else:
        model = NetworkPrediction(network, VP(), VELOCITY)
    made = FokkerPlanckRegulariser(0.1)(model, sample, None, noise)
    made.sum().backward()
    assert made.shape == (3,)
    slopes = [network.enter.weight.grad, network.norm.weight.grad, network.leave.weight.grad]
    assert all(bool(g.isfinite().all()) and bool(g.any()) for g in slopes)


def test_conditions_reach_the_network():
    """Each class has a law of its own, and with it no residual."""

    def network(x, t, condition):
        variance = 1 - (1 - condition["class"]) * VP().at(t).beta ** 2
        return -x.square().sum(1) / (2 * variance) - variance.log()

    potential = PotentialPrediction(network, VP())
    sample, noise = sample_of(VP())
    right = {"class": torch.tensor([0.5, 1.0, 2.0, 0.5, 1.0, 2.0], dtype=torch.float64)}
    made = FokkerPlanckRegulariser(1.0)(potential, sample, right, noise)
    assert float(made.detach().max()) < 1e-16
    assert float(relative(score_residual(potential, sample.t, sample.x_t, right))[0]) < 1e-10


def test_it_is_added_to_the_loss(exact):
    law = exact(Linear())
    noise = Noise.of(0, 8)
    x1 = law.target.sample(noise)
    wrong = FunctionPrediction(lambda t, x: torch.sin(x), Linear(), NOISE)
    seen = []

    def watched(prediction, sample, condition, streams):
        seen.append(FokkerPlanckRegulariser(0.3)(prediction, sample, condition, streams))
        return seen[-1]

    plain = Objective(Linear()).loss(wrong, x1, None, noise)
    more = Objective(Linear(), regularisers=(watched,)).loss(wrong, x1, None, noise)
    assert float(seen[0].min()) > 0
    torch.testing.assert_close(more, plain + seen[0])


def test_training_with_it_lowers_the_residual():
    """A Gaussian's potential with the wrong variance: the equation alone knows the variance.

    ``φ = −|x|²/(2v) − log v`` with ``v = 1 + θ e^{−B}`` solves the equation for every θ; a factor
    c in front of it only for c = 1.
    """
    factor = torch.tensor(0.6, dtype=torch.float64, requires_grad=True)

    def network(x, t, condition):
        variance = 1 - 0.5 * VP().at(t).beta ** 2
        return -factor * x.square().sum(1) / (2 * variance) - variance.log()

    potential = PotentialPrediction(network, VP())
    penalty = FokkerPlanckRegulariser(1.0, box=3.0)
    optimiser = torch.optim.Adam([factor], lr=0.02)
    for step in range(60):
        sample, noise = sample_of(VP(), n=32)
        loss = penalty(potential, sample, None, noise.at(step)).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float(factor.detach()) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weight": -1.0}, "expected weight >= 0, got -1"),
        ({"weight": float("nan")}, "expected weight >= 0, got nan"),
        ({"box": 0.0}, "expected box > 0, got 0"),
    ],
)
def test_settings_without_meaning_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        FokkerPlanckRegulariser(**settings)
