"""Each check accepts what is right, and tells each way of being wrong."""

from typing import ClassVar

import pytest
import torch
from torch import nn

from sicore.backbones import MLP
from sicore.config import Component
from sicore.hub import Categorical, Domain
from sicore.inverse import Blur, Downsample, Inpaint, LinearFunction
from sicore.plugins import get_registry
from sicore.solvers import DormandPrince, Euler, EulerMaruyama, Heun
from sicore.states import TensorSpace, TreeSpace
from sicore.testing import (
    check_backbone,
    check_dataset,
    check_domain,
    check_lazy_import,
    check_operator,
    check_plugin,
    check_solver,
)


class Plane(Domain):
    name = "plane"
    space = TensorSpace((2,))

    def __init__(self):
        self.conditions = {"class": Categorical(3)}

    def encode(self, items):
        return items / 5

    def decode(self, x):
        return x * 5


class Points:
    title, licence, source = "points", "CC0", "generated"

    def __init__(self):
        self.x = 5 * torch.randn(300, 2, generator=torch.Generator().manual_seed(0))

    def __len__(self):
        return len(self.x)

    def batch(self, indices):
        return self.x[indices], {"class": indices % 3}

    def domain_config(self):
        return {"mean": [0.0]}


def but(cls, **changes):
    """An instance of a class in which something is otherwise."""
    return type(cls.__name__, (cls,), changes)()


def fails(check, *arguments):
    with pytest.raises(AssertionError) as caught:
        check(*arguments)
    return str(caught.value)


def test_right_parts_pass():
    check_dataset(Points())
    check_domain(Plane(), Points().x)
    check_backbone(MLP(Plane()), Plane())


def test_what_is_missing_in_both_is_equal():
    class Gaps(Points):
        def batch(self, indices):
            x = self.x[indices].clone()
            x[:, 0] = float("nan")
            return x, {"observed": x}

    check_dataset(Gaps())


WRONG_DATASETS = {
    "'licence' must be": {"licence": ""},
    "it is empty": {"__len__": lambda self: 0},
    "same indices must give the same items": {
        "batch": lambda self, i: (self.x[i] + torch.randn(1), {}),
    },
    "must not depend on its batch": {
        "batch": lambda self, i: (self.x[i] - self.x[i].mean(0), {}),
    },
    "one value for each item": {"batch": lambda self, i: (self.x[i], {"class": i[:1]})},
    "made of numbers, strings": {"domain_config": lambda self: {"shape": (2, 2)}},
}


@pytest.mark.parametrize("says", WRONG_DATASETS)
def test_wrong_datasets(says):
    assert says in fails(check_dataset, but(Points, **WRONG_DATASETS[says]))


WRONG_DOMAINS = {
    "'name' is missing": {"name": ""},
    "expected shape (B, 3": {"space": TensorSpace((3,))},
    "must have variance 1": {"encode": lambda s, x: x, "decode": lambda s, x: x},
    "must have mean 0": {"encode": lambda s, x: x / 5 + 3, "decode": lambda s, x: (x - 3) * 5},
    "encode(decode(x)) must be x": {"decode": lambda s, x: x},
    "treat each item alone": {"encode": lambda s, x: (x - x.mean(0)) / 5},
    "not finite": {"encode": lambda s, x: x / 0},
    "save must return the files": {"save": lambda s, d, folder, *, stem: []},
    "is no file in the folder": {"save": lambda s, d, folder, *, stem: [folder / "absent"]},
}


@pytest.mark.parametrize("says", WRONG_DOMAINS)
def test_wrong_domains(says):
    domain = but(Plane, **WRONG_DOMAINS[says])
    try:
        message = fails(check_domain, domain, Points().x)
    except ValueError as error:  # the space's own words
        message = str(error)
    assert says in message


class Coupled(MLP):
    def forward(self, x, t, condition=None):
        return super().forward(x - x.mean(0), t, condition)


class Random(MLP):
    def forward(self, x, t, condition=None):
        return super().forward(x + torch.randn(1), t, condition)


class NullIsZero(MLP):
    def forward(self, x, t, condition=None):
        known = {k: v.clamp(min=0) for k, v in (condition or {}).items()}
        return super().forward(x, t, known or None)


class Idle(MLP):
    def __init__(self, domain):
        super().__init__(domain)
        self.unused = nn.Linear(1, 1)


class Shared(MLP):
    def __init__(self, domain):
        super().__init__(domain)
        self.hidden[1].weight = self.hidden[0].weight


class Flat(MLP):
    def forward(self, x, t, condition=None):
        return super().forward(x, t, condition)[:, :1]


@pytest.mark.parametrize(
    ("network", "says"),
    [
        (Coupled, "must not depend on the others"),
        (Random, "deterministic"),
        (NullIsZero, "must be 'no condition'"),
        (Idle, "without a gradient: unused"),
        (Shared, "share memory"),
        (Flat, "expected the shape of the state (4, 2)"),
    ],
)
def test_wrong_backbones(network, says):
    torch.manual_seed(0)
    assert says in fails(check_backbone, network(Plane()), Plane())


def test_the_perceptron_takes_trees_of_any_shape():
    domain = but(Plane, space=TreeSpace({"a": TensorSpace((2, 3)), "b": TensorSpace((4,))}))
    check_backbone(MLP(domain, width=16), domain)


class Overstated(Euler):
    order: ClassVar[int] = 2


class Miscounted(Heun):
    evaluations: ClassVar[int] = 1


class Remembering(Euler):
    def step(self, dynamics, step, x, carry, noise):
        object.__setattr__(self, "last", 0)
        return super().step(dynamics, step, x, carry, noise)


class Averaging(Euler):
    def step(self, dynamics, step, x, carry, noise):
        x, carry = super().step(dynamics, step, x, carry, noise)
        return x + 0.1 * x.mean(0), carry


class Quiet(EulerMaruyama):
    def registers(self, dynamics, step, x, noise):
        x, noise = super().registers(dynamics, step, x, noise)
        return [x, 0 * noise]


class Coupling(DormandPrince):
    """One step for all samples, as other libraries take it."""

    def _norm(self, v, x, y):
        error = super()._norm(v, x, y)
        return error.square().mean().sqrt().expand(len(error))


class Careless(DormandPrince):
    def _norm(self, v, x, y):
        return 1e-4 * super()._norm(v, x, y)


@pytest.mark.parametrize(
    ("solver", "says"),
    [
        (Overstated(), "declares order 2, but reaches 1.0"),
        (Miscounted(), "declares 1 evaluations a step, so 8 for 8 steps, but made 16"),
        (Remembering(), "must hold no state"),
        (Averaging(), "must not depend on the others"),
        (Quiet(), "the data's deviation is 2.0"),
        (Coupling(), "must not depend on the others"),
        (Careless(0.3, 0.3), "from the right one"),
    ],
)
def test_wrong_solvers(solver, says):
    assert says in fails(check_solver, solver)


@pytest.mark.parametrize("name", get_registry().names("solver"))
def test_registered_solvers(name):
    check_solver(Component.parse("solver", name).build())


PICTURES = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
MASK = torch.arange(64).reshape(8, 8) % 3 == 0


@pytest.mark.parametrize(
    "operator",
    [Inpaint(MASK), Downsample(2), Blur(0.6), Downsample(2) @ Blur(0.6)],
    ids=["inpaint", "superres", "blur", "composed"],
)
def test_operators(operator):
    check_operator(operator, PICTURES.double())


class WrongAdjoint(Downsample):
    def adjoint(self, y):
        return 4 * super().adjoint(y)


class WrongInverse(Downsample):
    def pseudoinverse(self, y):
        return self.adjoint(y)


@pytest.mark.parametrize(
    ("operator", "says"),
    [
        (WrongAdjoint(2), "<Ax, y> and <x, Aᵀy> differ"),
        (WrongInverse(2), "A A⁺ A x must be A x"),
        (LinearFunction(torch.abs, (1, 8, 8)), ""),
        (LinearFunction(lambda x: x + 1, (1, 8, 8)), "A(2x) must be 2 A(x)"),
        (LinearFunction(lambda x: x - x.mean(0), (1, 8, 8)), "must not depend on the others"),
    ],
)
def test_wrong_operators(operator, says):
    assert says in fails(check_operator, operator, PICTURES.double())


def test_lazy_import():
    check_lazy_import("sicore.plugins.builtin")
    assert "imports torch" in fails(check_lazy_import, "sicore.states")
    assert "cannot be imported" in fails(check_lazy_import, "no_such_module")


def test_the_built_ins_conform():
    check_plugin("sicore")


def test_a_plugin_that_is_not_there():
    assert "no plugin 'absent' is installed" in fails(check_plugin, "absent")
