"""The objective's minimiser is the exact prediction, whatever is done to lower its variance."""

from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.exact import ExactPath
from sicore.interpolants import (
    EDM,
    VP,
    BrownianGamma,
    Linear,
    QuadraticGamma,
    Trigonometric,
    TwoSidedLinear,
)
from sicore.objectives import (
    EDMWeight,
    Independent,
    LogitNormal,
    Objective,
    Paired,
    SNRWeight,
    TimeLaw,
    Uniform,
)
from sicore.predictions import (
    DATA,
    NOISE,
    PAIR,
    SCORE,
    VELOCITY,
    EDMPreconditioning,
    FunctionPrediction,
    Kind,
    NetworkPrediction,
    Pair,
    V,
)
from sicore.states import Noise

N = 20_000
SINGLE = (VELOCITY, SCORE, NOISE, DATA, V)
CASES = [(path, kind) for path in (Linear(), Trigonometric(), VP(), EDM()) for kind in SINGLE]
CASES += [(TwoSidedLinear(g), k) for g in (BrownianGamma(), QuadraticGamma()) for k in SINGLE[:4]]
CASES += [(TwoSidedLinear(QuadraticGamma()), PAIR)]


@dataclass(frozen=True)
class Inner(TimeLaw):
    """Uniform times away from the ends, where some targets have no variance to speak of."""

    low: float = 0.05
    high: float = 0.95

    def quantile(self, u, interpolant):
        return self.low + (self.high - self.low) * u


@dataclass
class Shifted:
    """The exact prediction plus a multiple of a fixed function of (t, x), in one of its parts."""

    law: ExactPath
    kind: Kind
    size: float = 0.0
    part: int = 0
    conditions: list = field(default_factory=list)
    calls: int = 1

    @property
    def interpolant(self):
        return self.law.interpolant

    def __call__(self, t: Tensor, x: Tensor, condition=None):
        self.conditions.append(condition)
        parts = list(self.kind.parts(self.law.value(self.kind, t, x)))
        parts[self.part] = parts[self.part] + self.size * (torch.sin(2 * x) + t.unsqueeze(-1) - x)
        return Pair(*parts) if self.kind is PAIR else parts[0]


def source_of(law):
    return Independent(lambda streams, like: law.source.sample(streams)) if law.source else None


def losses(law, kind, size=0.0, part=0, **settings):
    """The loss of every sample; a quadratic function of ``size``."""
    coupling = source_of(law) or Independent()
    chosen = {"time_law": Inner(), "coupling": coupling} | settings
    objective = Objective(law.interpolant, **chosen)
    noise = Noise.of(0, N)
    x1 = law.target.sample(noise.named("data"))
    return objective.loss(Shifted(law, kind, size, part), x1, None, noise)


def gradients(law, kind, part=0, **settings):
    """The derivative of every sample's loss at the exact prediction: exact, as it is quadratic."""
    up, down = (losses(law, kind, size, part, **settings) for size in (1.0, -1.0))
    return (up - down) / 2


@pytest.mark.parametrize(
    ("path", "kind"), CASES, ids=[f"{type(p).__name__}-{k.name}" for p, k in CASES]
)
def test_the_minimiser_is_the_exact_prediction(path, kind, exact):
    law = exact(path)
    for part in range(len(kind.rows(path.at(0.5)))):
        gradient = gradients(law, kind, part)
        assert abs(gradient.mean()) < 4.5 * gradient.std() / N**0.5
        raised = (losses(law, kind, 1.0, part) + losses(law, kind, -1.0, part)) / 2
        assert raised.mean() > losses(law, kind, 0.0, part).mean()  # a minimum, not a saddle


def test_antithetic_keeps_the_mean_and_lowers_the_variance(exact):
    law = exact(TwoSidedLinear(BrownianGamma()))
    times = Inner(0.0, 1e-3)  # where γ̇ grows without bound
    plain = gradients(law, VELOCITY, time_law=times)
    pairs = gradients(law, VELOCITY, time_law=times, antithetic=True)
    error = (plain.var() / N + pairs.var() / N).sqrt()
    assert abs(plain.mean() - pairs.mean()) < 4.5 * error
    assert pairs.var() < plain.var() / 100


def test_antithetic_is_the_mean_over_z_and_its_mirror_image(exact):
    """On a path without data the loss is known: ``(|z|² + |z|²)/2`` against zero."""
    law = exact(Linear())
    noise = Noise.of(0, 100)
    x1 = torch.zeros(100, 2, dtype=torch.float64)
    silent = FunctionPrediction(lambda t, x: 0 * x + 1.0, law.interpolant, NOISE)
    z = noise.named("latent").normal((2,), torch.float64)
    made = Objective(law.interpolant, antithetic=True).loss(silent, x1, None, noise)
    torch.testing.assert_close(made, ((1 - z) ** 2 + (1 + z) ** 2).mean(1) / 2)


def test_the_loss_of_a_known_prediction(exact):
    """``w(t) |prediction − target|² / d``, sample by sample."""
    law, n = exact(VP()), 50
    noise = Noise.of(3, n)
    x1 = law.target.sample(noise)
    objective = Objective(VP(), weight=EDMWeight(), time_law=LogitNormal())
    made = objective.loss(Shifted(law, DATA), x1, None, noise)
    t = LogitNormal().sample(noise.named("time"), VP())
    p = VP().at(t)
    z = noise.named("latent").normal((2,), torch.float64)
    x = p.beta[:, None] * x1 + p.gamma[:, None] * z
    error = (law.denoiser(t, x) - x1).square().mean(1)
    torch.testing.assert_close(made, EDMWeight()(p, DATA) * error)


def test_signal_to_noise_makes_data_and_noise_losses_equal(exact):
    law = exact(VP())
    torch.testing.assert_close(
        losses(law, DATA, weight=SNRWeight()), losses(law, NOISE), rtol=1e-9, atol=1e-12
    )


def test_the_edm_weight_is_unit_weight_on_the_network(exact):
    """With EDM's preconditioning, the weighted loss is the plain loss of F on its own target."""
    law, noise = exact(EDM()), Noise.of(0, 200)
    x1 = law.target.sample(noise)
    edm = EDMPreconditioning()
    network = NetworkPrediction(lambda x, t, c: torch.sin(x), EDM(), DATA, edm)
    made = Objective(EDM(), Inner(), EDMWeight()).loss(network, x1, None, noise)
    t = Inner().sample(noise.named("time"), EDM())
    p = EDM().at(t)
    x = x1 + p.gamma[:, None] * noise.named("latent").normal((2,), torch.float64)
    skip = edm(lambda x, t, c: 0 * x, EDM(), t, t, x, None)
    out = edm(lambda x, t, c: 0 * x + 1, EDM(), t, t, x, None) - skip
    given = x / (1 + p.gamma[:, None] ** 2).sqrt()
    torch.testing.assert_close(made, (torch.sin(given) - (x1 - skip) / out).square().mean(1))


@pytest.mark.parametrize("antithetic", [False, True])
def test_the_loss_does_not_depend_on_the_batch(exact, antithetic):
    law = exact(TwoSidedLinear())
    noise = Noise.of(0, 64)
    x1 = law.target.sample(noise)
    condition = {"class": torch.arange(64)}
    objective = Objective(
        law.interpolant, coupling=source_of(law), antithetic=antithetic, condition_dropout=0.3
    )
    whole = objective.loss(Shifted(law, VELOCITY), x1, condition, noise)
    assert whole.shape == (64,)
    for size in (1, 7, 32):
        parts = []
        for first in range(0, 64, size):
            part = slice(first, first + size)
            given = {"class": condition["class"][part]}
            parts.append(objective.loss(Shifted(law, VELOCITY), x1[part], given, noise.take(part)))
        torch.testing.assert_close(torch.cat(parts), whole, rtol=1e-12, atol=1e-12)


def test_trees_are_one_state():
    """The loss of a tree is the mean over all its entries."""
    noise = Noise.of(0, 5)
    tree = {"a": torch.zeros(5, 2), "b": torch.zeros(5, 3)}
    silent = FunctionPrediction(lambda t, x: {k: 0 * v for k, v in x.items()}, Linear(), NOISE)
    z = noise.named("latent").normal_like(tree)
    made = Objective(Linear()).loss(silent, tree, None, noise)
    torch.testing.assert_close(made, torch.cat((z["a"], z["b"]), 1).square().mean(1))


class Watched:
    """A prediction that keeps the conditions that it is given."""

    interpolant, kind, calls = Linear(), NOISE, 1

    def __init__(self):
        self.seen = []

    def __call__(self, t, x, condition=None):
        self.seen.append(condition)
        return x


def conditions_after(share, **given):
    watched, n = Watched(), len(next(iter(given.values())))
    objective = Objective(Linear(), condition_dropout=share)
    objective.loss(watched, torch.zeros(n, 1), given, Noise.of(0, n))
    return watched.seen[0]


@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
def test_conditions_are_dropped_at_their_share(share):
    codes = torch.arange(N) % 10
    left = conditions_after(share, **{"class": codes})["class"]
    kept = left >= 0
    assert torch.equal(left[kept], codes[kept]) and bool((left[~kept] == -1).all())
    error = (share * (1 - share) / N) ** 0.5
    assert abs((~kept).double().mean() - share) <= 4.5 * error


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_outside_the_unit_interval_is_refused(share):
    with pytest.raises(InputError, match="condition_dropout: expected a share in"):
        Objective(Linear(), condition_dropout=share)


def test_the_default_source_is_normal():
    noise = Noise.of(0, N)
    x0, x1, z = Independent()(TwoSidedLinear(), torch.zeros(N, 1), noise, None)
    assert abs(x0.mean()) < 4.5 / N**0.5 and abs(x0.var() - 1) < 4.5 * (2 / N) ** 0.5
    assert torch.equal(x1, torch.zeros(N, 1))
    assert Independent()(Linear(), x1, noise, None).x0 is None
    assert abs(torch.corrcoef(torch.cat((x0, z), 1).T)[0, 1]) < 4.5 / N**0.5


def test_a_paired_source_is_the_condition_and_may_be_hidden():
    noise, x1 = Noise.of(0, 4), torch.zeros(4, 1)
    given = {"x0": torch.arange(4.0).unsqueeze(1), "class": torch.arange(4)}
    path = TwoSidedLinear(BrownianGamma())
    for seen in (True, False):
        coupling, watched = Paired(seen=seen), Watched()
        assert coupling.observed == ("x0" if seen else None)
        assert torch.equal(coupling(path, x1, noise, given).x0, given["x0"])
        Objective(path, coupling=coupling, condition_dropout=1.0).loss(watched, x1, given, noise)
        (shown,) = watched.seen
        assert set(shown) == ({"x0", "class"} if seen else {"class"})
        assert bool((shown["class"] == -1).all())
        if seen:
            assert torch.equal(shown["x0"], given["x0"])  # never dropped: it is where x starts
    with pytest.raises(InputError, match="gives no condition 'x0', only \\['class'\\]"):
        Paired()(path, x1, noise, {"class": given["class"]})
    with pytest.raises(InputError, match="Linear starts from noise, not from x0"):
        Paired()(Linear(), x1, noise, given)


def test_dropped_numbers_are_missing():
    left = conditions_after(0.5, mass=torch.arange(100.0))
    kept = conditions_after(0.5, label=torch.arange(100))["label"] >= 0
    assert torch.equal(left["mass"].isnan(), ~kept)
    assert bool(left["mass"].isnan().any()) and not bool(left["mass"].isnan().all())


def test_leaves_as_tasks():
    """``Σ_k c_k mean-square of leaf k``."""
    noise = Noise.of(0, 5)
    tree = {"b": torch.zeros(5, 3), "a": torch.zeros(5, 2)}
    silent = FunctionPrediction(lambda t, x: {k: 0 * v for k, v in x.items()}, Linear(), NOISE)
    z = noise.named("latent").normal_like(tree)
    made = Objective(Linear(), leaf_weights={"a": 2.0, "b": 0.5}).loss(silent, tree, None, noise)
    expected = 2 * z["a"].square().mean(1) + 0.5 * z["b"].square().mean(1)
    torch.testing.assert_close(made, expected)
    with pytest.raises(InputError, match="leaf_weights: expected one for each of"):
        Objective(Linear(), leaf_weights={"a": 1.0}).loss(silent, tree, None, noise)


def test_regularisers_are_added():
    noise, x1 = Noise.of(0, 5), torch.zeros(5, 2)
    silent = FunctionPrediction(lambda t, x: 0 * x, Linear(), NOISE)
    plain = Objective(Linear()).loss(silent, x1, None, noise)

    def size(prediction, sample, condition, noise):
        assert prediction is silent
        return sample.x_t.square().sum(1)

    t = Uniform().sample(noise.named("time"), Linear())
    x_t = (1 - t).float().unsqueeze(1) * noise.named("latent").normal_like(x1)
    made = Objective(Linear(), regularisers=(size, size)).loss(silent, x1, None, noise)
    torch.testing.assert_close(made, plain + 2 * x_t.square().sum(1))


@dataclass(frozen=True)
class Level:
    """A term of the predicted value alone."""

    def of_value(self, kind, value, sample):
        assert kind is DATA
        return (value - sample.x1).abs().mean(1)


def test_a_term_of_the_value_costs_no_evaluation():
    calls = []

    def network(t, x):
        calls.append(t)
        return 0.5 * x

    prediction = FunctionPrediction(network, Linear(), DATA)
    noise, x1 = Noise.of(0, 64), Noise.of(1, 64).named("data").normal((2,))
    plain = Objective(Linear()).loss(prediction, x1, None, noise)
    term = Objective(Linear(), regularisers=(Level(),)).loss(prediction, x1, None, noise) - plain
    assert len(calls) == 2
    t = Uniform().sample(noise.named("time"), Linear())
    x_t = Linear().sample(None, x1, t, Linear().latent(noise.named("latent"), x1)).x_t
    torch.testing.assert_close(term, (0.5 * x_t - x1).abs().mean(1))
