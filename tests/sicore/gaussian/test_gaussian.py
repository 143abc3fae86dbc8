"""The Gaussian model: its law, its denoiser and its flow, on every path from noise."""

import pytest
import torch

from sicore.dynamics import PathDynamics
from sicore.errors import ConversionError, InputError
from sicore.exact import ExactPath, GaussianMixture
from sicore.gaussian import GaussianModel, as_vectors
from sicore.interpolants import EDM, VP, Interpolant, Linear, Product, TwoSidedLinear
from sicore.predictions import DATA
from sicore.solvers import RK4, UniformGrid, solve
from sicore.states import Noise

D = 6


def gaussian(d=D, rank=None, seed=0):
    """A Gaussian with eigenvalues that fall as 1/k², in random directions."""
    streams = Noise.of(seed, d).named("Gaussian of the tests")
    basis = torch.linalg.qr(streams.normal((d,), torch.float64)).Q
    values = 2.0 / torch.arange(1, d + 1).double() ** 2
    whole = GaussianModel(streams.at(1).normal((), torch.float64), values, basis)
    return whole if rank is None else whole.truncated(rank)


def covariance(model):
    basis, values = model.eigenvectors, model.eigenvalues
    across = torch.eye(len(basis)).double() - basis @ basis.T
    return (basis * values) @ basis.T + model.rest * across


def noise(n, d=D, seed=1):
    return Noise.of(seed, n).normal((d,), torch.float64)


def between(path, high, low):
    """The times between two noise levels."""
    return [float(path.time_at(torch.tensor(sigma).double())) for sigma in (high, low)]


@pytest.mark.parametrize("rank", [None, 4, 0])
def test_denoiser_is_that_of_the_exact_path(one_sided, rank):
    model = gaussian(rank=rank)
    law = GaussianMixture(
        torch.ones(1).double(), model.mean.unsqueeze(0), covariance(model).unsqueeze(0)
    )
    exact = ExactPath(one_sided, law)
    for t in (0.0, 0.3, 0.8, 1.0):
        x = exact.marginal(t).sample(Noise.of(3, 5))
        known = exact.denoiser(t, x)
        torch.testing.assert_close(model.denoiser(one_sided, t, x), known, rtol=1e-9, atol=1e-9)


def test_flow_against_rk4(one_sided):
    """Row 38. RK4 with 100 and 200 steps, whose errors of order 4 cancel in ``(16 b − a)/15``."""
    model = gaussian(rank=4)
    start, end = between(one_sided, 8.0, 0.2)
    x = one_sided.at(start).gamma * noise(4)
    dynamics = PathDynamics(model.prediction(one_sided))
    grids = [UniformGrid().times(n, one_sided, start, end) for n in (100, 200)]
    coarse, fine = (solve(dynamics, x, grid, RK4()).x for grid in grids)
    exact = model.transport(one_sided, start, end, x)
    assert ((16 * fine - coarse) / 15 - exact).abs().max() < 1e-10
    assert 15 < (coarse - exact).norm() / (fine - exact).norm() < 17


def test_flow_carries_the_law(one_sided):
    """The whole map from t = 0 to 1, without sampling: its mean and ``M M' = C``."""
    model = gaussian(rank=3)
    p = one_sided.at(0.0)
    basis = torch.cat((torch.zeros(1, D), torch.eye(D))).double()
    image = model.transport(one_sided, 0.0, 1.0, p.beta * model.mean + basis)
    torch.testing.assert_close(image[0], model.mean, rtol=0, atol=1e-12)
    linear = (image[1:] - image[0]).T
    at_zero = p.gamma**2 * torch.eye(D).double() + p.beta**2 * covariance(model)
    torch.testing.assert_close(
        linear @ at_zero @ linear.T, covariance(model), rtol=1e-10, atol=1e-10
    )


def test_flow_is_a_group(one_sided):
    model, x = gaussian(rank=3), noise(5)
    way = model.transport(one_sided, 0.4, 0.9, model.transport(one_sided, 0.1, 0.4, x))
    torch.testing.assert_close(way, model.transport(one_sided, 0.1, 0.9, x), rtol=1e-11, atol=1e-11)
    back = model.transport(one_sided, 0.9, 0.1, way)
    torch.testing.assert_close(back, x, rtol=1e-9, atol=1e-9)
    whole = gaussian()  # all directions have variance, so the way back exists from the data, too
    back = whole.transport(one_sided, 1.0, 0.2, whole.transport(one_sided, 0.2, 1.0, x))
    torch.testing.assert_close(back, x, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("path", [Linear(), VP()])
def test_trajectories_are_rank_two(path):
    """Row 38: over 99 % of a trajectory's variance is in two directions (image-like spectrum)."""
    d = 300
    values = 1.0 / torch.arange(1, d + 1).double() ** 1.5
    values = d * values / values.sum()
    model = GaussianModel(torch.zeros(d), values, torch.eye(d))
    x = noise(8, d)
    times = torch.linspace(0, 1, 101)
    way = torch.stack([model.transport(path, 0.0, t, x) for t in times], 1)
    power = torch.linalg.svdvals(way - way.mean(1, keepdim=True)).square()
    assert (power[:, :2].sum(1) / power.sum(1)).min() > 0.99
    assert (power[:, :1].sum(1) / power.sum(1)).max() < 0.99  # they do turn
    ends = torch.linalg.qr(way[:, [0, -1]].mT).Q
    off = way - way @ ends @ ends.mT
    assert (off.square().sum((1, 2)) / way.square().sum((1, 2))).max() < 0.01


def test_features_commit_in_the_order_of_their_variance(one_sided):
    """The denoised state is within 10 % of its final value from ``σ² = λ (1/0.9² − 1)`` on."""
    model = gaussian()
    x = one_sided.at(0.0).beta * model.mean + one_sided.at(0.0).gamma * noise(1)
    times = torch.linspace(0, 1, 4001).double()

    def along(state):
        return (state - model.mean) @ model.eigenvectors

    final = along(model.transport(one_sided, 0.0, 1.0, x))[0]
    way = model.transport(one_sided, 0.0, times, x.expand(len(times), -1))
    close = (along(model.denoiser(one_sided, times, way)) / final - 1).abs() < 0.1
    first = times[close.double().argmax(0)]
    assert bool((first.diff() > 0).all())  # eigenvalues fall
    expected = one_sided.time_at((model.eigenvalues * (1 / 0.81 - 1)).sqrt())
    inside = expected > 0  # a path may start below this level
    assert (first - expected)[inside].abs().max() < 2 / 4000


def test_times_in_a_batch(one_sided):
    model, x = gaussian(rank=3), noise(3)
    t, s = torch.tensor([0.0, 0.2, 0.7]).double(), torch.tensor([0.5, 1.0, 0.1]).double()
    moved, seen = model.transport(one_sided, t, s, x), model.denoiser(one_sided, t, x)
    for i in range(3):
        alone = model.transport(one_sided, t[i], s[i], x[i : i + 1])
        torch.testing.assert_close(moved[i : i + 1], alone, rtol=1e-12, atol=1e-12)
        alone = model.denoiser(one_sided, float(t[i]), x[i : i + 1])
        torch.testing.assert_close(seen[i : i + 1], alone, rtol=1e-12, atol=1e-12)


def test_float32_within_its_rounding(one_sided):
    model, x = gaussian(rank=3), one_sided.at(0.0).gamma * noise(4)
    for t, s in ((0.0, 1.0), (0.2, 0.7)):
        made = model.transport(one_sided, t, s, x.float())
        assert made.dtype == torch.float32
        exact = model.transport(one_sided, t, s, x)
        torch.testing.assert_close(
            made.double(), exact, rtol=1e-5, atol=2e-6 * float(x.abs().max())
        )
    assert model.denoiser(one_sided, 0.5, x.half()).dtype == torch.float16


def test_states_of_any_shape():
    model, x, path = gaussian(), noise(4), Linear()
    flat = model.transport(path, 0.1, 0.6, x)
    picture = model.transport(path, 0.1, 0.6, x.reshape(4, 1, 2, 3))
    assert torch.equal(picture, flat.reshape(4, 1, 2, 3))
    tree = {"nodes": x[:, 2:].reshape(4, 2, 2), "edges": x[:, :2].float()}
    moved = model.transport(path, 0.1, 0.6, tree)
    assert list(moved) == ["nodes", "edges"]
    assert moved["edges"].dtype == torch.float32 and moved["nodes"].shape == (4, 2, 2)
    torch.testing.assert_close(as_vectors(moved), flat, rtol=1e-6, atol=1e-6)
    value = model.prediction(path)(torch.tensor(0.5), tree)
    torch.testing.assert_close(
        as_vectors(value), model.denoiser(path, 0.5, x), rtol=1e-6, atol=1e-6
    )


def test_prediction_is_a_denoiser():
    path = VP()
    prediction = gaussian().prediction(path)
    assert prediction.kind is DATA and prediction.interpolant is path


def test_a_point_mass():
    """Without variance the data are the mean, wherever x is; the way back is not determined."""
    model, path, x = (
        GaussianModel(torch.ones(D), torch.zeros(0), torch.zeros(D, 0)),
        Linear(),
        noise(3),
    )
    for t in (0.0, 0.5, 1.0):
        assert torch.equal(model.denoiser(path, t, x), torch.ones(3, D).double())
    torch.testing.assert_close(model.transport(path, 0.3, 1.0, x), torch.ones(3, D).double())
    with pytest.raises(ConversionError, match="cannot start at t = 1"):
        model.transport(path, 1.0, 0.5, x)


def test_from_samples():
    x = (
        Noise.of(0, 200).normal((2, 3), torch.float64)
        @ torch.diag(torch.tensor([3.0, 2, 1])).double()
    )
    model = GaussianModel.from_samples(x)
    torch.testing.assert_close(model.mean, x.flatten(1).mean(0))
    torch.testing.assert_close(covariance(model), torch.cov(x.flatten(1).T))
    low, values = GaussianModel.from_samples(x, 2), torch.linalg.eigvalsh(torch.cov(x.flatten(1).T))
    assert low.eigenvectors.shape == (6, 2)
    torch.testing.assert_close(low.eigenvalues, values.flip(0)[:2])
    assert low.rest == pytest.approx(float(values[:4].mean()))
    again = low.truncated(1)
    torch.testing.assert_close(covariance(again).trace(), values.sum())
    single = GaussianModel.from_samples({"a": x[:, 0].float(), "b": x[:, 1].float()})
    assert single.eigenvalues.dtype == torch.float64


def test_fewer_samples_than_dimensions():
    """The covariance is singular; the flow from noise to data exists all the same."""
    model = GaussianModel.from_samples(noise(4))
    assert model.eigenvalues.count_nonzero() <= D and model.eigenvalues.min() >= 0
    made = model.transport(Linear(), 0.0, 1.0, noise(3, seed=5))
    assert bool(made.isfinite().all())


class NotNormal(Linear):
    gaussian = False


WRONG: dict[str, Interpolant] = {
    "TwoSidedLinear": TwoSidedLinear(),
    "Product": Product({"a": Linear(), "b": EDM()}),
    "NotNormal": NotNormal(),
}


@pytest.mark.parametrize("name", WRONG)
def test_paths_that_do_not_fit(name):
    for call in (gaussian().denoiser, lambda *a: gaussian().transport(a[0], 0.2, *a[1:])):
        with pytest.raises(InputError, match=f"needs one path from normal noise.*{name}"):
            call(WRONG[name], 0.5, noise(2))


def test_errors():
    eye, one = torch.eye(3), torch.ones(3)
    with pytest.raises(InputError, match=r"expected eigenvalues \(k,\) and eigenvectors \(3, k\)"):
        GaussianModel(one, one, torch.eye(4))
    with pytest.raises(InputError, match="orthonormal"):
        GaussianModel(one, one, 2 * eye)
    for values, rest in ((-one, 0.0), (one * torch.nan, 0.0), (one, -1.0), (one, float("nan"))):
        with pytest.raises(InputError, match=">= 0"):
            GaussianModel(one, values, eye, rest)
    with pytest.raises(InputError, match="at least 2 states, got 1"):
        GaussianModel.from_samples(torch.ones(1, 3))
    with pytest.raises(InputError, match="not finite"):
        GaussianModel.from_samples(torch.full((2, 3), torch.inf))
    with pytest.raises(InputError, match="from 0 to 3, got 4"):
        GaussianModel.from_samples(torch.ones(2, 3), 4)
    with pytest.raises(InputError, match="states of 3 numbers, got 2"):
        GaussianModel(one, one, eye).transport(Linear(), 0.1, 0.2, torch.ones(1, 2))
