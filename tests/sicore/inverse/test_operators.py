"""Operators against the dense matrices that they stand for."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from sicore.config import Component
from sicore.errors import InputError
from sicore.inverse import Blur, Downsample, Greyscale, Inpaint, LinearFunction
from sicore.plugins import get_registry
from sicore.states import Noise
from sicore.testing import check_operator

SHAPE = (2, 6, 8)
MASK = torch.rand(6, 8, generator=torch.Generator().manual_seed(0)) < 0.6
MATRIX = Noise.of(9, 5).normal(SHAPE, torch.float64)


def registered(name, **runtime):
    own = {"blur": {"sigma": 0.6}, "superres": {"factor": 2}, "greyscale": {"channels": 2}}
    return Component.parse("operator", {"name": name, **own.get(name, {})}).build(**runtime)


def measure(x):
    return torch.einsum("mchw,bchw->bm", MATRIX.to(x), x)


OPERATORS = {
    "inpaint": registered("inpaint", mask=MASK),
    "blur": registered("blur"),
    "superres": registered("superres"),
    "greyscale": registered("greyscale"),
    "function": LinearFunction(measure, SHAPE),
    "superres of blur": Downsample(2) @ Blur(0.6),
    "inpainting of superres": Inpaint(MASK[:3, :4]) @ Downsample(2),
    "three": Inpaint(MASK[:3, :4]) @ Downsample(2) @ Blur(0.6),
    "blur of inpainting": Blur(0.4) @ Inpaint(MASK),
}
EVERY = pytest.mark.parametrize("name", OPERATORS)


def states(n=4, seed=0, shape=SHAPE):
    return Noise.of(seed, n).normal(shape, torch.float64)


def dense(operator):
    """The matrix, column by column."""
    size = int(np.prod(SHAPE))
    columns = operator(torch.eye(size, dtype=torch.float64).reshape(size, *SHAPE))
    return columns.flatten(1).T


def test_every_registered_operator_is_tested():
    own = {e.name for e in get_registry().entries("operator") if e.plugin == "sicore"}
    assert own <= set(OPERATORS)


@EVERY
def test_adjoint(name):
    operator, x = OPERATORS[name], states()
    image = operator(x)
    y = Noise.of(1, 4).normal(image.shape[1:], torch.float64)
    left, right = (image * y).flatten(1).sum(1), (x * operator.adjoint(y)).flatten(1).sum(1)
    torch.testing.assert_close(left, right, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(
        operator.adjoint(y).flatten(1), y.flatten(1) @ dense(operator), rtol=1e-12, atol=1e-12
    )


@EVERY
@pytest.mark.parametrize("batched", [False, True], ids=["()", "(B,)"])
def test_solve(name, batched):
    """``(signal A Aᵀ + noise I)⁻¹ y`` for y in the range of A."""
    operator = OPERATORS[name]
    matrix, y = dense(operator), operator(states())
    signal = torch.tensor([0.3, 1.0, 2.0, 5.0], dtype=torch.float64)
    wide = signal.reshape(-1, *(1,) * (y.ndim - 1))
    made = operator.solve(y, wide if batched else signal[0], 0.25)
    for i in range(4):
        full = signal[i if batched else 0] * matrix @ matrix.T + 0.25 * torch.eye(len(matrix))
        expected = torch.linalg.solve(full.double(), y[i].flatten())
        torch.testing.assert_close(made[i].flatten(), expected, rtol=1e-10, atol=1e-10)


@EVERY
def test_moore_and_penrose(name):
    """A A⁺ A = A, A⁺ A A⁺ = A⁺, and A A⁺ and A⁺ A are symmetric."""
    operator, a = OPERATORS[name], dense(OPERATORS[name])
    expected = torch.linalg.pinv(a, rtol=1e-9)
    y = operator(states())
    made = operator.pseudoinverse(y)
    torch.testing.assert_close(made.flatten(1), y.flatten(1) @ expected.T, rtol=1e-7, atol=1e-7)
    torch.testing.assert_close(operator(made), y, rtol=1e-8, atol=1e-8)
    again = operator.pseudoinverse(operator(made))
    torch.testing.assert_close(again, made, rtol=1e-7, atol=1e-7)
    other = operator.pseudoinverse(operator(states(seed=2)))
    x, z = states(), states(seed=2)
    torch.testing.assert_close(  # A⁺ A is symmetric: an orthogonal projection
        (made * z).flatten(1).sum(1), (x * other).flatten(1).sum(1), rtol=1e-7, atol=1e-7
    )


@EVERY
def test_the_public_conformance_check(name):
    check_operator(OPERATORS[name], states())


@EVERY
def test_a_sample_does_not_depend_on_its_batch(name):
    operator, x = OPERATORS[name], states(7)
    y = operator(x)
    for solved in (operator, lambda v: operator.pseudoinverse(operator(v))):
        alone = torch.cat([solved(x[i : i + 1]) for i in range(7)])
        torch.testing.assert_close(alone, solved(x), rtol=1e-12, atol=1e-12)
    assert y.shape[0] == 7


@EVERY
def test_dtype_is_kept(name):
    x = states().float()
    assert OPERATORS[name](x).dtype == torch.float32
    assert OPERATORS[name].pseudoinverse(OPERATORS[name](x)).dtype == torch.float32


def test_composition_is_the_matrix_product():
    made = dense(Downsample(2) @ Blur(0.6))
    columns = torch.eye(int(np.prod(SHAPE)), dtype=torch.float64).reshape(-1, *SHAPE)
    averaged = columns.reshape(-1, SHAPE[0], 3, 2, 4, 2).mean((3, 5)).flatten(1).T
    torch.testing.assert_close(made, averaged @ dense(Blur(0.6)), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("sigma", [0.3, 1.0, 2.5])
def test_blur_is_a_mirrored_convolution(sigma):
    """Against scipy's direct sum with its mode ``reflect``, on an odd and on an even side."""
    x = states(2, shape=(1, 7, 10))
    radius = int(np.ceil(4 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    expected = x.numpy()
    for axis in (2, 3):
        expected = ndimage.correlate1d(expected, kernel, axis=axis, mode="reflect")
    torch.testing.assert_close(Blur(sigma)(x), torch.as_tensor(expected), rtol=1e-12, atol=1e-12)


def test_blur_keeps_flat_pictures_and_means():
    flat = torch.full((1, 1, 5, 6), 0.7, dtype=torch.float64)
    torch.testing.assert_close(Blur(2.0)(flat), flat)
    x = states(1, shape=(1, 5, 6))
    torch.testing.assert_close(Blur(2.0)(x).mean(), x.mean())


def test_downsampling_takes_means_of_squares():
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert Downsample(2)(x).flatten().tolist() == [2.5, 4.5, 10.5, 12.5]
    assert torch.equal(Downsample(1)(x), x)


def test_inpainting_zeros_what_is_not_seen():
    x = torch.tensor([[[1.0, float("nan")]]])
    assert Inpaint(torch.tensor([[True, False]]))(x).tolist() == [[[1.0, 0.0]]]


ERRORS = {
    "no mask": (lambda: Inpaint(torch.ones(2, 2)), "inpaint: expected a boolean mask"),
    "empty mask": (
        lambda: Inpaint(torch.zeros(2, 2, dtype=torch.bool)),
        "at least one observed entry",
    ),
    "factor": (lambda: Downsample(0), "superres: expected factor >= 1, got 0"),
    "size": (
        lambda: Downsample(4)(torch.zeros(1, 1, 6, 8)),
        "superres: 6×8 is not a multiple of the factor 4",
    ),
    "channels": (lambda: Greyscale(0), "greyscale: expected channels >= 1, got 0"),
    "another channels": (
        lambda: Greyscale(3)(torch.zeros(1, 1, 6, 8)),
        r"expected 3 channels in axis 1, got \(1, 1, 6, 8\)",
    ),
    "sigma": (lambda: Blur(0.0), "blur: expected sigma > 0 pixels, got 0.0"),
    "no function": (lambda: LinearFunction(3, (2,)), "expected a function, got int"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case):
    make, message = ERRORS[case]
    with pytest.raises(InputError, match=message):
        make()
