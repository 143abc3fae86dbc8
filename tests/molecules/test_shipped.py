"""The model that comes with the plugin: mostly valid molecules, and what they are asked for."""

import numpy as np
import pytest
import torch

import sicore
from sicore.hub.model import model_folder
from sicore_molecules.chemistry.decode import build, sanitised
from sicore_molecules.chemistry.properties import compute
from sicore_molecules.chemistry.validity import validity

N = 120
LIMIT = 12e6  # bytes
VALID = 0.98  # at 40 steps, as its card says


@pytest.fixture(scope="module")
def model():
    return sicore.load("molecules/qm9", device="cpu")


@pytest.fixture(scope="module")
def graphs(model):
    return model.sample(N, steps=40, batch_size=N, seed=5).decoded


def test_most_molecules_are_valid_and_whole(model, graphs):
    """No more than five standard errors below what its card says."""
    state = validity(graphs, model.domain.vocabulary)
    assert state.strict.mean() > VALID - 5 * (VALID * (1 - VALID) / N) ** 0.5
    assert state.connected.mean() > 0.93
    assert graphs.sizes.float().mean() == pytest.approx(8.8, abs=0.3)


def test_properties_follow_what_is_asked(model):
    """The mean logP of valid molecules rises with the one that is asked for."""
    means = []
    for wanted in (-1.0, 2.0):
        drawn = model.sample(60, {"logp": wanted}, steps=25, batch_size=60).decoded
        pairs = zip(drawn.atoms.numpy(), drawn.bonds.numpy(), strict=True)
        mols = [sanitised(build(a, b, model.domain.vocabulary)) for a, b in pairs]
        values = compute([mol for mol in mols if mol is not None], ["logp"])["logp"]
        means.append(float(np.mean(values)))
    assert means[0] < 0 < 1 < means[1]


def test_what_ships_is_small_and_says_where_it_is_from(model):
    files = [path for path in model_folder("molecules/qm9").iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) < LIMIT
    assert {path.suffix for path in files} <= {".safetensors", ".json", ".md", ".yaml"}
    for word in ("Licence", "FCD", "Limits", "GDSS", "sicore train molecules/qm9"):
        assert word in model.card
    weights = model.network.state_dict().values()
    assert all(bool(tensor.isfinite().all()) for tensor in weights)
    assert all(tensor.dtype == torch.float32 for tensor in weights)
