"""Conjugate gradients against a dense solve, sample by sample."""

import torch

from sicore.inverse.conjugate_gradient import conjugate_gradient
from sicore.states import Noise

FACTOR = Noise.of(0, 6).normal((6,), torch.float64)
MATRIX = FACTOR @ FACTOR.T + 0.1 * torch.eye(6, dtype=torch.float64)


def apply(v):
    return v @ MATRIX


def test_solution():
    y = Noise.of(1, 10).normal((6,), torch.float64)
    expected = torch.linalg.solve(MATRIX, y.T).T
    torch.testing.assert_close(conjugate_gradient(apply, y), expected, rtol=1e-9, atol=1e-9)


def test_single_precision():
    y = Noise.of(1, 10).normal((6,), torch.float32)
    made = conjugate_gradient(lambda v: v @ MATRIX.float(), y)
    expected = torch.linalg.solve(MATRIX, y.double().T).T.float()
    torch.testing.assert_close(made, expected, rtol=1e-3, atol=1e-3)


def test_a_sample_does_not_depend_on_the_others():
    """Samples that are easy (an eigenvector), hard, tiny, huge or zero, alone and together."""
    eigenvector = torch.linalg.eigh(MATRIX).eigenvectors[:, 0]
    y = Noise.of(2, 8).normal((6,), torch.float64)
    y[0], y[1], y[2], y[3] = eigenvector, 0, 1e-8 * y[2], 1e8 * y[3]
    whole = conjugate_gradient(apply, y)
    for i in range(8):
        alone = conjugate_gradient(apply, y[i : i + 1])
        torch.testing.assert_close(alone[0], whole[i], rtol=1e-10, atol=0)


def test_a_sample_that_has_converged_is_left_alone():
    """To the last bit, while others of its batch, with more directions to search, go on."""
    curvature = torch.tensor([0.1, 0.7, 1.3, 2.0, 5.0, 9.0], dtype=torch.float64)
    y = Noise.of(3, 6).normal((6,), torch.float64).tril()  # sample i has i + 1 directions
    whole = conjugate_gradient(lambda v: v * curvature, y)
    for i in range(6):
        alone = conjugate_gradient(lambda v: v * curvature, y[i : i + 1])
        assert torch.equal(alone[0], whole[i])


def test_zero_stays_zero():
    assert torch.equal(conjugate_gradient(apply, torch.zeros(2, 6)), torch.zeros(2, 6))


def test_singular_systems_are_solved_in_their_range():
    low = FACTOR[:, :2] @ FACTOR[:, :2].T
    y = Noise.of(1, 3).normal((6,), torch.float64) @ low
    made = conjugate_gradient(lambda v: v @ low, y)
    torch.testing.assert_close(made, y @ torch.linalg.pinv(low), rtol=1e-8, atol=1e-8)


def test_tolerance_and_iterations_stop_early():
    y, calls = Noise.of(1, 1).normal((6,), torch.float64), []

    def counted(v):
        calls.append(v)
        return apply(v)

    conjugate_gradient(counted, y, iterations=3)
    assert len(calls) == 3
    loose = conjugate_gradient(apply, y, tolerance=0.1)
    assert (y - apply(loose)).norm() <= 0.1 * y.norm()
