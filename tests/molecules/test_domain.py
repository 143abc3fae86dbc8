"""Graphs and molecules as states."""

import pytest
import torch
from scipy.stats import chi2

from sicore.config import load_config
from sicore.errors import InputError
from sicore.hub import Model
from sicore.hub.build import build_parts
from sicore.predictions import FunctionPrediction
from sicore.states import Noise
from sicore_molecules.chemistry.vocabulary import ZINC_VOCABULARY
from sicore_molecules.domain import Graphs
from sicore_molecules.graphs import GraphBatch
from sicore_molecules.molecules import Molecules


@pytest.fixture
def domain(drugs):
    return Molecules(ZINC_VOCABULARY.symbols, drugs.atoms.shape[1] + 2)


def test_molecules_come_back(domain, drugs):
    x = domain.encode(drugs)
    domain.space_of(x).check(x)
    back = domain.decode(x).resized(drugs.atoms.shape[1])
    assert torch.equal(back.atoms, drugs.atoms) and torch.equal(back.bonds, drugs.bonds)
    assert torch.equal(x["nodes"].sum((1, 2)), (drugs.atoms > 0).sum(1).float())


def test_a_new_order_of_atoms_is_one_of_the_state(domain, drugs):
    order = torch.randperm(drugs.atoms.shape[1])
    moved = GraphBatch(drugs.atoms[:, order], drugs.bonds[:, order][:, :, order])
    n = len(order)
    x, y = domain.encode(drugs), domain.encode(moved)
    assert torch.equal(y["nodes"][:, :n], x["nodes"][:, :n][:, order])
    assert torch.equal(y["edges"][:, :n, :n], x["edges"][:, order][:, :, order])


def sizes(space, n):
    """How many nodes each sample has; they are the first ones."""
    z = space.shape_noise({k: torch.ones_like(v) for k, v in space.zeros(n).items()})
    there = z["nodes"].any(-1)
    assert bool((there[:, 1:] <= there[:, :-1]).all())
    pairs = there[:, :, None] & there[:, None] & ~torch.eye(there.shape[1], dtype=torch.bool)
    assert torch.equal(z["edges"].any(-1), pairs)
    return there.sum(1)


def test_sizes_are_those_of_the_data():
    counts, n = [7, 0, 30, 50, 20], 20_000  # of 0 to 4 nodes; a graph of none is not drawn
    drawn = sizes(Graphs(4, counts).space_for(Noise.of(0, n), None), n)
    got = torch.bincount(drawn, minlength=5)
    expected = torch.tensor([0, 0, 0.3, 0.5, 0.2]) * n
    assert int(got[:2].sum()) == 0
    excess = ((got - expected)[2:] ** 2 / expected[2:]).sum()
    assert float(excess) < chi2.ppf(1 - 1e-5, 2)


def test_a_size_that_is_asked_for():
    domain = Graphs(5, [0, 0, 0, 0, 1, 0])
    asked = {"size": torch.tensor([2, -1, 5])}
    assert sizes(domain.space_for(Noise.of(0, 3), asked), 3).tolist() == [2, 4, 5]
    with pytest.raises(InputError, match="expected 1 to 5 nodes"):
        domain.space_for(Noise.of(0, 1), {"size": torch.tensor([0])})
    assert not domain.conditions["size"].seen


def test_what_does_not_fit(drugs):
    with pytest.raises(InputError):
        Molecules(ZINC_VOCABULARY.symbols, 3).encode(drugs)
    with pytest.raises(InputError, match="expected kinds of nodes"):
        Graphs(40).encode(drugs)
    with pytest.raises(InputError, match="expected size >= 1"):
        Graphs(3, [0, 1])


def test_files_of_molecules_and_back(domain, drugs, tmp_path):
    paths = {path.suffix: path for path in domain.save(drugs, tmp_path)}
    assert set(paths) == {".smi", ".sdf", ".csv", ".png"}
    first = domain.read(paths[".smi"])
    domain.space_of(x := domain.encode(first)).check(x)
    assert int((first.atoms > 0).sum()) == int((drugs.atoms[0] > 0).sum())


def test_files_of_graphs(tmp_path):
    domain = Graphs(3)
    triangle = (1 - torch.eye(3)).to(torch.uint8)[None]
    paths = domain.save(GraphBatch(torch.ones(1, 3, dtype=torch.uint8), triangle), tmp_path)
    assert paths[0].read_text().strip() == "Bw"


def test_networks_are_not_given_the_size():
    """The size is for the domain: no network sees it, and there is nothing to guide towards."""
    model, seen = untrained(), []

    def spied(prediction):
        def value(t, x):
            return prediction(t, x, None)

        class Spy(FunctionPrediction):
            def __call__(self, t, x, condition=None):
                seen.append(condition)
                return super().__call__(t, x)

        return Spy(value, prediction.interpolant, prediction.kind)

    model.sample(2, {"size": 3, "logp": 1.0}, steps=2, wrappers=(spied,))
    model.sample(2, {"size": 3}, steps=1, wrappers=(spied,))
    assert [set(given or {}) for given in seen] == [{"logp"}, {"logp"}, set()]
    with pytest.raises(InputError, match="needs a condition to guide towards"):
        model.sample(2, {"size": 3}, steps=1, guidance=2.0)


def untrained():
    """A model of molecules with random weights."""
    config = load_config("molecules/qm9", ["network={name: mlp, width: 8, depth: 1}"])
    domain = {"vocabulary": ["C", "N"], "size": 4, "properties": {"logp": [0.0, 1.0]}}
    config = config.model_copy(update={"domain": config.domain.filled(domain)})
    return Model(config, build_parts(config), {})
