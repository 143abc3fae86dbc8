"""Models of one-hot sequences: trained, sampled, and what they refuse."""

import pytest
import torch

from sicore.config import parse_config
from sicore.errors import InputError
from sicore.hub import Model, load
from sicore.hub.build import build_parts
from sicore.inverse import Inpaint
from sicore.likelihood import normal_prior
from sicore.training import train

LETTERS = """
import torch

from sicore.hub import Domain, Scalar
from sicore.plugins import hookimpl
from sicore.states import TensorSpace


class Letters(Domain):
    name = "letters"
    space = TensorSpace((4, 3))
    conditions = {"shift": Scalar(1.0, 0.8)}


class Words:
    title, licence, source = "Words", "CC0", "drawn by the tests"

    def __init__(self, n: int = 3000):
        generator = torch.Generator().manual_seed(0)
        self.first = torch.randint(3, (n,), generator=generator)
        self.step = torch.randint(3, (n,), generator=generator)

    def __len__(self):
        return len(self.first)

    def batch(self, indices):
        first, step = self.first[indices, None], self.step[indices, None]
        kinds = (first + step * torch.arange(4)) % 3
        return torch.eye(3)[kinds], {"shift": self.step[indices].float()}

    def domain_config(self):
        return {}


@hookimpl
def sicore_register(registry):
    registry.add("domain", "letters", "fake_letters:Letters", "four letters")
    registry.add("dataset", "letters/words", "fake_letters:Words", "k, k + d, k + 2d, k + 3d mod 3")
"""


@pytest.fixture
def letters(installed):
    return installed("letters", LETTERS)


@pytest.fixture
def configured(letters):
    def making(steps=30, objective=None, **sections):
        return parse_config(
            {
                "domain": "letters",
                "data": "letters/words",
                "network": {"name": "mlp", "width": 64, "depth": 2},
                "interpolant": "categorical",
                "prediction": "categorical",
                "preconditioning": "softmax",
                "objective": {"time_law": "uniform", "condition_dropout": 0.2} | (objective or {}),
                "training": {
                    "steps": steps,
                    "batch_size": 256,
                    "learning_rate": 1e-2,
                    "warmup_steps": 10,
                    "log_every": 10,
                    "ema_decay": 0.95,
                },
                "sampling": {"solver": {"name": "categorical-leap", "eta": 5.0}, "steps": 30},
                **sections,
            }
        )

    return making


@pytest.fixture
def model(configured):
    config = configured()
    parts = build_parts(config)
    parts.network.eval().requires_grad_(False)
    return Model(config, parts, {})


def arithmetic(x):
    """The share of words k, k + d, k + 2d, k + 3d."""
    steps = (x.argmax(-1).diff(dim=-1) % 3).double()
    return float((steps == steps[:, :1]).all(-1).double().mean())


def test_a_trained_model_knows_how_letters_go_together(configured, tmp_path):
    """With independent letters one word in nine would be right."""
    folder = train(
        configured(300, {"condition_dropout": 0.5}), tmp_path / "run", device="cpu", progress=False
    )
    model = load(folder)
    made = model.sample(400, batch_size=400).x
    assert bool((made.sum(-1) == 1).all())
    assert arithmetic(made) > 0.5
    asked = model.sample(200, {"shift": 2.0}, batch_size=200, guidance=1.5).x
    steps = asked.argmax(-1).diff(dim=-1) % 3
    assert float((steps == 2).double().mean()) > 0.8
    shares = model.interpolant.marginals[""]
    assert shares == pytest.approx([1 / 3] * 3, abs=0.02)


def test_samples_do_not_depend_on_the_batch(model):
    whole = model.sample(6, steps=5).x
    assert torch.equal(model.sample(6, steps=5, batch_size=4).x, whole)


def test_a_number_as_a_condition(model):
    """By value, one or one for each; NaN in a tensor is "not given"."""
    plain = model.sample(3, steps=3).x
    missing = torch.full((3,), float("nan"))
    assert torch.equal(model.sample(3, {"shift": missing}, steps=3).x, plain)
    each = model.coded({"shift": [0.0, 1.0, 2.0]}, 3)["shift"]
    assert torch.equal(each, torch.tensor([0.0, 1.0, 2.0]))
    assert torch.equal(model.coded({"shift": 0.3}, 2)["shift"], torch.full((2,), 0.3))
    for wrong in ("high", float("nan"), float("inf")):
        with pytest.raises(InputError, match="expected a finite number"):
            model.sample(3, {"shift": wrong})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"as_interpolant": "linear"}, "not a path from normal noise"),
        ({"solver": "heun"}, "categorical-leap"),
        ({"solver": "euler-maruyama"}, "its noise is not normal"),
        ({"epsilon": 1.0}, "its noise is not normal"),
        ({"grid": "noise-level"}, "one noise level"),
    ],
)
def test_what_sampling_refuses(model, options, message):
    with pytest.raises(InputError, match=message):
        model.sample(2, **options)


def test_what_needs_a_density(model):
    with pytest.raises(InputError, match="starts from Gaussian noise"):
        model.restore(torch.zeros(1, 4, 3), Inpaint(torch.ones(4, 3, dtype=torch.bool)))
    with pytest.raises(InputError, match="not normal"):
        normal_prior(model.interpolant)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"preconditioning": {"name": "none"}}, "preconditioning.name=softmax"),
        ({"objective": {"rollout": 0.5}}, "no draws of a categorical path"),
        ({"objective": {"coupling": {"name": "exact-ot"}}}, "choose 'independent'"),
    ],
)
def test_what_training_refuses(configured, changes, message, tmp_path):
    with pytest.raises(InputError, match=message):
        train(configured(**changes), tmp_path / "run", device="cpu", progress=False)
