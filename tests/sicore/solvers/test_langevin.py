"""Langevin moves keep the law of x_t, and any solver may predict between them."""

import math

import pytest
import torch
from scipy import stats

from sicore.dynamics import PathDynamics, noising, proportional
from sicore.errors import InputError
from sicore.evaluation import sliced_wasserstein
from sicore.exact import ExactPath, GaussianMixture
from sicore.interpolants import EDM, VP, BrownianGamma, Linear, QuadraticGamma, TwoSidedLinear
from sicore.predictions import DATA, NOISE, PAIR, SCORE, VELOCITY, FunctionPrediction
from sicore.solvers import (
    DDIM,
    RK4,
    AnnealedRule,
    DormandPrince,
    EulerMaruyama,
    Heun,
    NoiseLevelGrid,
    PredictorCorrector,
    SNRRule,
    Solver,
    UniformGrid,
    langevin_move,
    solve,
)
from sicore.solvers.family import dpmpp_2m
from sicore.states import Noise, SymmetricSpace, TensorSpace, TreeSpace, inner_by_leaf, leaves


class Stays(Solver):
    """A predictor that predicts nothing, so that only the correctors act."""

    order, evaluations = 1, 0

    def step(self, dynamics, step, x, carry, noise):
        return x, carry


def corrected(law, t, rule, moves, n, kind=VELOCITY):
    """Samples of ``x_t``, exact ones and what the moves make of them."""
    noise = Noise.of(3, n)
    x = law.marginal(t).sample(noise)
    solver = PredictorCorrector(Stays(), rule, moves)
    times = torch.tensor([t, t + 1e-3])
    return x, solve(PathDynamics(law.prediction(kind)), x, times, solver, noise).x


def p_value(x, law, direction):
    """That of the Kolmogorov–Smirnov test along a direction, by the exact distribution function."""
    place, spread = (
        law.means @ direction,
        torch.einsum("kij,i,j->k", law.covariances, direction, direction),
    )

    def cdf(u):
        u = (torch.as_tensor(u).unsqueeze(-1) - place) / spread.sqrt()
        return (law.weights * torch.special.ndtr(u)).sum(-1).numpy()

    return stats.kstest((x @ direction).numpy(), cdf).pvalue


@pytest.mark.parametrize(
    ("path", "kind", "t"),
    [
        (Linear(), VELOCITY, 0.1),
        (Linear(), SCORE, 0.6),
        (VP(), NOISE, 0.5),
        (EDM(), DATA, 0.5),
        (TwoSidedLinear(BrownianGamma()), PAIR, 0.5),
    ],
)
def test_the_law_stays(path, kind, t, exact):
    """From p_t to p_t: 4 directions, mean and covariance, after moves that replace the noise."""
    law, n = exact(path), 2500
    start, end = corrected(law, t, AnnealedRule(0.1), 60, n, kind)
    marginal = law.marginal(t)
    assert torch.corrcoef(torch.stack((start[:, 0], end[:, 0])))[0, 1] < 0.95  # they have moved
    for angle in (0.0, 0.8, 1.6, 2.4):
        direction = torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
        assert p_value(end, marginal, direction) > 0.01
    centred = end - marginal.mean
    assert (centred.mean(0).abs() < 4 * (marginal.covariance.diagonal() / n).sqrt()).all()
    products = centred.unsqueeze(2) * centred.unsqueeze(1)
    gap = (products.mean(0) - marginal.covariance).abs()
    assert (gap < 4 * products.std(0) / n**0.5).all()


def test_the_error_of_a_rule_that_follows_the_noise_is_of_the_second_order():
    """On a Gaussian of variance V the moves lead to ``V/(1 − δ/2V)``: exact, without sampling."""
    path, t = Linear(), torch.tensor(0.3, dtype=torch.float64)
    gamma, beta = path.at(t).gamma, path.at(t).beta
    variance, errors = beta**2 + gamma**2, []
    for snr in (0.1, 0.2):
        delta = float(AnnealedRule(snr).known(gamma))
        one, zero = torch.ones(1, 1, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
        kept = langevin_move(one, -one / variance, zero, delta)
        kick = langevin_move(zero, zero, one, delta)
        stationary = kick**2 / (1 - kept**2)
        assert torch.allclose(stationary, variance / (1 - delta / (2 * variance)))
        errors.append(float(stationary / variance - 1))
    assert errors[0] < 0.01 and 3.8 < errors[1] / errors[0] < 4.3


def gaussian(d):
    one = torch.ones(1, dtype=torch.float64)
    return GaussianMixture(one, torch.zeros(1, d).double(), torch.eye(d).double()[None])


def test_what_norms_of_single_samples_cost():
    """The paper's rule inflates the law, the less the more dimensions there are."""
    excess, isotropic = {}, FunctionPrediction(lambda t, x: -2 * x, Linear(), SCORE)
    for d in (8, 64):
        for rule in (SNRRule(0.16), AnnealedRule(0.16)):
            noise = Noise.of(3, 64_000 // d)
            x = noise.at(1).normal((d,), torch.float64) / 2**0.5
            solver, times = PredictorCorrector(Stays(), rule, 40), torch.tensor([0.5, 0.501])
            x = solve(PathDynamics(isotropic), x, times, solver, noise).x
            excess[type(rule), d] = float(x.var(0).mean() / 0.5) - 1
    assert 0.4 < excess[SNRRule, 8] < 0.8
    assert 0.04 < excess[SNRRule, 64] < 0.16
    assert abs(excess[AnnealedRule, 8]) < 0.06 and abs(excess[AnnealedRule, 64]) < 0.06


def test_the_rule_of_the_ratio_is_that_of_the_paper():
    """``2 (r ‖z‖/‖s‖)²``, by hand; in each leaf of a tree, and nothing where there is no noise."""
    noise = Noise.of(0, 5)
    s, z = noise.normal((3, 2), torch.float64), noise.at(1).normal((3, 2), torch.float64)
    expected = [float(2 * (0.2 * b.norm() / a.norm()) ** 2) for a, b in zip(s, z, strict=True)]
    got = SNRRule(0.2).size(2 * 0.2**2, s, z)
    torch.testing.assert_close(got, torch.tensor(expected, dtype=torch.float64))
    empty = torch.zeros(5, 1, dtype=torch.float64)
    tree = SNRRule(0.2).size(
        (0.08, 0.08, 0.08), {"b": s, "a": 2 * s, "c": empty}, {"b": z, "a": z, "c": empty}
    )
    torch.testing.assert_close(tree[1], got)
    torch.testing.assert_close(tree[0], got / 4)
    assert (tree[2] == 0).all()


def test_both_rules_agree_where_noise_dominates():
    law = ExactPath(Linear(), gaussian(400))
    noise, t = Noise.of(0, 20), 0.02
    x, gamma = law.marginal(t).sample(noise), Linear().at(t).gamma
    z = noise.at(1).normal_like(x)
    ratio = SNRRule(0.1).size(0.02, law.score(t, x), z) / AnnealedRule(0.1).known(gamma)
    assert (ratio - 1).abs().max() < 0.3 and (ratio.mean() - 1).abs() < 0.05


@pytest.mark.parametrize("predictor", [EulerMaruyama(), DDIM()], ids=["sde", "ode"])
def test_corrections_improve_few_steps(predictor, exact):
    """Of the same solver: the distance to the target, and the density of what it makes."""
    law, n = exact(EDM()), 2000
    times = NoiseLevelGrid(20.0, 0.02).times(10, law.interpolant)[:-1]
    end, noise = law.marginal(float(times[-1])), Noise.of(0, n)
    x, reference = law.marginal(float(times[0])).sample(noise), end.sample(Noise.of(50, n))
    epsilon = noising(law.interpolant) if predictor.stochastic else None
    dynamics = PathDynamics(law.prediction(VELOCITY), epsilon)
    distances, gaps = [], []
    for solver in (predictor, PredictorCorrector(predictor, AnnealedRule(0.3), 3)):
        made = solve(dynamics, x, times, solver, noise)
        assert made.nfe == 9 * solver.evaluations
        distances.append(float(sliced_wasserstein(made.x, reference)))
        gaps.append(abs(float(end.log_prob(made.x).mean() - end.log_prob(reference).mean())))
    assert distances[1] < 0.8 * distances[0] and gaps[1] < 0.8 * gaps[0]


def test_with_small_corrections_a_fine_grid_gives_the_law(exact):
    law, n = exact(VP()), 3000
    noise = Noise.of(0, n)
    times = UniformGrid().times(40, law.interpolant, 0.0, 0.95)
    x, target = law.marginal(0.0).sample(noise), law.marginal(0.95)
    solver = PredictorCorrector(RK4(), AnnealedRule(0.05))
    made = solve(PathDynamics(law.prediction(VELOCITY)), x, times, solver, noise).x
    for direction in torch.eye(2, dtype=torch.float64):
        assert p_value(made, target, direction) > 0.01
    plain = solve(PathDynamics(law.prediction(VELOCITY)), x, times, RK4()).x
    assert (made - plain).abs().mean() > 0.05


CASES = {
    "sde": PredictorCorrector(EulerMaruyama(), SNRRule(0.1), 2),
    "ode": PredictorCorrector(Heun(), AnnealedRule(0.1)),
    "multistep": PredictorCorrector(dpmpp_2m(), SNRRule(0.1)),
    "ddpm": PredictorCorrector(DDIM(1.0), AnnealedRule(0.1)),
}


@pytest.mark.parametrize("solver", CASES.values(), ids=CASES.keys())
def test_calls_and_batches(solver, exact):
    """Calls are those that are declared, and a sample does not depend on its neighbours."""
    law, counted = exact(Linear()), []

    def function(t, x):
        counted.append(len(x))
        return law.velocity(t, x)

    prediction = FunctionPrediction(function, Linear(), VELOCITY)
    dynamics = PathDynamics(prediction, proportional(1.0, Linear()) if solver.stochastic else None)
    times = UniformGrid().times(6, Linear())
    noise = Noise.of(0, 9)
    x = noise.normal((2,), torch.float64)
    whole = solve(dynamics, x, times, solver, noise)
    assert whole.nfe == len(counted) == 6 * solver.evaluations and bool(whole.x.isfinite().all())
    part = torch.tensor([7, 2])
    few = solve(dynamics, x[part], times, solver, noise.take(part))
    torch.testing.assert_close(few.x, whole.x[part], rtol=0, atol=1e-12)
    assert solver.lands is solver.solver.lands and solver.order == solver.solver.order


def test_there_is_nothing_to_correct_without_noise(exact):
    """Where a two-sided path starts γ = 0: that step is the predictor's alone."""
    path = TwoSidedLinear(QuadraticGamma())
    law, counted = exact(path), []

    def function(t, x):
        counted.append(float(t[0]) if isinstance(t, torch.Tensor) and t.ndim else float(t))
        return law.value(PAIR, t, x)

    dynamics = PathDynamics(FunctionPrediction(function, path, PAIR))
    x = law.marginal(0.0).sample(Noise.of(0, 3))
    made = solve(dynamics, x, UniformGrid().times(4, path), PredictorCorrector(Heun()))
    assert made.nfe == 4 * 2 + 3 and counted[:3] == [0.0, 0.25, 0.25]
    assert bool(made.x.isfinite().all())


def test_a_tree_moves_leaf_by_leaf_and_keeps_its_structure():
    space = TreeSpace({"nodes": TensorSpace((4, 2)), "edges": SymmetricSpace((4, 4, 1))})
    noise = Noise.of(0, 3, space=space)
    x = noise.normal_like(space.zeros(3, torch.float64))
    still = FunctionPrediction(lambda t, x: {k: -v for k, v in x.items()}, Linear(), SCORE)
    times = torch.tensor([0.3, 0.4])
    for rule in (SNRRule(0.1), AnnealedRule(0.1)):
        solver = PredictorCorrector(Stays(), rule, 3)
        made = solve(PathDynamics(still), x, times, solver, noise).x
        edges = made["edges"]
        assert (
            torch.equal(edges, edges.transpose(1, 2)) and not edges.diagonal(dim1=1, dim2=2).any()
        )
        alone = {"nodes": x["nodes"], "edges": 3 * x["edges"]}
        other = solve(PathDynamics(still), alone, times, solver, noise).x
        assert torch.equal(other["nodes"], made["nodes"])
        assert (inner_by_leaf(made, made) != inner_by_leaf(x, x)).all()
        assert set(leaves(made)) == {"nodes", "edges"}


def test_what_is_refused():
    with pytest.raises(InputError, match="snr >= 0"):
        AnnealedRule(-1.0)
    with pytest.raises(InputError, match="corrections >= 1"):
        PredictorCorrector(corrections=0)
    with pytest.raises(InputError, match="DormandPrince must find the state"):
        PredictorCorrector(DormandPrince())
