"""Reversible Heun for any driving path: back again, gradients in two ways, orders, matrices."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from sicore.states import Noise
from sicore_timeseries.generators.neural_cde import NeuralCDE
from sicore_timeseries.generators.reversible_heun import Pair, begin, reverse, solve, step
from sicore_timeseries.generators.vector_fields import Grid, LipSwish, clip_weights, perceptron
from sicore_timeseries.networks.control_paths import ControlPath

B, H, K, N = 4, 3, 2, 40


def problem(seed: int = 0) -> tuple[nn.Module, Tensor, Tensor]:
    """A network, a first state, and increments."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = perceptron(H, 8, H * K, nn.Unflatten(1, (H, K))).double()
        return network, torch.randn(B, H).double(), 0.2 * torch.randn(N, B, K).double()


def test_the_way_back_meets_every_state_again():
    network, z, increments = problem()

    def field(n: int, x: Tensor) -> Tensor:
        return network(x) * (1 + n / N)

    at = begin(field, z)
    visited = [at]
    for n, dx in enumerate(increments):
        at = step(field, n, at, dx)
        visited.append(at)
    assert (at.z - z).abs().max() > 0.1
    for n in range(N - 1, -1, -1):
        at = reverse(field, n, at, increments[n])
        for found, known in zip(at, visited[n], strict=True):
            torch.testing.assert_close(found, known, atol=1e-12, rtol=0)
    assert isinstance(at, Pair)


def test_gradients_by_reconstruction_are_those_of_autograd():
    network, start, drawn = problem()
    weights = torch.linspace(1, 2, 3 * H).double().view(3, H)

    def gradients(reconstructed: bool) -> list[Tensor]:
        z, increments = start.clone().requires_grad_(), drawn.clone().requires_grad_()
        known = torch.linspace(-1, 1, H).double().requires_grad_()
        context = known.exp()  # computed before, and used at every moment

        def field(n: int, x: Tensor) -> Tensor:
            return network(x + n / N * context)

        depends = [context, *network.parameters()] if reconstructed else None
        path = solve(field, z, increments, [0, 11, N], depends)
        return list(
            torch.autograd.grad(
                (path.sin() * weights).sum(), [z, increments, known, *network.parameters()]
            )
        )

    for found, known in zip(gradients(True), gradients(False), strict=True):
        assert known.abs().max() > 1e-3
        torch.testing.assert_close(found, known, atol=1e-12, rtol=1e-12)


def test_nothing_is_remembered_but_the_end():
    network, z, increments = problem()
    kept = []
    hooks = torch.autograd.graph.saved_tensors_hooks(
        lambda x: kept.append(x.numel()) or x, lambda x: x
    )
    found = []
    for steps in (10, N):
        kept.clear()
        with hooks:
            solve(lambda _, x: network(x), z, increments[:steps], [steps], network.parameters())
        own = B * K * steps  # the increments, which are given
        found.append(sum(kept) - own)
    assert found[0] == found[1]


def brownian(paths: int, steps: int, seed: int = 0) -> Tensor:
    """Increments of two Brownian motions, ``(steps, paths, 2)``."""
    normals = Noise.of(seed, paths).normal((steps, 2), torch.float64)
    return (normals / math.sqrt(steps)).transpose(0, 1)


def coarse(increments: Tensor, count: int) -> Tensor:
    """So many steps of the same path, with time as the first channel."""
    summed = increments.unflatten(0, (count, -1)).sum(1)
    return torch.cat((torch.full_like(summed[..., :1], 1 / count), summed), -1)


def strong_orders(exact: Tensor, field, z: Tensor, increments: Tensor) -> list[float]:
    counts = (16, 32, 64, 128)
    errors = []
    for n in counts:
        made = solve(field, z, coarse(increments, n), [n])[:, 0]
        errors.append(float((made - exact).square().sum(1).mean().sqrt()))
    return [math.log2(a / b) for a, b in pairwise(errors)]


def test_geometric_brownian_motion_in_the_sense_of_stratonovich():
    paths, a, b = 2000, 0.3, 0.8
    increments = brownian(paths, 128)
    w = increments.sum(0)[:, :1]
    exact = (a + b * w).exp()  # dZ = a Z dt + b Z ∘ dW, without Itô's −b²/2

    def field(_: int, z: Tensor) -> Tensor:
        return z.unsqueeze(-1) * torch.tensor([a, b, 0.0]).double()

    orders = strong_orders(exact, field, torch.ones(paths, 1).double(), increments)
    assert all(0.8 < order < 1.2 for order in orders)  # one noise: order 1


def test_noises_that_do_not_commute_have_order_one_half():
    paths = 2000
    increments = brownian(paths, 1024)
    turns = torch.tensor([[[0.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, 0.0]]]).double()

    def field(_: int, z: Tensor) -> Tensor:
        noisy = torch.einsum("kij,bj->bik", turns, z)
        return torch.cat((torch.zeros_like(z).unsqueeze(-1), noisy), -1)

    z = torch.tensor([[1.0, 0.0]]).double().expand(paths, 2)
    exact = solve(field, z, coarse(increments, 1024), [1024])[:, 0]
    orders = strong_orders(exact, field, z, increments)
    assert sum(orders) / 3 == pytest.approx(0.5, abs=0.15)


def test_a_smooth_path_gives_order_two():
    """``dz = z dX`` with ``X = sin 3t``: ``z = exp(sin 3t)``."""
    errors = []
    for n in (40, 80):
        dx = torch.linspace(0, 3, n + 1).double().sin().diff().view(n, 1, 1)
        made = solve(lambda _, z: z.unsqueeze(-1), torch.ones(1, 1).double(), dx, [n])
        errors.append(abs(float(made) - math.exp(math.sin(3))))
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.1)


def test_the_neural_cde_is_the_same_by_either_solver_and_at_chosen_moments():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = NeuralCDE(2, hidden=4, width=8, steps=160).double()
    times = torch.tensor([[0.0, 0.2, 0.6, 1.0], [0.0, 0.3, 0.5, 1.0]]).double()
    values = torch.sin(torch.arange(16.0).double()).view(2, 4, 2)
    values[0, 1, 1] = torch.nan
    moments = torch.tensor([0.0, 0.25, 1.0])
    found = {}
    for way in ("direct", "reversible"):
        network.gradient = way
        network.zero_grad()
        end = network(times, values)
        path = network.path(times, values, moments, substeps=80)
        torch.testing.assert_close(path[:, -1], end, atol=1e-3, rtol=0)
        torch.testing.assert_close(path[:, 0], network.start(knots_at_start(times, values)))
        end.square().sum().backward()
        found[way] = [path.detach(), *(p.grad.clone() for p in network.parameters())]
    for one, other in zip(*found.values(), strict=True):
        torch.testing.assert_close(one, other, atol=5e-3, rtol=2e-3)


def knots_at_start(times: Tensor, values: Tensor) -> Tensor:
    """Time, values, and counts over T."""
    there = torch.full_like(values[:, 0], 1 / values.shape[1])
    return torch.cat((times[:, :1], values[:, 0], there), 1)


def test_the_value_of_a_control_path_has_its_derivative():
    times = torch.tensor([[0.0, 0.2, 0.7, 1.0]]).double()
    knots = torch.tensor([[[0.0], [1.0], [-1.0], [0.5]]]).double()
    for smooth in (False, True):
        path = ControlPath(times, knots, smooth)
        for k in range(4):
            torch.testing.assert_close(path.value(float(times[0, k])), knots[:, k])
        for t in (0.1, 0.33, 0.9):
            slope = (path.value(t + 1e-6) - path.value(t - 1e-6)) / 2e-6
            torch.testing.assert_close(slope, path.derivative(t), atol=1e-6, rtol=0)


def test_a_clipped_network_is_lipschitz():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = perceptron(3, 16, 5).double()
        for weight in network.parameters():
            weight.data.mul_(20)
        x, y = torch.randn(2, 500, 3).double()
    ratio = (network(x) - network(y)).abs().amax(1) / (x - y).abs().amax(1)
    assert ratio.max() > 1
    clip_weights(network)
    ratio = (network(x) - network(y)).abs().amax(1) / (x - y).abs().amax(1)
    assert ratio.max() <= 1
    grid = torch.linspace(-8, 8, 10_001).double()
    slopes = LipSwish()(grid).diff() / grid.diff()
    assert 0.99 < slopes.abs().max() <= 1


def test_the_grid_has_the_moments_and_lines_between_them():
    moments = torch.tensor([[0.0, 0.5, 1.0], [0.2, 0.3, 0.9]]).double()
    grid = Grid.of(moments, 2, 4)
    torch.testing.assert_close(grid.times[:, list(grid.keep)], moments)
    assert float(grid.times[:, 0].abs().max()) == 0
    torch.testing.assert_close(grid.values(moments.unsqueeze(-1))[:, 4:, 0], grid.times[:, 4:])
    streams = Noise.of(0, 4000)
    many = Grid.of(moments[1], 4000, 4)
    increments = many.driving(streams, 1)
    torch.testing.assert_close(increments[..., 0], many.times.diff().mT)
    total = increments[..., 1].sum(0)
    assert float(total.var()) == pytest.approx(0.9, rel=4 * math.sqrt(2 / 4000))
