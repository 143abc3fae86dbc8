"""FCD: closed form on Gaussian features, the cache, and what is said when ChemNet is missing."""

import sys

import pytest
import torch

from sicore.errors import InputError
from sicore_molecules.metrics import Moments, cached_moments, chemnet_moments, fcd
from sicore_molecules.metrics.chemnet import load_chemnet


def gaussian(mean, variances, n=1000):
    return Moments(torch.tensor(mean).double(), torch.diag(torch.tensor(variances)).double(), n)


def test_of_gaussians_in_closed_form():
    # ‖μa − μb‖² + Σ (σa − σb)² where the covariances commute.
    a, b = gaussian([0.0, 1.0, 2.0], [1.0, 4.0, 0.0]), gaussian([3.0, 1.0, -2.0], [9.0, 1.0, 4.0])
    assert fcd(a, b) == pytest.approx(9 + 16 + (2**2 + 1**2 + 2**2))
    assert fcd(a, a) == pytest.approx(0, abs=1e-9)


def test_of_rotated_gaussians():
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(0)).double())[
        0
    ]
    a, b = gaussian([0.0, 1.0, 2.0], [1.0, 4.0, 0.5]), gaussian([3.0, 1.0, -2.0], [9.0, 1.0, 4.0])
    turned = [Moments(turn @ m.mean, turn @ m.covariance @ turn.T, m.n) for m in (a, b)]
    assert fcd(*turned) == pytest.approx(fcd(a, b))


def letters(smiles):
    """Features that are told by hand: numbers of C and O."""
    return torch.tensor([[s.count("C"), s.count("O")] for s in smiles], dtype=torch.float32)


def test_moments_of_features():
    smiles = ["C", "CC", "CO", "COO"] * 100  # more than one batch
    found = chemnet_moments(smiles, letters)
    features = letters(smiles).double()
    torch.testing.assert_close(found.mean, features.mean(0))
    torch.testing.assert_close(found.covariance, torch.cov(features.T))
    assert found.n == 400


def test_distance_of_a_shift():
    a = chemnet_moments(["C", "CC", "CCC", "CCO"], letters)
    b = chemnet_moments(["CO", "CCO", "CCCO", "CCOO"], letters)
    assert fcd(a, b) == pytest.approx(1)


def test_one_molecule_has_no_covariance():
    with pytest.raises(InputError, match="at least two molecules, got 1"):
        chemnet_moments(["C"], letters)


def test_cache_is_used_and_knows_its_molecules(tmp_path):
    first = cached_moments(["C", "CO", "CC"], tmp_path, letters)

    def forbidden(smiles):
        raise AssertionError(f"computed again: {smiles}")

    again = cached_moments(["C", "CO", "CC"], tmp_path, forbidden)
    assert torch.equal(again.mean, first.mean)
    assert torch.equal(again.covariance, first.covariance)
    assert again.n == 3
    other = cached_moments(["C", "CO", "CCC"], tmp_path, letters)
    assert not torch.equal(other.mean, first.mean)
    assert [path.suffix for path in tmp_path.iterdir()] == [".safetensors"] * 2


def test_a_broken_cache_is_named(tmp_path):
    cached_moments(["C", "CO"], tmp_path, letters)
    (path,) = tmp_path.iterdir()
    path.write_bytes(b"broken")
    with pytest.raises(InputError, match=path.name):
        cached_moments(["C", "CO"], tmp_path, letters)


def test_missing_package_is_named(monkeypatch):
    load_chemnet.cache_clear()
    monkeypatch.setitem(sys.modules, "fcd_torch", None)
    with pytest.raises(InputError, match=r"sicore-molecules\[fcd\]"):
        chemnet_moments(["C", "CC"])


@pytest.mark.filterwarnings("ignore:`row_stack`:DeprecationWarning")  # of fcd-torch with numpy 2
def test_chemnet_itself():
    fcd_torch = pytest.importorskip("fcd_torch")
    load_chemnet.cache_clear()
    smiles = ["CCO", "c1ccccc1", "CC(=O)O", "CN", "CCCCCl", "O=C1CCCN1"]
    ours = chemnet_moments(smiles)
    theirs = fcd_torch.FCD(device="cpu").precalc(smiles)
    torch.testing.assert_close(
        ours.mean, torch.from_numpy(theirs["mu"]).double(), rtol=1e-4, atol=1e-6
    )
    torch.testing.assert_close(
        ours.covariance, torch.from_numpy(theirs["sigma"]), rtol=1e-3, atol=1e-6
    )
    assert fcd(ours, chemnet_moments(smiles[::-1])) == pytest.approx(0, abs=1e-6)
