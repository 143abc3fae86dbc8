"""Uniqueness, novelty, fragments, scaffolds, fingerprints, properties: cases told by hand."""

import math
from collections import Counter

import numpy as np
import pytest
from rdkit import Chem
from scipy.stats import wasserstein_distance

from sicore.errors import InputError
from sicore_molecules.metrics import (
    fragment_similarity,
    internal_diversity,
    morgan,
    nearest_similarity,
    novelty,
    scaffold_similarity,
    uniqueness,
    wasserstein_distances,
)
from sicore_molecules.metrics.substructures import cosine, fragment_counts, scaffold_counts


def mols(*smiles):
    return [Chem.MolFromSmiles(s) for s in smiles]


def test_uniqueness_and_novelty_count_different_molecules():
    drawn = ["C", "C", "CC", "CO"]
    assert uniqueness(drawn) == 3 / 4
    assert novelty(drawn, ["CC", "N"]) == 2 / 3
    assert novelty(drawn, drawn) == 0
    assert novelty(drawn, []) == 1


@pytest.mark.parametrize("metric", [uniqueness, lambda s: novelty(s, ["C"])])
def test_no_molecules_have_no_share(metric):
    with pytest.raises(InputError, match="at least one valid molecule"):
        metric([])


def test_cosine():
    assert cosine({"a": 3, "b": 4}, {"a": 6, "b": 8}) == pytest.approx(1)
    assert cosine({"a": 3, "b": 4}, {"b": 2, "c": 0}) == pytest.approx(0.8)
    assert cosine({"a": 1}, {"b": 1}) == 0
    assert math.isnan(cosine({}, {"a": 1}))


def test_scaffolds_of_two_rings_count():
    found = scaffold_counts(mols("CCc1ccc2ccccc2c1", "Oc1ccc2ccccc2c1", "CCc1ccccc1", "CCO"))
    assert found == {"c1ccc2ccccc2c1": 2}  # naphthalene
    assert scaffold_counts(mols("CCc1ccccc1", "CCO"), min_rings=1) == {"c1ccccc1": 1}


def test_scaffold_similarity_of_known_shares():
    naphthalene, biphenyl = "Cc1ccc2ccccc2c1", "Cc1ccc(cc1)c1ccccc1"
    a = mols(naphthalene, naphthalene, naphthalene, biphenyl, biphenyl, biphenyl, biphenyl)
    assert scaffold_similarity(a, mols(naphthalene)) == pytest.approx(3 / 5)
    assert scaffold_similarity(a, a) == pytest.approx(1)


def test_fragments_are_cut_at_brics_bonds():
    # An ester's single bond C(=O)–O is one of the bonds that BRICS cuts, and so is O–CH2.
    found = fragment_counts(mols("CCC(=O)OCC"))
    assert sum(found.values()) == 3
    assert fragment_counts(mols("CCC(=O)OCC") * 2) == Counter({k: 2 * v for k, v in found.items()})
    assert fragment_counts(mols("C1CCCCC1")) == {"C1CCCCC1": 1}  # nothing to cut


def test_fragment_similarity_does_not_depend_on_numbers():
    a = mols("CCC(=O)OCC", "c1ccccc1", "CCO")
    assert fragment_similarity(a, a * 3) == pytest.approx(1)
    assert fragment_similarity(mols("C1CCCCC1"), mols("c1ccccc1")) == 0


def tanimoto(a, b):
    x, y = (np.array(list(f), dtype=int) for f in (a, b))
    return (x & y).sum() / (x | y).sum()


def test_fingerprint_metrics_against_the_bits():
    a = morgan(mols("CCO", "CCN", "c1ccccc1O"))
    b = morgan(mols("CCCO", "Oc1ccccc1C", "CCO", "N"))
    table = np.array([[tanimoto(x, y) for y in b] for x in a])
    assert nearest_similarity(a, b) == pytest.approx(table.max(1).mean())
    own = np.array([[tanimoto(x, y) for y in a] for x in a])
    assert internal_diversity(a) == pytest.approx(1 - own.mean())
    assert internal_diversity(a, p=2) == pytest.approx(1 - np.sqrt((own**2).mean()))


def test_fingerprint_metrics_at_their_ends():
    same = morgan(mols("CCO", "OCC", "C(O)C"))
    assert internal_diversity(same) == pytest.approx(0)
    assert nearest_similarity(same, morgan(mols("CCO", "c1ccccc1"))) == pytest.approx(1)
    with pytest.raises(InputError, match="at least one valid molecule"):
        nearest_similarity(same, [])


def test_wasserstein_against_scipy(rng):
    a = {"qed": rng.normal(size=40), "logp": rng.normal(size=40)}
    b = {"qed": rng.normal(1, 2, 25), "logp": a["logp"] + 3}
    found = wasserstein_distances(a, b)
    assert found["qed"] == pytest.approx(wasserstein_distance(a["qed"], b["qed"]))
    assert found["logp"] == pytest.approx(3)  # a shift


def test_a_property_must_be_in_both_sets():
    with pytest.raises(InputError, match="'sa'"):
        wasserstein_distances({"sa": np.ones(2)}, {"qed": np.ones(2)})
