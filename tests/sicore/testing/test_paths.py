"""The check of interpolants tells each way of being wrong."""

import dataclasses

import pytest
import torch

from sicore.errors import ConversionError
from sicore.interpolants import VP, Linear, TwoSidedLinear
from sicore.predictions import DATA, convert
from sicore.states import scale, tree_map
from sicore.testing import check_interpolant, conversions


def fails(path):
    with pytest.raises(AssertionError) as caught:
        check_interpolant(path)
    return str(caught.value)


def of(family, **changes):
    """A path of a family in which something is otherwise: a function of the right answer."""

    def wrapped(name, change):
        inner = getattr(family, name)
        return lambda self, *given: change(inner(self, *given), *given)

    body = {name: wrapped(name, change) for name, change in changes.items()}
    return dataclasses.dataclass(frozen=True)(type(family.__name__, (family,), body))()


@dataclasses.dataclass(frozen=True)
class Halved(Linear):
    def sample(self, x0, x1, t, z):
        return super().sample(x0, x1, t, scale(0.5, z))


@dataclasses.dataclass(frozen=True)
class Rounded(TwoSidedLinear):
    def sample(self, x0, x1, t, z):
        made = super().sample(x0, x1, t, z)
        return dataclasses.replace(made, x_t=tree_map(lambda leaf: leaf.double(), made.x_t))


@dataclasses.dataclass(frozen=True)
class Heavy(Linear):
    def latent(self, noise, like):
        return scale(1.1, noise.normal_like(like))


@dataclasses.dataclass(frozen=True)
class Centred(Linear):
    def latent(self, noise, like):
        z = noise.normal_like(like)
        return tree_map(lambda leaf: leaf - leaf.mean(0), z)


def first(values, change):
    return (change(values[0]), *values[1:])


@pytest.mark.parametrize(
    ("path", "says"),
    [
        (
            of(Linear, derivatives=lambda d, t: (d[0], d[1] * 1.001, d[2])),
            "β̇ differs from autodiff",
        ),
        (of(Linear, derivatives=lambda d, t: (d[0], d[1], -d[2])), "γγ̇ differs from autodiff by"),
        (
            of(Linear, coefficients=lambda c, t: (c[0], c[1] / 2, c[2])),
            "at t = 1 it must be the data",
        ),
        (of(Linear, coefficients=lambda c, t: (c[0], c[1], c[2] + t)), "with little noise at most"),
        (
            of(Linear, coefficients=lambda c, t: (c[0], 1 + 0 * t, c[2])),
            "at t = 0 it must be noise",
        ),
        (
            of(TwoSidedLinear, coefficients=lambda c, t: first(c, lambda a: a / 2)),
            "at t = 0 it must be its source",
        ),
        (
            of(VP, derivatives=lambda d, t: (d[0], d[1], d[2] / torch.where(t == 1, 0.0, 1.0))),
            "γγ̇ must be finite at t = 0, t = 1",
        ),
        (of(Linear, coefficients=lambda c, t: (c[0].float(), *c[1:])), "α(t) must be float64"),
        (of(Linear, coefficients=lambda c, t: first(c, lambda a: a.sum())), "the shape of t"),
        (
            of(VP, derivatives=lambda d, t: (d[0], d[1] * (1 + 1e-9 * t.ndim), d[2])),
            "β̇ at t = 0 must be that of a batch",
        ),
        (Halved(), "must be α x0 + β x1 + γ z in every leaf"),
        (Rounded(), "a draw must keep torch.float32"),
        (Heavy(), "draws have mean"),
        (Centred(), "z must not depend on the batch"),
        (of(VP, time_at=lambda t, sigma: t + 1e-6), "time_at must invert the noise level"),
        (of(VP, noise_level=lambda level, t: 1 / level), "the noise level must fall with time"),
    ],
)
def test_wrong_interpolants(path, says):
    assert says in fails(path)


def test_wrong_conversions(monkeypatch):
    """A conversion that is a little off, or that is made up where nothing determines it."""

    def off(interpolant, t, x, value, kind, to, x0=None):
        made = convert(interpolant, t, x, value, kind, to, x0)
        return made * (1 + 1e-5) if to is DATA and x0 is None else made

    monkeypatch.setattr(conversions, "convert", off)
    assert "the data from a velocity at t = 0 is off by" in fails(Linear())

    def guessed(interpolant, t, x, value, kind, to, x0=None):
        try:
            return convert(interpolant, t, x, value, kind, to, x0)
        except ConversionError:
            return x

    monkeypatch.setattr(conversions, "convert", guessed)
    assert "the rows do not determine the velocity from a score at t = 0, so it must not" in fails(
        Linear()
    )

    def forgetful(interpolant, t, x, value, kind, to, x0=None):
        return convert(interpolant, t, x, value, kind, to)

    monkeypatch.setattr(conversions, "convert", forgetful)
    says = fails(TwoSidedLinear())
    assert "the rows do determine" in says and "given x0" in says
