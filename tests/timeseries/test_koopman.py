"""The operator of latent sequences: least squares, spectrum, rollouts."""

import math

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from sicore.errors import InputError
from sicore_timeseries.generators.koopman import (
    Spectrum,
    dynamics_error,
    linear_operator,
    residual_factor,
    rollout,
    unit_penalty,
)

ANGLES = (0.3, 0.8)  # ω Δt of the two oscillators


def normals(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def oscillators(count: int = 6, length: int = 20) -> Tensor:
    """Sums of two oscillations of any phase and amplitude, in four unrelated coordinates."""
    t = torch.arange(length, dtype=torch.float64)
    parts = [wave(angle * t) for angle in ANGLES for wave in (torch.cos, torch.sin)]
    return torch.stack(parts, -1) @ turned(normals(count, 2, 2)) @ normals(4, 4, seed=1)


def turned(amplitudes: Tensor) -> Tensor:
    """Amplitude and phase of each oscillator as a matrix of its cosine and sine, ``(B, 4, 4)``."""
    a, b = amplitudes.unbind(-1)
    blocks = torch.stack((torch.stack((a, b), -1), torch.stack((-b, a), -1)), -2)
    return torch.stack([torch.block_diag(*pair) for pair in blocks])


def operator(*eigenvalues: complex) -> Tensor:
    """A real operator with these eigenvalues and their conjugates, in unrelated coordinates."""
    pairs = [[[v.real, v.imag], [-v.imag, v.real]] for v in eigenvalues]
    blocks = torch.block_diag(*torch.tensor(pairs, dtype=torch.float64))
    mixing = normals(*blocks.shape, seed=2)
    return torch.linalg.inv(mixing) @ blocks @ mixing


def test_the_spectrum_of_two_oscillators_is_on_the_unit_circle_at_their_angles():
    found = torch.linalg.eigvals(linear_operator(oscillators()))
    angles = found.angle().sort().values
    expected = torch.tensor(sorted(s * a for a in ANGLES for s in (1, -1)), dtype=torch.float64)
    assert torch.allclose(angles, expected, atol=1e-9)
    assert torch.allclose(found.abs(), torch.ones(4, dtype=torch.float64), atol=1e-9)


def test_noise_leaves_the_operator_at_the_root_of_n_rate():
    truth = operator(0.9 * complex(math.cos(0.5), math.sin(0.5)))
    errors = []
    for n in (100, 10_000):
        z = rollout(truth, normals(n, 2), 10, normals(n, 9, 2, seed=3))
        errors.append(float((linear_operator(z) - truth).norm()))
    assert errors[1] < errors[0] / 3  # 10 in the mean
    assert errors[1] < 5 * 2 / math.sqrt(9 * 10_000)


def test_the_operator_is_the_least_squares_solution_of_all_sequences_together():
    z = normals(5, 7, 3)
    c = linear_operator(z)
    left = z[:, 1:].reshape(-1, 3) - z[:, :-1].reshape(-1, 3) @ c
    assert torch.allclose(z[:, :-1].reshape(-1, 3).T @ left, torch.zeros(3, 3).double(), atol=1e-10)
    assert torch.allclose(linear_operator(z[torch.tensor([4, 2, 0, 1, 3])]), c, atol=1e-10)


def test_everything_has_the_right_gradient():
    z = normals(3, 5, 4).requires_grad_()
    assert gradcheck(linear_operator, z)
    assert gradcheck(lambda z: dynamics_error(z, linear_operator(z), 3), z)
    assert gradcheck(lambda z: unit_penalty(linear_operator(z), 2), z)


def test_the_error_is_the_share_that_is_not_foretold():
    exact = oscillators()
    assert float(dynamics_error(exact, linear_operator(exact), 5)) < 1e-18
    z = normals(2000, 6, 3)  # white: nothing is foretold
    assert abs(float(dynamics_error(z, torch.zeros(3, 3).double(), 2)) - 1) < 1e-12
    error = dynamics_error(z, linear_operator(z))
    assert abs(float(error) - 1) < 0.01
    assert torch.allclose(dynamics_error(7 * z, linear_operator(7 * z)), error)


def test_a_horizon_uses_powers_of_the_operator():
    z, c = normals(4, 6, 2), normals(2, 2, seed=5)
    shares = [
        (z[:, :-j] @ torch.linalg.matrix_power(c, j) - z[:, j:]).square().sum()
        / z[:, j:].square().sum()
        for j in (1, 2, 3)
    ]
    assert torch.allclose(dynamics_error(z, c, 3), torch.stack(shares).mean())


def test_the_penalty_is_that_of_the_largest_moduli():
    c = operator(1.1 + 0j, 0.3 + 0.4j)
    assert float(unit_penalty(c, 2)) == pytest.approx(0.01)
    assert float(unit_penalty(c, 4)) == pytest.approx((2 * 0.01 + 2 * 0.25) / 4)
    on_circle = operator(complex(math.cos(1), math.sin(1)))
    assert float(unit_penalty(on_circle, 2)) < 1e-20


def test_descending_the_penalty_ends_on_the_unit_circle():
    c = operator(0.6 + 0.3j, 0.2 + 0.4j).requires_grad_()
    optimizer = torch.optim.Adam([c], 0.05)
    for _ in range(100):
        optimizer.zero_grad()
        unit_penalty(c, 4).backward()
        optimizer.step()
    moduli = torch.linalg.eigvals(c.detach()).abs()
    assert ((moduli > 0.99) & (moduli < 1.01)).all()


def test_modes_evolve_by_their_eigenvalues():
    c = operator(0.9 * complex(math.cos(0.5), math.sin(0.5)), 0.5 + 0.2j)
    spectrum = Spectrum.of(c)
    first = normals(3, 4)
    after = rollout(c, first, 6)[:, -1]
    a = (first.to(torch.complex128) @ spectrum.coordinates) * spectrum.eigenvalues**5
    assert torch.allclose((a @ spectrum.modes).real, after)
    assert spectrum.moduli[:2].tolist() == pytest.approx([0.9] * 2)
    assert spectrum.periods[:2].tolist() == pytest.approx([2 * math.pi / 0.5] * 2)
    assert spectrum.half_lives[:2].tolist() == pytest.approx([math.log(0.5) / math.log(0.9)] * 2)


def test_parts_of_pairs_add_up_and_carry_their_energy():
    z = oscillators()
    spectrum = Spectrum.of(linear_operator(z))
    order = spectrum.eigenvalues.angle().abs().argsort().tolist()
    slow, fast = spectrum.part(z, order[:2]), spectrum.part(z, order[2:])
    assert torch.allclose(slow + fast, z)
    turn = 2 * math.cos(ANGLES[0])  # of one oscillation: x_{t+1} + x_{t−1} = 2 cos ω x_t
    assert torch.allclose(slow[:, 2:] + slow[:, :-2], turn * slow[:, 1:-1])
    assert float(spectrum.energies(slow)[order[2:]].max()) < 1e-18
    energies = spectrum.energies(z)
    assert torch.allclose(energies[order[0]], energies[order[1]])  # a conjugate pair


def test_what_is_left_over_has_the_covariance_of_the_noise():
    truth, mixing = operator(0.5 + 0.3j), normals(2, 2, seed=7)
    n = 20_000
    z = rollout(truth, normals(n, 2), 5, normals(n, 4, 2, seed=8) @ mixing)
    factor = residual_factor(z, linear_operator(z))
    expected = mixing.T @ mixing
    error = (factor.T @ factor - expected).norm() / expected.norm()
    assert float(error) < 5 * 2 / math.sqrt(4 * n)


def test_too_few_steps_are_refused():
    with pytest.raises(InputError, match="fewer than 4 steps"):
        linear_operator(normals(1, 4, 4))
