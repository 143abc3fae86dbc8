"""S4: the paper's parts, its weak order, and graphs: their law and their structure."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from sicore.dynamics import PathDynamics, noising
from sicore.errors import InputError
from sicore.exact import ExactPath, GaussianMixture
from sicore.interpolants import EDM, VE, VP, BrownianGamma, Linear, Product, TwoSidedLinear
from sicore.predictions import PAIR, SCORE, VELOCITY, FunctionPrediction
from sicore.solvers import S4, AnnealedRule, EulerMaruyama, SNRRule, Step, UniformGrid, solve
from sicore.solvers.solve import steps_of
from sicore.states import Noise, SymmetricSpace, TensorSpace, TreeSpace

SPACE = TreeSpace({"nodes": TensorSpace((3, 2)), "edges": SymmetricSpace((3, 3, 1))})
PATHS = Product({"nodes": VP(), "edges": VE(0.1, 1.0)})
UPPER = torch.triu_indices(3, 3, 1)


@dataclass(frozen=True)
class Units:
    """Stands in for the noise: given normals for the diffusion and for the Langevin move."""

    diffusion: torch.Tensor
    move: torch.Tensor
    draw: int = 0

    def coordinates(self, t, s, x, count=1):
        return [self.diffusion]

    def named(self, stream):
        return Units(self.move, self.move)

    def at(self, draw):
        return self

    def normal_like(self, x):
        return self.move


def test_a_step_is_the_papers_on_vp():
    """Its parts in the paper's own formulas: Langevin, half an OU step, −g² s dt, half an OU step.

    The OU halves are exact: ``dX = β/2 X dt + √β dW`` has mean ``e^{L} x``, variance ``e^{2L} − 1``
    with ``L = ½ ∫ β``.
    """
    path, t, s = VP(), 0.4, 0.5
    noise = Noise.of(0, 4)
    x, a, b, z = (noise.at(i).normal((3,), torch.float64) for i in range(4))
    score = torch.sin(x)
    prediction = FunctionPrediction(lambda t, x: torch.sin(x), path, SCORE)
    dynamics = PathDynamics(prediction)
    rule, scale_eps = SNRRule(0.2), 0.7

    def beta(u):  # the paper's time runs from data to noise
        return 0.1 + (20 - 0.1) * (1 - u)

    def half(x, u, v, z):
        log = 0.5 * (v - u) * beta((u + v) / 2)  # β is linear
        return np.exp(log) * x + np.sqrt(np.exp(2 * log) - 1) * z

    size = 2 * (0.2 * b.norm(dim=1) / score.norm(dim=1)) ** 2
    moved = x + size[:, None] * score + (2 * size[:, None]) ** 0.5 * scale_eps * b
    middle = (t + s) / 2
    expected = half(moved, t, middle, a)
    expected = half(expected + beta(t) * score * (s - t), middle, s, z)

    first, last = (float(path.noise_level(torch.tensor(u))) for u in (t, s))
    inner = float(path.noise_level(torch.tensor(middle, dtype=torch.float64)))
    shares = np.sqrt([first**2 - inner**2, inner**2 - last**2])
    one = torch.from_numpy(shares)[0] * a + torch.from_numpy(shares)[1] * z
    one = one / (first**2 - last**2) ** 0.5  # the two draws as the one that they add up to
    (step,) = steps_of(S4(rule, scale_eps), dynamics, torch.tensor([t, s], dtype=torch.float64))
    got, _ = S4(rule, scale_eps).step(dynamics, step, x, None, Units(one, b))
    torch.testing.assert_close(got, expected, rtol=1e-6, atol=1e-6)


def gaussian(mean, covariance):
    mean, covariance = (torch.tensor(v, dtype=torch.float64) for v in (mean, covariance))
    return GaussianMixture(torch.ones(1, dtype=torch.float64), mean[None], covariance[None])


def carried(solver, dynamics, times, law):
    """Mean and covariance at the end: on a Gaussian a step is affine in x and in both draws."""
    d = law.dimension
    zero, eye = torch.zeros(d, d).double(), torch.eye(d).double()
    x = torch.cat((zero[:1], eye, zero, zero))
    noise = Units(torch.cat((zero[:1], zero, eye, zero)), torch.cat((zero[:1], zero, zero, eye)))
    mean, covariance = law.mean, law.covariance
    for step in steps_of(solver, dynamics, times):
        image, _ = solver.step(dynamics, step, x, None, noise)
        shift = image[0]
        maps = [(image[1 + i * d :][:d] - shift).T for i in range(3)]
        mean = maps[0] @ mean + shift
        covariance = maps[0] @ covariance @ maps[0].T + sum(m @ m.T for m in maps[1:])
    return mean, covariance


@pytest.mark.parametrize("path", [Linear(), VP(), EDM(), VE()], ids=lambda p: type(p).__name__)
def test_weak_order(path):
    """1, without the move."""
    law = ExactPath(path, gaussian([1.0, -0.5], [[0.8, 0.3], [0.3, 0.4]]))
    dynamics = PathDynamics(law.prediction(VELOCITY))
    first, last = law.marginal(0.3), law.marginal(0.9)

    def error(solver, n):
        times = torch.linspace(0.3, 0.9, n + 1, dtype=torch.float64)
        mean, covariance = carried(solver, dynamics, times, first)
        gaps = (mean - last.mean, covariance - last.covariance)
        return sum(float(gap.square().sum()) for gap in gaps) ** 0.5

    steps = (25, 50, 100)
    errors = [error(S4(None), n) for n in steps]
    order = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert abs(order - S4.order) < 0.15


def free(x):
    """A graph as the vector of its free numbers, 6 of the nodes and 3 of the edges."""
    return torch.cat((x["nodes"].flatten(1), x["edges"][:, UPPER[0], UPPER[1], 0]), 1)


def graph(v):
    """The graph with these free numbers."""
    edges = v.new_zeros(len(v), 3, 3, 1)
    edges[:, UPPER[0], UPPER[1], 0] = v[:, 6:]
    return {"nodes": v[:, :6].reshape(-1, 3, 2), "edges": edges + edges.transpose(1, 2)}


@dataclass(frozen=True)
class Graphs:
    """Gaussian graphs whose nodes and edges hang together, on a product of paths."""

    mean: torch.Tensor
    covariance: torch.Tensor

    @classmethod
    def made(cls):
        noise = Noise.of(4, 9)
        factor = noise.normal((9,), torch.float64) / 3
        covariance = factor @ factor.T + 0.1 * torch.eye(9, dtype=torch.float64)
        return cls(noise.at(1).normal((1,), torch.float64)[:, 0], covariance)

    def at(self, t):
        """Mean and covariance of x_t."""
        p = PATHS.at(t)  # edges, nodes: the sorted order of names
        rows = [torch.cat((c[1].expand(6), c[0].expand(3))) for c in (p.beta, p.gamma)]
        beta, gamma = rows
        covariance = beta[:, None] * self.covariance * beta + torch.diag(gamma**2)
        return beta * self.mean, covariance

    def sample(self, t, noise):
        mean, covariance = self.at(t)
        z = noise.normal((9,), torch.float64)
        return graph(mean + z @ torch.linalg.cholesky(covariance).T)

    def score(self, t, x):
        mean, covariance = self.at(torch.as_tensor(t).reshape(-1)[0])
        return graph(torch.linalg.solve(covariance, (mean - free(x)).T).T)


def graphs_by(solver, steps, n, epsilon=None, watch=(), noise=None):
    law = Graphs.made()
    noise = noise or Noise.of(0, n, space=SPACE)
    dynamics = PathDynamics(FunctionPrediction(law.score, PATHS, SCORE), epsilon)
    times = torch.linspace(0.1, 0.9, steps + 1, dtype=torch.float64)
    x = law.sample(0.1, noise.named("start"))
    return solve(dynamics, x, times, solver, noise, callbacks=watch, space=SPACE)


def within_noise(x, mean, covariance):
    """Largest deviations of mean and covariance, in standard errors."""
    n, centred = len(x), x - mean
    error = centred.mean(0).abs() / (covariance.diagonal() / n).sqrt()
    products = centred.unsqueeze(2) * centred.unsqueeze(1)
    spread = (products.mean(0) - covariance).abs() / (products.std(0) / n**0.5)
    return float(error.max()), float(spread.max())


@pytest.mark.parametrize("rule", [None, AnnealedRule(0.05)], ids=["plain", "langevin"])
def test_the_law_of_graphs(rule):
    """By one call a step, as exactly as Euler and Maruyama's method on a fine grid."""
    n, steps = 2000, 100
    mean, covariance = Graphs.made().at(0.9)
    made = graphs_by(S4(rule), steps, n)
    assert made.nfe == steps
    assert max(within_noise(free(made.x), mean, covariance)) < 4
    fine = graphs_by(EulerMaruyama(), 200, n, noising(PATHS))
    assert max(within_noise(free(fine.x), mean, covariance)) < 4


def test_scale_eps_gathers_at_the_mode():
    """The variance falls, as the authors want it for molecules; it is not the law any more."""
    _, covariance = Graphs.made().at(0.9)
    spread = {}
    for scale_eps in (0.5, 1.0):
        made = graphs_by(S4(AnnealedRule(0.2), scale_eps), 60, 1500)
        spread[scale_eps] = float(free(made.x).var(0).sum() / covariance.trace())
    assert spread[0.5] < spread[1.0] - 0.05 and abs(spread[1.0] - 1) < 0.15


@pytest.mark.parametrize("rule", [None, AnnealedRule(0.2), SNRRule(0.2)])
def test_graphs_stay_graphs_and_samples_stay_apart(rule):
    """Symmetric with an empty diagonal, bit for bit, after every step; whatever the batch."""
    seen = []
    made = graphs_by(S4(rule), 20, 8, watch=(lambda step: seen.append(step.x["edges"]),))
    assert len(seen) == 20
    for edges in seen:
        assert torch.equal(edges, edges.transpose(1, 2))
        assert not edges.diagonal(dim1=1, dim2=2).any() and edges.abs().max() > 0
    part = torch.tensor([6, 3])
    few = graphs_by(S4(rule), 20, 2, noise=Noise.of(0, 8, space=SPACE).take(part))
    torch.testing.assert_close(free(few.x), free(made.x)[part], rtol=0, atol=1e-12)


def test_a_network_that_knows_no_symmetry_is_projected_at_every_step():
    def lopsided(t, x):
        bias = torch.arange(9.0, dtype=torch.float64).reshape(1, 3, 3, 1) / 9
        return {"nodes": -x["nodes"], "edges": bias - x["edges"]}

    seen, noise = [], Noise.of(0, 3, space=SPACE)
    x = noise.normal_like(SPACE.zeros(3, torch.float64))
    solve(
        PathDynamics(FunctionPrediction(lopsided, PATHS, SCORE)),
        x,
        torch.linspace(0.1, 0.9, 6),
        S4(),
        noise,
        callbacks=(lambda step: seen.append(step.x["edges"]),),
        space=SPACE,
    )
    for edges in seen:
        assert torch.equal(edges, edges.transpose(1, 2))
        assert not edges.diagonal(dim1=1, dim2=2).any()


def test_from_pure_noise_to_the_data(one_sided, exact):
    """Where its diffusion is singular, a step is the posterior's, so it may start and land."""
    law = exact(one_sided)
    noise = Noise.of(0, 5)
    x = law.marginal(0.0).sample(noise)
    times, seen = UniformGrid().times(60, one_sided), []
    made = solve(
        PathDynamics(law.prediction(VELOCITY)),
        x,
        times,
        S4(),
        noise,
        callbacks=(lambda step: seen.append(step.x),),
    )
    assert bool(made.x.isfinite().all())
    if float(one_sided.at(1.0).gamma) == 0:
        expected = float(one_sided.at(1.0).beta) * law.denoiser(times[-2], seen[-2])
        torch.testing.assert_close(made.x, expected, rtol=1e-9, atol=1e-9)
    if float(one_sided.at(0.0).beta) == 0:
        assert seen[0].std() > 0.5 * float(one_sided.at(times[1]).gamma)


def test_where_it_is_refused(exact):
    law = exact(TwoSidedLinear(BrownianGamma()))
    x = torch.zeros(1, 2, dtype=torch.float64)
    with pytest.raises(InputError, match="not a path from normal noise"):
        solve(PathDynamics(law.prediction(PAIR)), x, torch.tensor([0.2, 0.4]), S4())
    law = exact(VP())
    with pytest.raises(InputError, match="from noise to data only"):
        solve(PathDynamics(law.prediction(VELOCITY)), x, torch.tensor([0.4, 0.2]), S4())
    with pytest.raises(InputError, match="is for ODEs"):
        epsilon = noising(VP())
        solve(PathDynamics(law.prediction(VELOCITY), epsilon), x, torch.tensor([0.2, 0.4]), S4())
    with pytest.raises(InputError, match="scale_eps >= 0"):
        S4(scale_eps=-1.0)


def test_a_step_has_its_numbers_beforehand(exact):
    """Only numbers, none of them tensors, so that nothing waits for a device."""
    dynamics = PathDynamics(exact(VP()).prediction(VELOCITY))
    step: Step = steps_of(S4(), dynamics, torch.linspace(0, 1, 5, dtype=torch.float64))[1]
    flat = [*step.table.move.score, step.table.move.known, step.table.linear, *step.table.jump]
    assert all(isinstance(number, float) for number in flat)
