"""Chains over noisy data and their level: their law, their calls, and what biases them."""

import pytest
import torch

from sicore.dynamics import PathDynamics
from sicore.errors import InputError
from sicore.exact import ExactPath, GaussianMixture
from sicore.interpolants import EDM, VP, BrownianGamma, Linear, TwoSidedLinear
from sicore.predictions import DATA, PAIR, VELOCITY, FunctionPrediction
from sicore.solvers import (
    DDIM,
    AnnealedRule,
    DenoisingLangevinGibbs,
    DormandPrince,
    DrawnLevel,
    EulerMaruyama,
    Heun,
    LastState,
    LeastNoise,
    LikeliestLevel,
    NoiseLevelGrid,
    OwnGrids,
    SNRRule,
    UniformGrid,
    balanced_move,
    langevin_move,
    solve,
)
from sicore.solvers.family import dpmpp_3m, unipc_2
from sicore.states import Noise, SymmetricSpace, TensorSpace, TreeSpace

LEVELS = torch.logspace(-1.3, 0.7, 40, dtype=torch.float64)


def target(d):
    """Two modes, apart along the diagonal."""
    means = torch.stack((torch.full((d,), -1.0), torch.full((d,), 1.2))).double()
    eye = torch.eye(d).double()
    return GaussianMixture(
        torch.tensor([0.4, 0.6]).double(), means, torch.stack((0.04 * eye, 0.09 * eye))
    )


def exact_levels(law):
    """p(σ|y) of equally likely levels, for components of one variance in each direction."""
    variances = law.covariances[:, 0, 0]

    def log_prob(y, levels):
        spread = variances + levels[:, None] ** 2  # (L, K)
        square = (y[:, None, :] - law.means).square().sum(-1)  # (B, K)
        d = y.shape[-1]
        each = -0.5 * square[:, None, :] / spread - 0.5 * d * spread.log() + law.weights.log()
        return each.logsumexp(-1)

    return log_prob


def chains(d, n, count, path=None, **settings):
    """Results of n chains, and the joint law's own draws: ``(log σ, y, x)`` along the diagonal."""
    law = target(d)
    path = path or EDM()
    options = {"solver": Heun(), "steps": 15, "moves": 8, "rule": AnnealedRule(0.3), **settings}
    sampler = DenoisingLangevinGibbs(exact_levels(law), LEVELS, **options)
    dynamics = PathDynamics(ExactPath(path, law).prediction(DATA))
    made = sampler.run(
        dynamics, count, Noise.of(0, n), TensorSpace((d,)), burn_in=30, dtype=torch.float64
    )
    return made, along(made.sigma, made.y, made.x)


def drawn(d, n, seed):
    law, noise = target(d), Noise.of(seed, n)
    sigma = LEVELS[(noise.named("level").uniform() * len(LEVELS)).long()]
    y = law.sample(noise.named("a")) + sigma[:, None] * noise.normal((d,), torch.float64)
    return along(sigma, y, law.sample(noise.named("b")))


def along(sigma, y, x):
    d = y.shape[-1]
    diagonal = torch.ones(d, dtype=torch.float64) / d**0.5
    return sigma.log().flatten(), (y @ diagonal).flatten(), (x @ diagonal).flatten()


def distance(a, b):
    """Wasserstein-1 of two sets of numbers."""
    q = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000
    return float((torch.quantile(a, q) - torch.quantile(b, q)).abs().mean())


@pytest.mark.parametrize("d", [1, 2])
def test_a_chain_has_the_joint_law(d):
    """By a draw and the last state, as near to it as one independent draw for each chain."""
    n, count = 300, 5
    _, got = chains(d, n, count)
    reference = drawn(d, 40_000, 1)
    floors = [
        [distance(a, b) for a, b in zip(drawn(d, n, seed), reference, strict=True)]
        for seed in range(2, 8)
    ]
    floor = torch.tensor(floors).max(0).values
    for part, bound, most in zip(got, reference, floor.tolist(), strict=True):
        assert distance(part, bound) < most


def test_what_the_rules_of_the_authors_cost():
    """Levels that are likeliest, or lowest, are far from their law, and data a little."""
    reference = drawn(1, 40_000, 1)
    floor = distance(drawn(1, 1200, 2)[0], reference[0])
    settings = {
        "valid": {},
        "likeliest": {"level": LikeliestLevel()},
        "least": {"keep": LeastNoise()},
        "both": {"level": LikeliestLevel(), "keep": LeastNoise()},
    }
    off = {}
    for name, rules in settings.items():
        _, (log_sigma, _, x) = chains(1, 300, 4, **rules)
        off[name] = distance(log_sigma, reference[0]), distance(x, reference[2])
    assert off["valid"][0] < 3 * floor
    for name in ("likeliest", "least", "both"):
        assert off[name][0] > 1.0
        assert off[name][1] > off["valid"][1]


def test_the_level_does_not_drift_in_many_dimensions():
    """There it is known to some per cent, so that any excess of a move would add up."""
    _, (log_sigma, _, _) = chains(48, 60, 8, steps=2, moves=12)
    spread = (LEVELS[-1] / LEVELS[0]).log() / 12**0.5
    assert abs(float(log_sigma.mean() - LEVELS.log().mean())) < 4 * float(spread) / 60**0.5


def test_the_mean_square_stays(exact):
    """Exactly, for every law, also for steps that are far too long for a Langevin move."""
    law, n, t = exact(Linear(), 3), 40_000, 0.5
    noise = Noise.of(0, n)
    x = law.marginal(t).sample(noise)
    s, z = law.score(t, x), noise.at(1).normal_like(x)
    delta, free = 0.1, torch.full((1, 1), 3.0, dtype=torch.float64)
    before = x.square().sum(1)
    for move, excess in (
        (balanced_move(x, s, z, delta, free), 0.0),
        (langevin_move(x, s, z, delta), 1),
    ):
        gain = move.square().sum(1) - before
        expected = excess * float(delta**2 * s.square().sum(1).mean())
        assert abs(float(gain.mean()) - expected) < 4 * float(gain.std()) / n**0.5
    assert expected > 8 * float(gain.std()) / n**0.5


@pytest.mark.parametrize("path", [Linear(), VP()], ids=lambda p: type(p).__name__)
def test_the_path_does_not_matter(path):
    """Only noise levels do: the same chain on every path, in units of the data."""
    reference, _ = chains(2, 5, 2, solver=DDIM())
    made, _ = chains(2, 5, 2, path, solver=DDIM())
    torch.testing.assert_close(made.x, reference.x, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(made.sigma, reference.sigma)


@pytest.mark.parametrize("solver", [DDIM(), Heun(), unipc_2()], ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("steps", [1, 6])
def test_every_call_is_counted(solver, steps):
    """Start, burn-in, moves and denoising; at times of each sample's own."""
    law, seen = ExactPath(EDM(), target(2)), []

    def function(t, x):
        seen.append(torch.as_tensor(t))
        return law.denoiser(t, x.double()).to(x.dtype)

    sampler = DenoisingLangevinGibbs(exact_levels(target(2)), LEVELS, solver, steps=steps, moves=3)
    dynamics = PathDynamics(FunctionPrediction(function, EDM(), DATA, calls=2))
    made = sampler.run(dynamics, 4, Noise.of(0, 5), TensorSpace((2,)), start_steps=9, burn_in=7)
    first, each = (solver.evaluations * (count - 1) + 1 for count in (9, steps))
    assert made.nfe == 2 * len(seen) == 2 * (first + 7 + 4 * (3 + each))
    assert made.x.shape == made.y.shape == (4, 5, 2)
    assert made.sigma.shape == made.status.shape == (4, 5)
    assert made.status.sum() == 0 and made.x.dtype == torch.float32
    assert all(t.shape == (5,) for t in seen[first : first + 7])


@pytest.mark.parametrize("rule", [AnnealedRule(0.3), SNRRule(0.2)], ids=lambda r: type(r).__name__)
def test_a_chain_does_not_depend_on_its_neighbours(rule):
    law, part = target(2), torch.tensor([6, 1])
    sampler = DenoisingLangevinGibbs(exact_levels(law), LEVELS, DDIM(1.0), moves=3, rule=rule)
    dynamics = PathDynamics(ExactPath(VP(), law).prediction(VELOCITY))
    settings = {"count": 3, "space": TensorSpace((2,)), "dtype": torch.float64}
    whole = sampler.run(dynamics, noise=Noise.of(2, 8), **settings)
    few = sampler.run(dynamics, noise=Noise.of(2, 8).take(part), **settings)
    torch.testing.assert_close(few.x, whole.x[:, part], rtol=0, atol=1e-10)
    assert torch.equal(few.sigma, whole.sigma[:, part])
    assert (whole.sigma[1] != whole.sigma[2]).any()


def test_a_draw_of_the_level_has_its_probabilities():
    p = torch.tensor([0.1, 0.0, 0.6, 0.3], dtype=torch.float64)
    n = 20_000
    chosen = DrawnLevel().choose(p.log().expand(n, 4), Noise.of(0, n))
    counts = torch.bincount(chosen, minlength=4) / n
    assert ((counts - p).abs() <= 4 * (p * (1 - p) / n).sqrt()).all()
    assert LikeliestLevel().choose(p.log()[None], Noise.of(0, 1)).tolist() == [2]
    assert LastState().prefers(p, p).all() and not LeastNoise().prefers(p, p).any()


SOLVERS = {"heun": Heun(), "ddpm": DDIM(1.0), "dpmpp-3m": dpmpp_3m(), "unipc": unipc_2()}


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS.keys())
def test_own_grids_are_the_grids_one_by_one(solver, exact):
    law = exact(VP())
    dynamics, noise = PathDynamics(law.prediction(VELOCITY)), Noise.of(0, 5)
    grids = torch.stack([UniformGrid().times(6, VP(), start, 0.95) for start in (0.0, 0.3, 0.6)])
    index = torch.tensor([2, 0, 2, 1, 0])
    x = noise.normal((2,), torch.float64)
    made = OwnGrids(dynamics, solver, grids).solve(x, index, noise)
    for i, number in enumerate(index.tolist()):
        alone = solve(dynamics, x[i : i + 1], grids[number], solver, noise.take(slice(i, i + 1)))
        torch.testing.assert_close(made.x[i : i + 1], alone.x, rtol=0, atol=1e-11)
    assert made.nfe == alone.nfe
    assert torch.equal(made.times, grids[index])


def test_trees_keep_their_structure():
    space = TreeSpace({"nodes": TensorSpace((3, 2)), "edges": SymmetricSpace((3, 3, 1))})
    prediction = FunctionPrediction(
        lambda t, x: {k: torch.tanh(v) for k, v in x.items()}, EDM(), DATA
    )

    def law(y, levels):
        return -((y["nodes"].flatten(1).square().mean(1, keepdim=True) - levels**2) ** 2)

    for rule in (AnnealedRule(0.3), SNRRule(0.2)):
        sampler = DenoisingLangevinGibbs(law, LEVELS, steps=4, moves=2, rule=rule)
        noise = Noise.of(0, 6, space=space)
        made = sampler.run(PathDynamics(prediction), 3, noise, space, dtype=torch.float64)
        for state in (made.x["edges"], made.y["edges"]):
            assert state.shape == (3, 6, 3, 3, 1)
            assert torch.equal(state, state.transpose(2, 3))
            assert not state.diagonal(dim1=2, dim2=3).any() and state.abs().max() > 0


def test_what_is_refused(exact):
    law = exact_levels(target(2))

    def run(dynamics, **settings):
        sampler = DenoisingLangevinGibbs(law, **{"levels": LEVELS, **settings})
        return sampler.run(dynamics, 1, Noise.of(0, 2), TensorSpace((2,)))

    dynamics = PathDynamics(ExactPath(EDM(), target(2)).prediction(DATA))
    two_sided = TwoSidedLinear(BrownianGamma())
    with pytest.raises(InputError, match="TwoSidedLinear is not a path from normal noise"):
        run(PathDynamics(exact(two_sided).prediction(PAIR)))
    with pytest.raises(InputError, match="DormandPrince: does not work by tables"):
        run(dynamics, solver=DormandPrince())
    with pytest.raises(InputError, match="choose an ODE solver for an ODE"):
        run(dynamics, solver=EulerMaruyama())
    with pytest.raises(InputError, match=r"does not go on from the noise level 0\.05"):
        run(dynamics, grid=NoiseLevelGrid(sigma_min=0.2))
    with pytest.raises(InputError, match="all above 0"):
        run(dynamics, levels=torch.tensor([0.0, 1.0]))
    with pytest.raises(InputError, match="moves and steps"):
        run(dynamics, moves=0)
