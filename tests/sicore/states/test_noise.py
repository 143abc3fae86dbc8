"""The law of the noise, and that it depends on nothing but (seed, stream, sample, draw, leaf)."""

import itertools

import pytest
import torch
from scipy import stats

from sicore.states import Noise, SymmetricSpace, TensorSpace, TreeSpace

N = 100_000


def columns(noise, size=4):
    return noise.normal((size,), torch.float64)


def test_normals_are_normal():
    drawn = columns(Noise.of(0, N // 4)).flatten()
    assert stats.kstest(drawn.numpy(), "norm").pvalue > 1e-3
    for power, moment in enumerate((0, 1, 0, 3), start=1):
        values = drawn**power
        assert abs(values.mean() - moment) < 4 * values.std() / N**0.5


def test_entries_are_independent():
    drawn = columns(Noise.of(0, N // 4), 7)
    correlation = torch.corrcoef(drawn.T) - torch.eye(7)
    assert correlation.abs().max() < 5 / (N // 4) ** 0.5
    assert (torch.corrcoef((drawn**2).T) - torch.eye(7)).abs().max() < 5 / (N // 4) ** 0.5


def test_uniforms_are_uniform():
    drawn = Noise.of(5, N).uniform()
    assert drawn.shape == (N,) and drawn.dtype == torch.float64
    assert stats.kstest(drawn.numpy(), "uniform").pvalue > 1e-3


def test_seeds_streams_draws_leaves_and_samples_are_independent():
    base = Noise.of(0, 20_000)
    uses = {
        "base": base.normal((1,), torch.float64),
        "seed": Noise.of(1, 20_000).normal((1,), torch.float64),
        "negative seed": Noise.of(-1, 20_000).normal((1,), torch.float64),
        "stream": base.named("a").normal((1,), torch.float64),
        "nested stream": base.named("a").named("b").normal((1,), torch.float64),
        "draw": base.at(1).normal((1,), torch.float64),
        "leaf": base.normal((1,), torch.float64, "nodes"),
        "sample": Noise.of(0, 20_000, first=20_000).normal((1,), torch.float64),
        "sample beyond 32 bits": Noise.of(0, 20_000, first=2**32).normal((1,), torch.float64),
    }
    for (a, x), (b, y) in itertools.combinations(uses.items(), 2):
        assert not torch.isclose(x, y).float().mean() > 1e-3, f"{a} and {b} share numbers"
        correlation = torch.corrcoef(torch.cat((x, y), 1).T)[0, 1]
        assert abs(correlation) < 5 / 20_000**0.5, f"{a} and {b} are correlated"


@pytest.mark.parametrize("size", [1, 7, 64])
def test_a_sample_is_the_same_in_every_batch(size):
    whole = columns(Noise.of(3, 64), 5)
    parts = [columns(Noise.of(3, min(size, 64 - i), i), 5) for i in range(0, 64, size)]
    assert torch.equal(torch.cat(parts), whole)


def test_a_sample_is_the_same_in_every_order():
    noise, order = Noise.of(3, 64), torch.randperm(64, generator=torch.Generator().manual_seed(0))
    assert torch.equal(columns(noise.take(order)), columns(noise)[order])
    assert torch.equal(columns(noise.take(slice(5, 9))), columns(noise)[5:9])


def test_a_longer_draw_starts_with_the_shorter_one():
    noise = Noise.of(0, 3)
    assert torch.equal(columns(noise, 9)[:, :5], columns(noise, 5))


def test_float32_is_rounded_float64():
    noise = Noise.of(0, 1000)
    single, double = noise.normal((3,), torch.float32), noise.normal((3,), torch.float64)
    assert single.dtype == torch.float32 and torch.equal(single, double.float())


def test_normals_like_a_state():
    noise = Noise.of(0, 3)
    tree = {"nodes": torch.zeros(3, 2, dtype=torch.float64), "edges": torch.zeros(3, 2, 2)}
    drawn = noise.normal_like(tree)
    assert drawn["nodes"].dtype == torch.float64 and drawn["edges"].dtype == torch.float32
    assert drawn["edges"].shape == (3, 2, 2)
    assert torch.equal(drawn["nodes"], noise.normal((2,), torch.float64, "nodes"))
    assert torch.equal(noise.normal_like(torch.zeros(3, 2)), noise.normal((2,), torch.float32))
    scalar = noise.normal_like(torch.zeros(3))
    assert scalar.shape == (3,)


def test_normals_of_a_space_have_its_structure():
    space = TreeSpace({"nodes": TensorSpace((4, 2)), "edges": SymmetricSpace((4, 4, 1))})
    edges = Noise.of(0, 5, space=space).normal_like(space.zeros(5))["edges"]
    assert torch.equal(edges, edges.transpose(1, 2))
    assert torch.equal(edges[:, range(4), range(4)], torch.zeros(5, 4, 1))


@pytest.mark.parametrize(("t", "s"), [(0.2, 0.7), (0.7, 0.2)])
def test_increments_have_the_variance_of_the_step(t, s):
    like = torch.zeros(20_000, 1, dtype=torch.float64)
    increment = Noise.of(0, 20_000).increment(t, s, like)
    assert abs(increment.var() - 0.5) < 4 * 0.5 * (2 / 20_000) ** 0.5
    assert abs(increment.mean()) < 4 * (0.5 / 20_000) ** 0.5


def test_the_coordinates_of_a_step_are_independent_normals():
    like, noise = torch.zeros(20_000, 1, dtype=torch.float64), Noise.of(0, 20_000)
    xi, zeta = noise.coordinates(0.2, 0.7, like, 2)
    assert abs(torch.corrcoef(torch.cat((xi, zeta), 1).T)[0, 1]) < 5 / 20_000**0.5
    assert all(abs(part.var() - 1) < 5 * (2 / 20_000) ** 0.5 for part in (xi, zeta))
    assert torch.equal(noise.coordinates(0.2, 0.7, like)[0], xi)
    later = noise.at(1).coordinates(0.2, 0.7, like, 2)
    assert not any(torch.isclose(a, b).any() for a, b in zip(later, (xi, zeta), strict=True))
