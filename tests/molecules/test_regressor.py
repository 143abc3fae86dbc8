"""The regressor of a property: a sum over a graph, learned on soft states, saved and loaded."""

from pathlib import Path

import pytest
import torch

from sicore.errors import InputError
from sicore_molecules.data.qm9 import QM9
from sicore_molecules.domain import EDGES, NODES
from sicore_molecules.molecules import Molecules
from sicore_molecules.regressor import (
    PropertyRegressor,
    load_regressor,
    measured,
    softened,
    train_regressor,
)

SMALL = {"d_node": 32, "d_edge": 16, "layers": 2, "heads": 4}


@pytest.fixture(scope="module")
def test_set() -> QM9:
    return QM9("test", ("logp",))


@pytest.fixture(scope="module")
def domain(test_set: QM9) -> Molecules:
    return Molecules(**test_set.domain_config())


@pytest.fixture(scope="module")
def trained(test_set: QM9, domain: Molecules) -> PropertyRegressor:
    return train_regressor(
        domain, test_set, "logp", steps=120, batch_size=64, learning_rate=6e-3, options=SMALL
    )


def test_it_learns_the_property(
    test_set: QM9, domain: Molecules, trained: PropertyRegressor
) -> None:
    """A hundred steps explain much of logP; permuted molecules have the same."""
    graphs, given = test_set.batch(torch.arange(500))
    error = trained(domain.encode(graphs)) - given["logp"]
    assert float(error.square().mean()) < 0.75 * float(given["logp"].var())
    order = torch.randperm(9, generator=torch.Generator().manual_seed(0))
    permuted = trained(domain.encode(graphs.permuted(order)))
    torch.testing.assert_close(permuted, trained(domain.encode(graphs)), atol=1e-4, rtol=1e-4)


def test_saved_and_loaded(tmp_path: Path, domain: Molecules, trained: PropertyRegressor) -> None:
    """The file holds all that is needed."""
    trained.save(tmp_path / "logp.safetensors")
    again = load_regressor(tmp_path / "logp.safetensors", domain)
    x = domain.encode(QM9("test").batch(torch.arange(4))[0])
    torch.testing.assert_close(again(x), trained(x), atol=0, rtol=0)
    (tmp_path / "none.safetensors").write_bytes(b"no tensors")
    with pytest.raises(InputError, match=r"none\.safetensors: is no regressor"):
        load_regressor(tmp_path / "none.safetensors", domain)


def test_soft_states(test_set: QM9, domain: Molecules) -> None:
    """λ = 1 is the data, λ = 0 their mean, and absent nodes stay absent."""
    x1 = domain.encode(test_set.batch(torch.arange(50))[0])
    assert isinstance(x1, dict)
    hard, soft = softened(x1, torch.ones(50)), softened(x1, torch.zeros(50))
    assert isinstance(hard, dict) and isinstance(soft, dict)
    torch.testing.assert_close(hard, x1)
    there = x1[NODES].sum(-1) > 0
    torch.testing.assert_close(soft[NODES].sum(-1), there.float())
    shares = x1[EDGES].flatten(0, 2).sum(0)
    torch.testing.assert_close(soft[EDGES][0, 0, 1], shares / shares.sum())


def test_what_is_not_in_the_data(domain: Molecules) -> None:
    """The data have to be loaded with the property."""
    with pytest.raises(InputError, match="loaded without 'logp'"):
        train_regressor(domain, QM9("test"), "logp", steps=1, options=SMALL)


def test_its_error_is_measured(
    test_set: QM9, domain: Molecules, trained: PropertyRegressor
) -> None:
    """The root mean square over the graphs that were asked for, kept in the file's scale."""
    graphs, given = test_set.batch(torch.arange(700))
    error = (trained(domain.encode(graphs)) - given["logp"]).square().mean().sqrt()
    assert measured(trained, domain, test_set, 700).scale.error == pytest.approx(float(error))
