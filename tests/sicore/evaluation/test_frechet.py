import pytest
import torch

from sicore.errors import InputError
from sicore.evaluation import frechet_between, frechet_distance, moments


def test_one_dimension_is_the_gaussian_formula():
    a = torch.tensor([[0.0], [2.0], [4.0]])
    b = torch.tensor([[10.0], [11.0], [12.0]])
    # means 2 and 11, standard deviations 2 and 1
    assert frechet_distance(a, b) == pytest.approx(81 + (2 - 1) ** 2, rel=1e-12)


def test_covariances_that_commute():
    rotation = torch.linalg.qr(torch.randn(5, 5, dtype=torch.float64)).Q
    a, b = torch.tensor([1.0, 2, 3, 4, 5]).double(), torch.tensor([5.0, 1, 0, 2, 9]).double()
    shift = torch.tensor([1.0, 0, 0, 0, -2]).double()
    got = frechet_between(
        shift, rotation @ a.diag() @ rotation.T, torch.zeros(5), rotation @ b.diag() @ rotation.T
    )
    # One eigenvalue is zero: the root of its rounding, 1e-16, is what can be had.
    assert got == pytest.approx(5 + ((a.sqrt() - b.sqrt()) ** 2).sum().item(), rel=1e-7)


def test_covariances_that_do_not_commute():
    # tr (AB)^{1/2} of 2×2 matrices: sqrt(tr AB + 2 sqrt(det AB))
    a = torch.tensor([[2.0, 1.0], [1.0, 3.0]]).double()
    b = torch.tensor([[1.0, -0.4], [-0.4, 0.5]]).double()
    root = ((a @ b).trace() + 2 * (a @ b).det().sqrt()).sqrt()
    expected = (a.trace() + b.trace() - 2 * root).item()
    assert frechet_between(torch.zeros(2), a, torch.zeros(2), b) == pytest.approx(
        expected, rel=1e-12
    )


def test_singular_covariance_is_zero_to_itself_and_symmetric():
    x = torch.randn(10, 40)  # rank 9 of 40
    y = torch.randn(50, 40) + 1
    assert frechet_distance(x, x) < 1e-9
    assert frechet_distance(x, y) == pytest.approx(frechet_distance(y, x), rel=1e-9)


def test_moments_are_unbiased():
    x = torch.randn(7, 3).double()
    mean, cov = moments(x)
    assert torch.allclose(mean, x.mean(0))
    assert torch.allclose(cov, torch.cov(x.T))


def test_wrong_shapes():
    with pytest.raises(InputError, match="N > 1"):
        frechet_distance(torch.zeros(1, 3), torch.zeros(5, 3))
    with pytest.raises(InputError, match="3 and 4 columns"):
        frechet_distance(torch.zeros(5, 3), torch.zeros(5, 4))
