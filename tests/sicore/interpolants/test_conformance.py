"""What every path promises; each test runs on every registered interpolant and γ."""

import pytest
import torch

from sicore.errors import InputError
from sicore.interpolants import EDM, BrownianGamma, Point
from sicore.states import Noise, TensorSpace, leaves

INSIDE = torch.linspace(0.01, 0.99, 50, dtype=torch.float64)
ENDS = torch.tensor([0.0, 1.0], dtype=torch.float64)
N = 40_000


def close(a, b, tolerance=1e-12):
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


def test_the_path_ends_in_the_data(path):
    alpha, beta, gamma = path.coefficients(ENDS[1])
    close(torch.stack((alpha, beta, gamma)), torch.tensor([0.0, 1.0, 0.0]).double(), 1e-15)


def test_a_two_sided_path_starts_in_the_source(two_sided):
    alpha, beta, gamma = two_sided.coefficients(ENDS[0])
    close(torch.stack((alpha, beta, gamma)), torch.tensor([1.0, 0.0, 0.0]).double(), 1e-15)


def test_a_one_sided_path_starts_in_noise(one_sided):
    alpha, beta, gamma = one_sided.coefficients(ENDS[0])
    assert alpha == 0
    assert gamma > 0 and beta / gamma < 0.0126  # EDM: 1/80; VP: exp(−5.025)
    assert type(one_sided) is EDM or abs(beta**2 + gamma**2 - 1) < 1e-12


def test_derivatives_are_those_of_autodiff(path):
    t = INSIDE.clone().requires_grad_()
    alpha, beta, gamma = path.coefficients(t)
    for value, slope in zip((alpha, beta, gamma**2 / 2), path.derivatives(t), strict=True):
        made = torch.zeros_like(t)
        if value.requires_grad:
            (made,) = torch.autograd.grad(value.sum(), t, retain_graph=True)
        close(slope.detach(), made, 1e-11)


def test_everything_but_gamma_dot_is_finite_at_the_ends(path):
    for values in (*path.coefficients(ENDS), *path.derivatives(ENDS)):
        assert bool(values.isfinite().all())


def test_derivatives_at_the_ends_are_the_limits(path):
    for end, step in ((0.0, 1e-6), (1.0, -1e-6)):
        times = torch.tensor([end, end + step], dtype=torch.float64)
        alpha, beta, gamma = path.coefficients(times)
        for value, slope in zip((alpha, beta, gamma**2 / 2), path.derivatives(times), strict=True):
            close(value.diff()[0] / step, slope[0], 1e-4 * (1 + slope.abs().max()))


def test_gamma_dot_is_the_product_over_gamma(path):
    if path.at(0.3).gamma > 0:
        p = path.at(INSIDE)
        close(p.gamma * p.gamma_dot, p.gamma_gamma_dot)


def test_times_are_scalars_or_batches(path):
    batch = path.at(INSIDE)
    for i in (0, 20, 49):
        single = path.at(INSIDE[i])
        for name in Point.__dataclass_fields__:
            one, many = getattr(single, name), getattr(batch, name)
            assert one.shape == () and many.shape == INSIDE.shape
            assert one.dtype == many.dtype == torch.float64
            close(one, many[i], 1e-15)
    assert path.at(0.3).t.dtype == torch.float64
    assert path.at(torch.tensor(0.5)).beta.dtype == torch.float64


def test_time_at_inverts_the_noise_level(one_sided):
    sigma = one_sided.noise_level(INSIDE)
    assert bool((sigma.diff() < 0).all())
    close(one_sided.time_at(sigma), INSIDE, 1e-10)
    close(one_sided.noise_level(one_sided.time_at(sigma)), sigma, 1e-8)
    assert one_sided.time_at(torch.zeros((), dtype=torch.float64)) == 1


def test_noise_level_is_gamma_over_beta(one_sided):
    _, beta, gamma = one_sided.coefficients(INSIDE)
    close(one_sided.noise_level(INSIDE), gamma / beta)
    assert one_sided.noise_level(ENDS[1]) == 0
    assert one_sided.noise_level(torch.tensor(0.5)).dtype == torch.float64


def draws(path, t, dtype=torch.float64):
    """A sample of the path at time t between a skewed source and two points."""
    noise = Noise.of(1, N)
    z = noise.normal((2,), dtype)
    x0 = -noise.named("x0").uniform((2,)).log().to(dtype) if path.two_sided else None
    x1 = 3.0 * (noise.named("x1").uniform((2,)) < 0.25).to(dtype)
    return path.sample(x0, x1, t, z)


@pytest.mark.parametrize("time", [0.0, 0.3, 0.9, 1.0])
def test_moments(path, time):
    made = draws(path, torch.full((N,), time, dtype=torch.float64))
    p = path.at(time)
    mean = p.alpha * 1.0 * path.two_sided + p.beta * 0.75
    variance = p.alpha**2 * path.two_sided + p.beta**2 * 9 * 0.1875 + p.gamma**2
    fourth = (made.x_t - made.x_t.mean(0)).pow(4).mean(0)
    assert bool(((made.x_t.mean(0) - mean).abs() < 5 * (variance / N).sqrt() + 1e-12).all())
    assert bool(((made.x_t.var(0) - variance).abs() < 5 * (fourth / N).sqrt() + 1e-12).all())


def test_a_draw_is_the_sum_of_its_terms(path):
    t = Noise.of(2, N).uniform()
    made = draws(path, t)
    p = path.at(t)
    expected = p.beta[:, None] * made.x1 + p.gamma[:, None] * made.z
    if made.x0 is not None:
        expected = expected + p.alpha[:, None] * made.x0
    close(made.x_t, expected)
    single = draws(path, t[5])
    close(single.x_t[5], made.x_t[5])


def test_the_dtype_of_the_state_is_kept(path):
    for t in (torch.tensor(0.4), torch.full((N,), 0.4, dtype=torch.float64)):
        assert draws(path, t, torch.float32).x_t.dtype == torch.float32


def test_trees_are_leaf_by_leaf(path):
    noise = Noise.of(0, 3)
    tree = {"a": noise.normal((2,), torch.float64), "b": noise.normal((2, 2), torch.float64, "b")}
    t = noise.uniform()
    x0 = tree if path.two_sided else None
    made = path.sample(x0, tree, t, tree).x_t
    for name, leaf in leaves(tree).items():
        close(made[name], path.sample(leaf if path.two_sided else None, leaf, t, leaf).x_t)


def test_a_source_is_asked_for_or_refused(path):
    x = torch.zeros(2, 3)
    match = "needs samples x0" if path.two_sided else "takes no x0"
    with pytest.raises(InputError, match=match):
        path.sample(None if path.two_sided else x, x, torch.tensor(0.5), x)


@pytest.mark.parametrize("time", [0.0, 0.25])
def test_prior_has_the_moments_of_the_path_for_standardised_data(one_sided, time):
    start = one_sided.prior(Noise.of(0, N), TensorSpace((1,)), torch.float64, time)
    _, beta, gamma = one_sided.coefficients(torch.tensor(time).double())
    variance = beta**2 + gamma**2
    assert abs(start.mean()) < 5 * (variance / N).sqrt()
    assert abs(start.var() / variance - 1) < 5 * (2 / N) ** 0.5
    single = one_sided.prior(Noise.of(0, 3, 5), TensorSpace((1,)), torch.float32, time)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), start[5:8], rtol=1e-6, atol=1e-6)


def test_paths_are_values(path):
    assert path == type(path)(**vars(path)) and hash(path) == hash(type(path)(**vars(path)))
    with pytest.raises(AttributeError):
        path.anything = 1


def test_brownian_gamma_has_the_bridge_variance():
    t = INSIDE
    close(BrownianGamma(2.0).value(t) ** 2, 2 * t * (1 - t))
