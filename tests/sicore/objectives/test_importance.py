"""Learned importance: the mean of the loss stays, its variance falls to the least there is."""

import math

import pytest
import torch

from sicore.errors import InputError
from sicore.interpolants import Linear
from sicore.objectives import LearnedImportance, LowDiscrepancy, Objective, Uniform
from sicore.predictions import DATA, FunctionPrediction
from sicore.states import Noise

PATH = Linear()
BATCH, BINS, FLOOR = 128, 32, 0.1
CENTRES = (torch.arange(BINS, dtype=torch.float64) + 0.5) / BINS


def profile(t):
    """The mean loss at t: low, with a high and narrow place. Its integral is known."""
    return 0.05 + 4 * torch.exp(-((t - 0.8) ** 2) / (2 * 0.03**2))


MEAN = 0.05 + 4 * 0.03 * math.sqrt(2 * math.pi)  # the tails outside [0, 1] are below 1e-10


def losses(t, noise):
    """A loss with chi-square noise: ``E[L|t] = profile``, ``E[L²|t] = 2 profile²``."""
    z = noise.named("loss").normal((2,), torch.float64)
    return profile(t) * z.square().sum(1) / 2


def trained(law, steps=400, first=0, observe=True):
    """The estimates of the mean loss of every step."""
    made = []
    for step in range(first, first + steps):
        noise = Noise.of(0, BATCH, step * BATCH)
        t = law.sample(noise, PATH)
        loss = losses(t, noise)
        if observe:
            law.observe(t, loss)
        made.append((law.correction(t) * loss).mean())
    return torch.stack(made)


@pytest.fixture(scope="module")
def learned():
    law = LearnedImportance(BINS, floor=FLOOR)
    trained(law)
    return law


def test_it_is_uniform_until_every_bin_remembers_ten_losses():
    law = LearnedImportance(4)
    noise = Noise.of(0, 36)
    torch.testing.assert_close(law.sample(noise, PATH), Uniform().sample(noise, PATH))
    rare = torch.arange(39, dtype=torch.float64).remainder(4).add(0.5) / 4  # 9 in the last bin
    law.observe(rare, rare)
    assert law.density().tolist() == [1.0] * 4
    law.observe(rare[3::4][:2], rare[3::4][:2])
    assert law.density()[3] > law.density()[0] > FLOOR


def test_the_optimal_density_is_learned(learned):
    """``√E[L²]`` of each bin, against quadrature, within the error of a bin's memory."""
    fine = (torch.arange(BINS * 50, dtype=torch.float64) + 0.5) / (BINS * 50)
    root = (2 * profile(fine) ** 2).reshape(BINS, 50).mean(1).sqrt()
    best = FLOOR + (1 - FLOOR) * root / root.mean()
    # E[L⁴] = 24 profile⁴ within a bin of even loss: the error of a root over 100 to 200 losses
    assert bool(((learned.density() / best - 1).abs() < 5 * 0.5 * (5 / 100) ** 0.5).all())
    assert abs(learned.density().mean() - 1) < 1e-12


def test_the_quantile_is_the_inverse_of_the_density(learned):
    """Each bin gets its share of the draws, evenly inside; u maps monotonically onto (0, 1)."""
    u = (torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000
    t = learned.quantile(u, PATH)
    assert bool((t.diff() > 0).all()) and t[0] > 0 and t[-1] < 1
    assert 1 - t[-1] < 1e-4 and t[0] < 1e-4
    shares = torch.bincount((t * BINS).long(), minlength=BINS).double() / len(t)
    torch.testing.assert_close(shares * BINS, learned.density(), atol=2e-4, rtol=0)
    torch.testing.assert_close(learned.correction(CENTRES), 1 / learned.density())
    slope = (t[1:] - t[:-1]) * len(t)  # dt/du = 1/density
    inside = (t[1:] * BINS).long() == (t[:-1] * BINS).long()
    torch.testing.assert_close(slope[inside], learned.correction(t[1:])[inside], rtol=1e-6, atol=0)


def test_the_loss_stays_unbiased_while_learning_and_after(learned):
    for made in (trained(LearnedImportance(BINS, floor=FLOOR)), trained(learned, 200, 400)):
        assert abs(made.mean() - MEAN) < 4 * made.std() / len(made) ** 0.5


def test_the_variance_falls_by_the_factor_of_theory(learned):
    """``Var = ∫ E[L²]/p dt − mean²``, under the uniform law and under the learned one."""
    fine = (torch.arange(BINS * 50, dtype=torch.float64) + 0.5) / (BINS * 50)
    second = 2 * profile(fine) ** 2
    made = trained(learned, 600, 1000, observe=False)
    plain = trained(Uniform(), 600, 1000)
    expected = (second * learned.correction(fine)).mean() - MEAN**2
    unlearned = second.mean() - MEAN**2
    least = second.sqrt().mean() ** 2 - MEAN**2
    assert expected < unlearned / 6 and expected < least / (1 - FLOOR) * 1.3
    # 600 variances of batch means, nearly normal: within 4 standard errors of √(2/600)
    assert abs(made.var() * BATCH / expected - 1) < 0.3
    assert abs(plain.var() * BATCH / unlearned - 1) < 0.3


def test_an_observation_does_not_change_the_correction_of_its_own_draw(learned):
    """Otherwise large losses would be divided by the density that they themselves raise."""
    law = LearnedImportance(BINS, floor=FLOOR)
    law.load(learned.state())
    noise = Noise.of(3, BATCH)
    t = law.sample(noise, PATH)
    before = law.correction(t)
    law.observe(t, 100 * losses(t, noise))
    assert torch.equal(law.correction(t), before)
    law.sample(noise, PATH)
    assert not torch.equal(law.correction(t), before)


def test_the_state_goes_on_exactly(learned):
    whole, first, second = (LearnedImportance(BINS) for _ in range(3))
    expected = trained(whole, 60)
    trained(first, 35)
    second.load({k: v.clone() for k, v in first.state().items()})
    assert torch.equal(trained(second, 25, 35), expected[35:])
    for name, tensor in second.state().items():
        assert torch.equal(tensor, whole.state()[name]) and tensor.dtype == torch.float64
    with pytest.raises(InputError, match="learned-importance: expected 8 bins, the state has 32"):
        LearnedImportance(8).load(learned.state())


def test_the_order_within_a_batch_and_its_split_into_processes_do_not_matter():
    """Observed at once, as the trainer gathers it; the memory fades by batch, not by place."""
    t = Noise.of(0, 256).uniform()
    laws = LearnedImportance(8), LearnedImportance(8)
    for law, order in zip(laws, (torch.arange(256), torch.arange(256).flip(0)), strict=True):
        law.observe(t[order], profile(t)[order])
    torch.testing.assert_close(laws[0].density(), laws[1].density(), rtol=1e-12, atol=0)


def test_recent_losses_count(learned):
    law = LearnedImportance(BINS, history=50, floor=FLOOR)
    law.load(learned.state())
    for step in range(100):
        t = Uniform().sample(Noise.of(5, BATCH, step * BATCH), PATH)
        law.observe(t, torch.ones_like(t))
    torch.testing.assert_close(law.density(), torch.ones(BINS).double(), atol=0.15, rtol=0)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_losses_that_are_not_finite_teach_nothing(learned, value):
    law = LearnedImportance(BINS)
    law.load(learned.state())
    t = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64)
    law.observe(t, torch.tensor([value, 1.0, value]))
    other = LearnedImportance(BINS)
    other.load(learned.state())
    other.observe(t[1:2], torch.ones(1))
    assert torch.equal(law.density(), other.density())


def test_it_combines_with_low_discrepancy(learned):
    law = LowDiscrepancy(learned)
    made = torch.stack(
        [
            (law.correction(t) * profile(t)).mean()
            for t in (law.sample(Noise.of(0, BATCH, BATCH * i), PATH) for i in range(200))
        ]
    )
    assert abs(made.mean() - MEAN) < 4 * made.std() / 200**0.5 + 1e-3
    plain = trained(learned, 200, 2000, observe=False)
    assert made.var() < plain.var() / 20
    assert law.state() is not None and law.state().keys() == learned.state().keys()


def test_the_objective_observes_and_corrects():
    """Data of zeros, predicted as e³ᵗ: the loss is e⁶ᵗ, whose mean is known."""
    law = LearnedImportance(16, floor=0.2)
    objective = Objective(PATH, law)
    silent = FunctionPrediction(lambda t, x: torch.exp(3 * t)[:, None] + 0 * x, PATH, DATA)
    made = []
    for step in range(200):
        noise = Noise.of(0, BATCH, step * BATCH)
        made.append(objective.loss(silent, torch.zeros(BATCH, 1).double(), None, noise).mean())
    made, exact = torch.stack(made), (math.exp(6) - 1) / 6
    assert abs(made.mean() - exact) < 4 * made.std() / len(made) ** 0.5
    best = torch.exp(6 * (torch.arange(16) + 0.5) / 16)
    best = 0.2 + 0.8 * best / best.mean()
    torch.testing.assert_close(law.density(), best.double(), rtol=0.1, atol=0)
    assert made[100:].var() < made[:3].var() / 3


@pytest.mark.parametrize(("name", "value"), [("bins", 1), ("history", 19), ("floor", 0.0)])
def test_parameters_are_checked(name, value):
    with pytest.raises(InputError, match="learned-importance: expected bins >= 2, history >= 20"):
        LearnedImportance(**{name: value})
