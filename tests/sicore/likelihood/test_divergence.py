"""Divergences of drifts whose Jacobian is known."""

import pytest
import torch

from sicore.errors import InputError
from sicore.likelihood import ExactDivergence, Gaussian, HutchinsonDivergence, Rademacher
from sicore.states import Noise

D = 12


@pytest.fixture(scope="module")
def matrix():
    return Noise.of(0, D).named("matrix").normal((D,), torch.float64) / D**0.5


def smooth(x):
    """A drift whose divergence is ``Σ cos x_i · mean(x) + sin(x_i) / d``."""
    return x.sin() * x.flatten(1).mean(1).reshape(-1, *(1,) * (x.ndim - 1))


def divergence_of_smooth(x):
    flat = x.flatten(1)
    return flat.cos().sum(1) * flat.mean(1) + flat.sin().mean(1)


@pytest.mark.parametrize("shape", [(5,), (1, 2, 3), (7, 1)])
@pytest.mark.parametrize("chunk", [1, 4, 64])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_exact_for_any_shape_chunk_and_dtype(shape, chunk, dtype):
    x = Noise.of(1, 6).normal(shape, dtype)
    divergence = ExactDivergence(chunk)
    value, estimate = divergence.start(x, Noise.of(0, 6))(smooth, x)
    assert torch.equal(value, smooth(x))
    assert value.dtype == dtype
    assert estimate.shape == (6, divergence.estimates) == (6, 1)
    error = (estimate[:, 0] - divergence_of_smooth(x.double())).abs().max()
    assert error < (1e-13 if dtype == torch.float64 else 1e-5)


def test_exact_for_trees_whose_leaves_depend_on_each_other():
    noise = Noise.of(2, 4)
    x = {"b": noise.normal((3,), torch.float64), "a": noise.at(1).normal((2, 2), torch.float64)}

    def drift(s):
        total = s["a"].sum((1, 2))
        return {"b": s["b"] ** 2 * total[:, None], "a": s["a"] ** 3 + s["b"].sum(1)[:, None, None]}

    _, estimate = ExactDivergence(chunk=3).start(x, noise)(drift, x)
    known = 2 * x["b"].sum(1) * x["a"].sum((1, 2)) + 3 * x["a"].square().sum((1, 2))
    assert torch.allclose(estimate[:, 0], known, rtol=1e-13)


def test_a_drift_may_ignore_a_leaf():
    x = {"a": torch.ones(2, 3), "b": torch.ones(2, 1)}

    def drift(s):
        return {"a": 2 * s["a"], "b": s["a"][:, :1]}

    noise = Noise.of(0, 2)
    assert ExactDivergence(3).start(x, noise)(drift, x)[1].tolist() == [[6.0], [6.0]]
    _, estimate = HutchinsonDivergence(5).start(x, noise)(drift, x)
    assert set(estimate.flatten().tolist()) == {5.0, 7.0}


@pytest.mark.parametrize("law", [Rademacher(), Gaussian()])
def test_hutchinson_has_the_mean_and_variance_of_its_law(matrix, law):
    """Variance ``2‖S‖²`` for normal probes, less ``2 Σ S_ii²`` for signs; S the symmetric part."""
    samples, probes = 500, 20
    x = torch.zeros(samples, D, dtype=torch.float64)
    divergence = HutchinsonDivergence(probes, law, chunk=8)
    _, estimate = divergence.start(x, Noise.of(3, samples))(lambda x: x @ matrix.T, x)
    assert estimate.shape == (samples, divergence.estimates) == (samples, probes)
    symmetric = (matrix + matrix.T) / 2
    variance = 2 * symmetric.square().sum()
    if law == Rademacher():
        variance = variance - 2 * symmetric.diagonal().square().sum()
    n = estimate.numel()
    assert abs(estimate.mean() - matrix.trace()) < 4 * (variance / n) ** 0.5
    assert estimate.var() == pytest.approx(variance.item(), rel=4 * (6 / n) ** 0.5)


def test_signs_are_exact_for_a_diagonal_jacobian(matrix):
    x = torch.ones(3, D, dtype=torch.float64)
    _, estimate = HutchinsonDivergence().start(x, Noise.of(0, 3))(lambda x: matrix[0] * x, x)
    assert torch.allclose(estimate, matrix[0].sum(), rtol=1e-13)


def test_probes_are_of_each_sample_and_do_not_depend_on_the_chunk(matrix):
    x, noise = torch.zeros(5, D, dtype=torch.float64), Noise.of(4, 5)

    def estimates(x, noise, chunk=64):
        divergence = HutchinsonDivergence(7, Gaussian(), chunk)
        return divergence.start(x, noise)(lambda x: x @ matrix, x)[1]

    together = estimates(x, noise)
    assert len(together.unique()) == together.numel()
    assert torch.allclose(estimates(x[3:4], noise.take(slice(3, 4))), together[3:4], rtol=1e-13)
    for chunk in (1, 3):
        assert torch.allclose(estimates(x, noise, chunk), together, rtol=1e-13)


@pytest.mark.parametrize("divergence", [ExactDivergence(), HutchinsonDivergence(2)])
def test_gradients_are_as_the_caller_has_them(divergence):
    x, noise = torch.ones(2, 3, dtype=torch.float64), Noise.of(0, 2)
    weight = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    measure = divergence.start(x, noise)
    with torch.no_grad():
        value, estimate = measure(lambda x: weight * x**3, x)
        assert not torch.is_grad_enabled()
    assert not value.requires_grad
    assert not estimate.requires_grad
    value, estimate = measure(lambda x: weight * x**3, x)
    assert torch.is_grad_enabled()
    assert not x.requires_grad
    (slope,) = torch.autograd.grad(estimate.mean(1).sum(), weight)
    assert slope.item() == pytest.approx(3 * x.numel())


def test_gradients_flow_to_the_states():
    x = Noise.of(5, 3).normal((4,), torch.float64).requires_grad_()
    _, estimate = ExactDivergence().start(x, Noise.of(0, 3))(lambda x: x**3, x)
    (slope,) = torch.autograd.grad(estimate.sum(), x)
    assert torch.allclose(slope, 6 * x)


@pytest.mark.parametrize("making", [lambda: ExactDivergence(0), lambda: HutchinsonDivergence(0)])
def test_numbers_must_be_positive(making):
    with pytest.raises(InputError, match="divergence: expected"):
        making()
