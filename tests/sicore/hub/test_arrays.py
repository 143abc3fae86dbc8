"""Conditions that are arrays: what was observed of a sample, NaN where it was not."""

import pytest
import torch

from sicore.backbones import ConditionEmbedding
from sicore.errors import InputError
from sicore.hub import Array, Scalar
from sicore.hub.conditions import coded_conditions

KINDS = {"seen": Array((2, 3)), "shift": Scalar()}
NAN = float("nan")


def test_one_array_serves_all_samples():
    given = [[1.0, NAN, 3.0], [4.0, 5.0, NAN]]
    for value in (given, torch.tensor(given), torch.tensor([given])):
        made = coded_conditions(KINDS, {"seen": value}, 4)["seen"]
        assert made.shape == (4, 2, 3)
        assert torch.equal(made.isnan(), torch.tensor(given).isnan().expand(4, 2, 3))


def test_each_sample_has_its_own():
    given = torch.arange(12.0).reshape(2, 2, 3)
    assert torch.equal(coded_conditions(KINDS, {"seen": given}, 2)["seen"], given)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (torch.zeros(3, 2), "expected shape \\(2, 3\\)"),
        (torch.zeros(3, 2, 3), "expected 1 or 2 values, got 3"),
        (torch.full((2, 3), float("inf")), "finite"),
        ([["a", 1, 2], [1, 2, 3]], "expected numbers of shape"),
        ("text", "expected numbers of shape"),
    ],
)
def test_what_does_not_fit_is_refused(value, told):
    with pytest.raises(InputError, match=told):
        coded_conditions(KINDS, {"seen": value}, 2)


def test_examples_differ_and_leave_something_open():
    examples = KINDS["seen"].examples(3)
    assert examples.shape == (3, 2, 3)
    assert 0 < examples.isnan().float().mean() < 0.5
    known = examples[~examples.isnan()]
    assert len(known.unique()) == len(known)
    assert KINDS["seen"].missing(2).isnan().all()


def test_embeddings_of_conditions_leave_arrays_to_the_network():
    assert set(ConditionEmbedding(KINDS, 4).parts) == {"shift"}
