"""The evaluation: what it counts, and that good data do better than spoiled ones."""

import pytest
import torch

from sicore.errors import InputError, UnknownName
from sicore_molecules.chemistry.vocabulary import ZINC_VOCABULARY
from sicore_molecules.graphs import GraphBatch, joined
from sicore_molecules.metrics import chemnet, independent_bonds, nspdk_mmd
from sicore_molecules.metrics.evaluation import METRICS, evaluate

from .conftest import DRUGS, graph

WITHOUT_FCD = tuple(name for name in METRICS if name != "fcd")
RINGS = ("c1ccccc1", "c1ccncc1", "C1CCCCC1", "c1ccc2ccccc2c1", "c1ccoc1")
TAILS = ("C", "O", "CC", "C(=O)O", "C(C)C", "N", "F", "CO", "C#N", "OC")


@pytest.fixture(scope="module")
def molecules():
    smiles = [f"{tail}{ring}" for ring in RINGS for tail in TAILS if tail not in ("C(C)C", "C#N")]
    return joined([graph(s) for s in smiles])


@pytest.fixture(scope="module")
def split(molecules):
    order = torch.randperm(len(molecules), generator=torch.Generator().manual_seed(0))
    return molecules[order[:20]], molecules[order[20:]]


def evaluated(given, split, **options):
    options = {"metrics": WITHOUT_FCD, **options}
    return evaluate(given, split[1], split[0], ZINC_VOCABULARY, **options)


def test_training_data_are_valid_and_known(split):
    figures = evaluated(split[0], split)
    assert set(figures["valid"].values()) == {1.0}
    assert (figures["uniqueness"], figures["novelty"]) == (1, 0)
    assert (figures["n"], figures["n_reference"], figures["n_train"]) == (20, 20, 20)
    # As many training molecules as generated ones, and these are all: the same figures.
    assert figures["model"] == pytest.approx(figures["floor"])


def test_invalid_ones_count_as_such(split):
    given = joined([split[0][:10], graph("CC").resized(5), split[0][:10]])
    given.bonds[10, 0, 1:5] = given.bonds[10, 1:5, 0] = 2
    given.atoms[10, :5] = 1
    figures = evaluated(given, split)
    assert figures["valid"]["strict"] == pytest.approx(20 / 21)
    assert figures["valid"]["relaxed"] == pytest.approx(20 / 21)
    assert figures["valid"]["connected"] == 1
    assert figures["uniqueness"] == pytest.approx(10 / 20)
    assert figures["model"]["n"] == 20
    # NSPDK looks at the invalid one too.
    assert figures["model"]["nspdk"] == pytest.approx(nspdk_mmd(given, split[1]))


def test_of_pieces_the_largest_counts(split):
    apart = graph("CCO")
    apart.bonds[0, 1, 2] = apart.bonds[0, 2, 1] = 0
    figures = evaluated(joined([split[0][:9], apart]), split, known=["CC"])
    assert figures["valid"]["strict"] == 1
    assert figures["valid"]["strict_and_connected"] == pytest.approx(0.9)
    assert figures["novelty"] == pytest.approx(9 / 10)


def test_independent_bonds_are_far_from_the_data(split):
    figures = evaluated(independent_bonds(split[0], 60, seed=1), split)
    assert figures["valid"]["connected"] < 0.6
    assert figures["model"]["nspdk"] > 1.5 * figures["floor"]["nspdk"]
    assert figures["model"]["fragment_similarity"] < figures["floor"]["fragment_similarity"]
    assert figures["model"]["snn"] < figures["floor"]["snn"]


def test_charged_molecules_of_the_data_count(split):
    # The data leave out the charge of a nitrogen with four bonds: they are molecules all the same.
    ammonium = joined([graph(DRUGS["acetylcholine"])] * 20)
    figures = evaluate(split[0], ammonium, ammonium, ZINC_VOCABULARY, metrics=["variety"])
    assert figures["floor"] == pytest.approx({"n": 20, "snn": 1, "internal_diversity": 0})


def test_fcd_caches_what_is_the_same_for_all_models(split, tmp_path, monkeypatch):
    def sizes(smiles):
        return torch.tensor([[float(len(s)), float(s.count("c"))] for s in smiles])

    monkeypatch.setattr(chemnet, "load_chemnet", lambda: sizes)
    first = evaluated(split[0], split, metrics=["fcd"], cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2  # test, and floor
    again = evaluated(split[0], split, metrics=["fcd"], cache=tmp_path)
    assert again == first
    assert first["model"]["fcd"] == pytest.approx(first["floor"]["fcd"])


def test_unknown_metrics_and_too_few_molecules(split):
    with pytest.raises(UnknownName, match="did you mean 'variety'"):
        evaluated(split[0], split, metrics=["varity"])
    nothing = GraphBatch(split[0].atoms * 0, split[0].bonds * 0)
    with pytest.raises(InputError, match="0 of 20 molecules are valid"):
        evaluated(nothing, split)
