"""Restoring with a model: shapes, invariances, errors."""

import re

import pytest
import torch

from sicore.errors import InputError, UnknownName
from sicore.inverse import Downsample, Inpaint, PiGDM
from sicore.states import Noise

OPERATOR = Inpaint(torch.tensor([[True, False], [False, True]]))
METHODS = pytest.mark.parametrize("method", ["pigdm", "mmps", "replacement"])


@pytest.fixture
def y():
    return OPERATOR(Noise.of(0, 3).normal((1, 2, 2)))


def settings(**more):
    return {"samples": 4, "noise_std": 0.1, "steps": 5} | more


@METHODS
def test_samples_of_each_measurement_come_in_a_row(model, y, method):
    made = model.restore(y, OPERATOR, method=method, **settings())
    assert made.x.shape == (12, 1, 2, 2) and made.decoded.shape == (12, 1, 2, 2)
    assert made.status.tolist() == [0] * 12 and len(made) == 12 and made.nfe == 9
    spread = made.x.reshape(3, 4, -1).std(1)
    assert bool((spread.max(1).values > 1e-3).all())  # posterior samples differ
    near = (OPERATOR(made.x) - y.repeat_interleave(4, 0)).abs().max()
    assert near < (0.02 if method == "replacement" else 1.5)


@METHODS
@pytest.mark.parametrize("size", [1, 5, 64])
def test_samples_do_not_depend_on_the_batch_size(model, y, method, size):
    whole = model.restore(y, OPERATOR, method=method, **settings())
    made = model.restore(y, OPERATOR, method=method, batch_size=size, **settings())
    torch.testing.assert_close(made.x, whole.x, rtol=0, atol=1e-5)
    first = model.restore(y[:1], OPERATOR, method=method, batch_size=size, **settings())
    torch.testing.assert_close(first.x, whole.x[:4], rtol=0, atol=1e-5)


@METHODS
def test_exact_measurements(model, y, method):
    """Without noise, with the solver that the model is configured for."""
    made = model.restore(y, OPERATOR, method=method, samples=4, steps=20)
    assert made.status.tolist() == [0] * 12 and bool(made.x.isfinite().all())


@pytest.mark.parametrize("path", ["linear", "trigonometric", "vp", "edm"])
@pytest.mark.parametrize("solver", ["euler", "heun", "ddim", "stochastic-heun"])
@METHODS
def test_every_path(make_model, y, path, solver, method):
    model = make_model(path, preconditioning="edm")
    made = model.restore(y, OPERATOR, method=method, solver=solver, **settings())
    assert made.status.tolist() == [0] * 12


def test_an_object_is_a_method(model, y):
    named = model.restore(y, OPERATOR, method="pigdm", **settings())
    given = model.restore(y, OPERATOR, method=PiGDM(), **settings())
    assert torch.equal(named.x, given.x)


def test_conditions_and_guidance(model, y):
    plain = model.restore(y, OPERATOR, **settings())
    bag = model.restore(y, OPERATOR, condition={"class": "Bag"}, **settings())
    guided = model.restore(y, OPERATOR, condition={"class": "Bag"}, guidance=2.0, **settings())
    assert not torch.allclose(plain.x, bag.x, atol=1e-4)
    assert not torch.allclose(guided.x, bag.x, atol=1e-4)
    assert guided.nfe == 2 * bag.nfe


def test_measurements_of_another_shape(model):
    y = Downsample(2)(torch.ones(2, 1, 2, 2))
    assert model.restore(y, Downsample(2), **settings()).x.shape == (8, 1, 2, 2)


def test_gradients_do_not_leak(model, y):
    assert not model.restore(y, OPERATOR, **settings()).x.requires_grad


ERRORS = {
    "shape": (lambda y: y[..., :1], {}, "y: the operator measures shape (1, 2, 2), got (1, 2, 1)"),
    "no batch": (lambda y: y[0], {}, "y needs a batch axis in front"),
    "method": (lambda y: y, {"method": "pigmd"}, "did you mean 'pigdm'"),
    "noise": (lambda y: y, {"noise_std": -1.0}, "noise_std: expected a number >= 0"),
    "samples": (lambda y: y, {"samples": 0}, "expected numbers >= 1"),
    "solver": (lambda y: y, {"solver": "huen"}, "did you mean 'heun'"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(model, y, case):
    change, more, message = ERRORS[case]
    with pytest.raises((InputError, UnknownName, ValueError), match=re.escape(message)):
        model.restore(change(y), OPERATOR, **settings(**more))


@METHODS
def test_a_measurement_has_to_be_finite(model, y, method):
    y[0, 0, 0, 0] = float("nan")
    with pytest.raises(InputError, match="y: the measurement has values that are not finite"):
        model.restore(y, OPERATOR, method=method, **settings())
