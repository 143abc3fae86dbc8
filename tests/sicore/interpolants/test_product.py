"""A product of paths is each of its paths on its own leaf, in everything."""

import pytest
import torch

from sicore.config import Component
from sicore.dynamics import PathDynamics, noising, proportional
from sicore.errors import ConversionError, InputError
from sicore.interpolants import EDM, VP, Linear, Product, TwoSidedLinear
from sicore.objectives import EDMWeight, Objective
from sicore.predictions import (
    DATA,
    NOISE,
    SCORE,
    VELOCITY,
    EDMPreconditioning,
    FunctionPrediction,
    V,
    convert,
)
from sicore.solvers import DDIM, EulerMaruyama, Heun, solve
from sicore.states import Noise, SymmetricSpace, TensorSpace, TreeSpace

PATHS = {"nodes": VP(), "edges": EDM(sigma_max=3.0), "atoms": Linear()}  # not in sorted order
PRODUCT = Product(PATHS)
SHAPES = {"nodes": (3,), "edges": (2, 2), "atoms": (1,)}
SPACE = TreeSpace({k: TensorSpace(shape) for k, shape in SHAPES.items()})
NOISE_OF = Noise.of(0, 4)
TIMES = (torch.tensor(0.3).double(), torch.tensor([0.1, 0.4, 0.6, 0.9]).double())
KINDS = (VELOCITY, SCORE, NOISE, DATA, V)


def draw(stream):
    return NOISE_OF.named(stream).normal_like(SPACE.zeros(4, torch.float64))


def close(made, expected):
    assert set(made) == set(expected)
    for name in made:
        torch.testing.assert_close(made[name], expected[name], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("t", TIMES, ids=["one time", "a time each"])
def test_samples_and_conversions(t):
    x1, z = draw("data"), draw("latent")
    sample = PRODUCT.sample(None, x1, t, z)
    close(sample.x_t, {k: p.sample(None, x1[k], t, z[k]).x_t for k, p in PATHS.items()})
    value = draw("value")
    for kind in KINDS:
        for to in KINDS:
            made = convert(PRODUCT, t, sample.x_t, value, kind, to)
            each = {k: convert(p, t, sample.x_t[k], value[k], kind, to) for k, p in PATHS.items()}
            close(made, each)
        (made,) = kind.residual(PRODUCT.at(t), sample, value)
        residuals = {
            k: kind.residual(p.at(t), p.sample(None, x1[k], t, z[k]), value[k])[0]
            for k, p in PATHS.items()
        }
        close(made, residuals)


def test_one_leaf_that_is_undetermined_refuses_the_whole():
    x = draw("x")
    convert(Product({"a": EDM()}), 0.0, {"a": x["nodes"]}, {"a": x["nodes"]}, NOISE, DATA)
    with pytest.raises(ConversionError, match="at t = 0 on the path Product"):
        convert(PRODUCT, 0.0, x, x, NOISE, DATA)  # the linear leaf starts as pure noise


def prediction(kind, path):
    """A smooth function of each leaf alone, so that the product falls apart into its leaves."""

    def function(t, x):
        values = {"": x} if isinstance(x, torch.Tensor) else x
        made = {k: torch.sin(v + t.reshape(-1, *(1,) * (v.ndim - 1))) for k, v in values.items()}
        return made[""] if isinstance(x, torch.Tensor) else made

    return FunctionPrediction(function, path, kind)


@pytest.mark.parametrize(
    "solver", [Heun(), DDIM(), EulerMaruyama()], ids=lambda s: type(s).__name__
)
def test_solving(solver):
    """Every leaf moves as it would alone, with its own diffusion."""
    times = torch.linspace(0.05, 0.95, 7).double()
    x, epsilon = draw("start"), {"": None, **dict.fromkeys(PATHS)}
    if solver.stochastic:
        epsilon = {"": noising(PRODUCT), **{k: noising(p) for k, p in PATHS.items()}}
    made = solve(PathDynamics(prediction(DATA, PRODUCT), epsilon[""]), x, times, solver, NOISE_OF)
    for name, path in PATHS.items():
        dynamics = PathDynamics(prediction(DATA, Product({name: path})), None)
        if solver.stochastic:
            dynamics = PathDynamics(prediction(DATA, Product({name: path})), epsilon[name])
        alone = solve(dynamics, {name: x[name]}, times, solver, NOISE_OF)
        torch.testing.assert_close(made.x[name], alone.x[name], rtol=1e-12, atol=1e-12)


def test_the_noising_diffusion_is_the_papers():
    """``ε = g²/2`` with VP's ``g² = β(τ)`` and EDM's ``g² = d σ²/dτ``, each in its row."""
    t = torch.tensor([0.2, 0.7]).double()
    made = noising(PRODUCT)(t)
    tau = 1 - t
    rows = dict(zip(sorted(PATHS), made, strict=True))
    torch.testing.assert_close(2 * rows["nodes"], 0.1 + 19.9 * tau)
    torch.testing.assert_close(2 * rows["edges"], 2 * 7 * 9.0 * tau**13)


def test_proportional_noise_and_priors():
    assert proportional(2.0, PRODUCT)(torch.tensor(0.5)).shape == (3, 1)
    x = PRODUCT.prior(Noise.of(0, 50_000), SPACE, torch.float64)
    spread = {"nodes": 1.0, "edges": 10.0**0.5, "atoms": 1.0}
    for name, leaf in x.items():
        assert abs(leaf.std() / spread[name] - 1) < 4.5 * (2 * leaf.numel()) ** -0.5


def test_the_loss_is_the_sum_over_leaves():
    weights, x1 = {"nodes": 1.0, "edges": 0.5, "atoms": 2.0}, draw("data")
    whole = Objective(PRODUCT, weight=EDMWeight(), leaf_weights=weights)
    made = whole.loss(prediction(NOISE, PRODUCT), x1, None, NOISE_OF)
    total = torch.zeros(4).double()
    for name, path in PATHS.items():
        alone = Objective(Product({name: path}), weight=EDMWeight(), leaf_weights={name: 1.0})
        leaf = {name: x1[name]}
        total += weights[name] * alone.loss(
            prediction(NOISE, Product({name: path})), leaf, None, NOISE_OF
        )
    torch.testing.assert_close(made, total)


def test_preconditioning():
    x, t = draw("x"), torch.tensor(0.4).double()
    edm = EDMPreconditioning()
    made = edm(lambda x, t, c: x, PRODUCT, t, t, x, None)
    close(made, {k: edm(lambda x, t, c: x, p, t, t, x[k], None) for k, p in PATHS.items()})


def test_noise_keeps_the_structure_of_the_space():
    space = TreeSpace({"nodes": TensorSpace((3, 1)), "edges": SymmetricSpace((3, 3, 1))})
    path = Product({"nodes": VP(), "edges": EDM()})
    edges = path.prior(Noise.of(0, 2, space=space), space, torch.float64)["edges"]
    assert torch.equal(edges, edges.transpose(1, 2)) and bool((edges != 0).any())


def test_configuration():
    entry = {"name": "product", "interpolants": {"nodes": "vp", "edges": {"name": "edm", "rho": 5}}}
    component = Component.parse("interpolant", entry)
    assert component.build() == Product({"nodes": VP(), "edges": EDM(rho=5.0)})
    assert Component.parse("interpolant", component.plain()) == component


def test_errors():
    with pytest.raises(InputError, match="product: expected a path for each leaf, all from noise"):
        Product({"a": VP(), "b": TwoSidedLinear()})
    with pytest.raises(InputError, match="product: expected a path for each leaf"):
        Product({})
    with pytest.raises(InputError, match=r"a coefficient for 3 leaves met a state of leaves \['a'"):
        x = {"a": torch.ones(2, 1)}
        PRODUCT.sample(None, x, torch.tensor(0.5), x)
