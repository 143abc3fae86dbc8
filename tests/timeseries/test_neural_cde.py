"""Neural CDEs against what is known: matrix exponentials, and the same gradients in two ways."""

from __future__ import annotations

import torch
from torch import Tensor

from sicore.solvers import RK4, solve
from sicore_timeseries.generators.neural_cde import Controlled, NeuralCDE
from sicore_timeseries.networks.control_paths import ControlPath

GRID = torch.linspace(0, 1, 41, dtype=torch.float64)


def test_a_linear_field_gives_products_of_matrix_exponentials() -> None:
    a = torch.randn(3, 3, 2, dtype=torch.float64) / 2  # dz = Σ_k A_k z dX^k
    times = torch.tensor([[0.0, 0.5, 1.0]], dtype=torch.float64)
    values = torch.randn(1, 3, 2, dtype=torch.float64)
    z = torch.randn(1, 3, dtype=torch.float64)

    def field(x: Tensor) -> Tensor:
        return torch.einsum("hjk,bj->bhk", a, x)

    made = z
    for i in (0, 1):  # a leg at a time, so that no step looks past its kink
        leg = ControlPath(times[:, i : i + 2], values[:, i : i + 2])
        grid = torch.linspace(i / 2, (i + 1) / 2, 21, dtype=torch.float64)
        made = torch.as_tensor(solve(Controlled(field, leg), made, grid, RK4()).x)
    truth = z[0]
    for step in values[0].diff(dim=0):
        truth = torch.linalg.matrix_exp(a @ step) @ truth
    torch.testing.assert_close(made[0], truth, atol=1e-6, rtol=0)


def test_the_adjoint_gradient_is_the_direct_one() -> None:
    times = torch.tensor([[0.0, 0.2, 0.6, 1.0]] * 2, dtype=torch.float64)
    values = torch.randn(2, 4, 2, dtype=torch.float64)
    values[0, 1, 1] = torch.nan
    network = NeuralCDE(2, hidden=4, width=8, steps=160).double()
    found = []
    for way in ("direct", "adjoint"):
        network.gradient = way
        network.zero_grad()
        network(times, values).square().sum().backward()
        found.append([p.grad.clone() for p in network.parameters() if p.grad is not None])
    for direct, adjoint in zip(*found, strict=True):
        torch.testing.assert_close(adjoint, direct, atol=1e-6, rtol=1e-6)
