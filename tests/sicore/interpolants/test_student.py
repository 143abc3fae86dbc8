"""PFGM++: its kernel is Student's t, its limit EDM, its D = 1 the Poisson field."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from sicore.dynamics import PathDynamics, constant, noising
from sicore.errors import ConversionError, InputError
from sicore.exact import ExactPoints
from sicore.interpolants import EDM, PFGMPP
from sicore.interpolants.student import gamma_variate
from sicore.predictions import DATA, NOISE, SCORE, VELOCITY, convert
from sicore.solvers import DDIM, Heun, UniformGrid, solve
from sicore.states import Noise, SymmetricSpace, TensorSpace, TreeSpace, leaves

N = 20_000
DEGREES = (0.7, 1.0, 2.5, 5.0, 128.0)
EIGHT = 3 * Noise.of(8, 8).normal((2,), torch.float64)


def latent(degrees, n=N, dimension=3, **settings):
    like = torch.zeros(n, dimension, dtype=torch.float64)
    return PFGMPP(D=degrees).latent(Noise.of(5, n, **settings), like)


@pytest.mark.parametrize("degrees", DEGREES)
def test_each_entry_has_students_law(degrees):
    """Kolmogorov–Smirnov against t_D, and the radius against Fisher's F(N, D)."""
    z = latent(degrees).numpy()
    for entry in z.T:
        assert stats.kstest(entry, stats.t(degrees).cdf).pvalue > 1e-3
    square = (z**2).sum(1) / 3
    assert stats.kstest(square, stats.f(3, degrees).cdf).pvalue > 1e-3
    angles = np.arctan2(z[:, 0], z[:, 1]) / (2 * np.pi) + 0.5
    assert stats.kstest(angles, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("shape", [0.05, 0.5, 1.0, 1.3, 40.0, 1e6])
def test_gamma_variates(shape):
    made = gamma_variate(Noise.of(1, N), shape)
    assert made.dtype == torch.float64 and made.shape == (N,)
    assert stats.kstest(made.numpy(), stats.gamma(shape).cdf).pvalue > 1e-3


def test_the_kernel_is_that_of_the_paper():
    """``p_r(x|y) ∝ (‖x − y‖² + r²)^{−(N + D)/2}`` at r = σ √D is t_D of scale σ."""
    sigma, degrees, y = 1.7, 5.0, torch.tensor([0.3, -1.0]).double()
    x = Noise.of(0, 7).normal((2,), torch.float64)
    paper = -(2 + degrees) / 2 * ((x - y).square().sum(1) + sigma**2 * degrees).log()
    law = stats.multivariate_t(y.numpy(), sigma**2 * np.eye(2), degrees)
    gap = torch.from_numpy(law.logpdf(x.numpy())) - paper
    torch.testing.assert_close(gap, gap[:1].expand(7), rtol=1e-12, atol=1e-12)


def test_the_variance_is_that_of_students_law():
    """``σ² D/(D − 2)``, at D = 5."""
    z = latent(5.0, 100_000, 1)
    error = z.square().std() / 100_000**0.5
    assert abs(z.square().mean() - 5 / 3) < 4 * error


def test_a_sample_is_the_same_in_every_batch():
    whole = latent(2.5, 12)
    assert torch.equal(latent(2.5, 5, first=4), whole[4:9])
    order = torch.tensor([7, 2, 11])
    like = torch.zeros(3, 3, dtype=torch.float64)
    assert torch.equal(PFGMPP(D=2.5).latent(Noise(5, order), like), whole[order])
    assert not torch.equal(latent(2.5, 12)[:6], whole[6:])


def test_one_length_for_all_leaves_of_a_state():
    """The noise of a tree is one Student-t vector, with the structure of its space."""
    space = TreeSpace({"nodes": TensorSpace((2,)), "edges": SymmetricSpace((3, 3, 1))})
    noise = Noise.of(0, 6, space=space)
    like = space.zeros(6, torch.float32)
    z = leaves(PFGMPP(D=3.0).latent(noise, like))
    normal = leaves(noise.normal_like(like))
    assert torch.equal(z["edges"], z["edges"].transpose(1, 2)) and z["nodes"].dtype == torch.float32
    of_nodes = z["nodes"] / normal["nodes"]
    of_edges = z["edges"][:, 0, 1] / normal["edges"][:, 0, 1]
    torch.testing.assert_close(of_nodes, of_edges.expand(6, 2))


def test_infinite_d_is_edm_to_the_bit():
    infinite, edm, noise = PFGMPP(D=math.inf), EDM(), Noise.of(0, 9)
    t = torch.linspace(0, 1, 9, dtype=torch.float64)
    for made, expected in zip(
        (*infinite.coefficients(t), *infinite.derivatives(t), infinite.time_at(t)),
        (*edm.coefficients(t), *edm.derivatives(t), edm.time_at(t)),
        strict=True,
    ):
        assert torch.equal(made, expected)
    x1 = noise.named("x1").normal((4,))
    z, same = infinite.latent(noise, x1), edm.latent(noise, x1)
    assert torch.equal(z, same) and infinite.gaussian
    assert torch.equal(infinite.sample(None, x1, t, z).x_t, edm.sample(None, x1, t, same).x_t)
    space = TensorSpace((4,))
    start = infinite.prior(noise, space, torch.float32)
    assert torch.equal(start, edm.prior(noise, space, torch.float32))
    points = ExactPoints(infinite, EIGHT), ExactPoints(edm, EIGHT)
    x = EIGHT + 0.5
    assert torch.equal(*(cloud.denoiser(0.6, x) for cloud in points))


def test_there_is_no_score_and_no_sde():
    cloud = ExactPoints(PFGMPP(D=5.0), EIGHT)
    assert not cloud.interpolant.gaussian
    x, t = EIGHT + 0.3, torch.tensor(0.6).double()
    with pytest.raises(ConversionError, match="its noise is not normal"):
        convert(cloud.interpolant, t, x, x, DATA, SCORE)
    for epsilon in (constant(1.0), noising(cloud.interpolant)):
        with pytest.raises(InputError, match="its noise is not normal"):
            PathDynamics(cloud.prediction, epsilon)


def cloud_case(degrees, sigma=1.5):
    """Six points in two dimensions, seen from five places at one noise level."""
    path = PFGMPP(D=degrees)
    points = 2 * Noise.of(3, 6).normal((2,), torch.float64)
    t = path.time_at(torch.tensor(sigma).double())
    return ExactPoints(path, points), t, Noise.of(4, 5).normal((2,), torch.float64)


def test_the_denoiser_approaches_that_of_edm_as_one_over_d():
    """Its gap is ``Cov_w(y, q²/(4σ⁴) − Nq/(2σ²))/D`` to first order, from D = 1e2 to 1e8."""
    edm, t, x = cloud_case(math.inf)
    q = (x.unsqueeze(1) - edm.points).square().sum(-1) / 1.5**2
    weight, first = edm.weights(t, x), q**2 / 4 - q  # N = 2
    centred = first - (weight * first).sum(1, keepdim=True)
    limit = (weight * centred) @ edm.points
    largest = []
    degrees = 10.0 ** torch.arange(2, 9)
    for d in degrees.tolist():
        cloud, t, x = cloud_case(d)
        gap = cloud.denoiser(t, x) - edm.denoiser(t, x)
        error = (d * gap - limit).abs().max() / limit.abs().max()
        assert error < 30 / d + 1e-15 * d
        largest.append(float(gap.abs().max()))
    slope = np.polyfit(degrees.log().numpy(), np.log(largest), 1)[0]
    assert abs(slope + 1) < 0.02


def test_one_dimension_more_is_the_poisson_field():
    """D = 1: ``dx/dr`` along the field of charges at ``(y_i, 0)`` in N + 1 dimensions."""
    cloud, t, x = cloud_case(1.0)
    r = 1.5  # σ √D

    place = torch.cat((x, torch.full((5, 1), r).double()), 1).requires_grad_()
    charges = torch.cat((cloud.points, torch.zeros(6, 1).double()), 1)
    potential = (1 / (place.unsqueeze(1) - charges).norm(dim=-1)).sum()  # in three dimensions
    (field,) = torch.autograd.grad(-potential, place)
    slope = (x - cloud.denoiser(t, x)) / r
    torch.testing.assert_close(slope, field[:, :2] / field[:, 2:], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("degrees", "steps"), [(1.0, 100), (5.0, 60), (128.0, 60), (math.inf, 60)])
def test_the_ode_lands_on_the_eight_points(degrees, steps):
    """With the ideal denoiser and Heun's method; each of them gets an eighth."""
    path, noise = PFGMPP(D=degrees), Noise.of(1, 1000)
    cloud = ExactPoints(path, EIGHT)
    times = UniformGrid().times(steps, path)
    chosen = EIGHT[(8 * noise.uniform()).long()]
    x = path.sample(None, chosen, times[0], path.latent(noise.named("z"), chosen)).x_t
    dynamics = PathDynamics(cloud.prediction)
    x = solve(dynamics, x, times[:-1], Heun()).x
    x = solve(dynamics, x, times[-2:], DDIM()).x
    distance, nearest = (x.unsqueeze(1) - EIGHT).norm(dim=-1).min(1)
    assert distance.max() < 1e-3
    assert stats.chisquare(nearest.bincount(minlength=8).numpy()).pvalue > 1e-3


@pytest.mark.parametrize("degrees", [5.0, math.inf])
def test_the_velocity_is_that_of_the_paper(degrees):
    """``dx/dσ = (x − D)/σ``, whatever the law of the noise."""
    cloud, t, x = cloud_case(degrees)
    value = cloud.denoiser(t, x)
    p = cloud.interpolant.at(t)
    velocity = convert(cloud.interpolant, t, x, value, DATA, VELOCITY)
    torch.testing.assert_close(velocity, p.gamma_dot * (x - value) / p.gamma)
    noise = convert(cloud.interpolant, t, x, value, DATA, NOISE)
    torch.testing.assert_close(noise, (x - value) / p.gamma)
