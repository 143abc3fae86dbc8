"""SDE-GAN and directed chain: laws in closed form; and what all three neural SDEs promise."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.states import Noise
from sicore_timeseries.exact.gaussian_process import GaussianProcess
from sicore_timeseries.generators.base import Generator, regular_times
from sicore_timeseries.generators.directed_chain import DirectedChain, link
from sicore_timeseries.generators.latent_sde import LatentSDE
from sicore_timeseries.generators.sde_gan import SDEGAN
from sicore_timeseries.generators.signature_loss import (
    energy_distance,
    part_features,
    signature_distance,
    signature_features,
)
from sicore_timeseries.generators.store import load_generator, new_generator, save_generator
from sicore_timeseries.generators.vector_fields import Grid
from sicore_timeseries.kernels import OrnsteinUhlenbeck
from sicore_timeseries.metrics.signatures import flat, signature

SMALL = {
    "latent-sde": {"latent": 2, "hidden": 6, "width": 8},
    "sde-gan": {"hidden": 4, "width": 8, "critic_hidden": 4, "critic_width": 8},
    "directed-chain": {"width": 8, "links": 2, "depth": 2},
}
KINDS = pytest.mark.parametrize("kind", SMALL)


def small(kind: str, seed: int = 0, **arguments) -> Generator:
    return new_generator(kind, {"channels": 2, **SMALL[kind], **arguments}, seed)


def gapped(count: int = 24, rows: int = 6) -> tuple[Tensor, Tensor]:
    """Windows with gaps, and irregular times of their own."""
    x = Noise.of(5, count).normal((rows, 2)).cumsum(1)
    x[::3, 2, 1] = torch.nan
    x[1::4, 0] = torch.nan
    times = Noise.of(6, count).uniform((rows,)).float().sort(1).values
    return x, times


@KINDS
def test_a_resumed_training_on_gaps_is_the_uninterrupted_one(kind: str, tmp_path: Path):
    data, times = gapped()
    options = {"batch_size": 8, "checkpoint_every": 2, "log_every": 1, "progress": False}
    whole, part, again = (small(kind) for _ in range(3))
    entire = whole.fit(data, times, steps=5, folder=tmp_path / "a", **options)

    def kill(entry: dict[str, float]) -> None:
        if entry["step"] == 3:
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        part.fit(data, times, steps=5, folder=tmp_path / "b", callback=kill, **options)
    resumed = again.fit(data, times, steps=5, folder=tmp_path / "b", resume=True, **options)
    assert resumed == entire
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])


@KINDS
def test_a_folder_gives_the_same_windows_in_any_batch(kind: str, tmp_path: Path):
    made, (_, times) = small(kind, seed=3), gapped()
    save_generator(made, tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"generator.json", "model.safetensors"}
    again = load_generator(tmp_path)
    whole = made.sample(7, times[:7], seed=2)
    assert whole.shape == (7, 6, 2) and whole.isfinite().all()
    torch.testing.assert_close(again.sample(7, times[:7], seed=2, batch_size=3), whole)
    assert not torch.allclose(made.sample(7, times[:7], seed=3), whole)


def test_the_critic_goes_up_and_the_source_down():
    data = 1.5 + Noise.of(0, 64).normal((4, 2))
    times, noise = regular_times(4), Noise.of(1, 64)

    def distances(learning_rate: float, critic_rate: float) -> list[float]:
        model = small("sde-gan", critic_rate=critic_rate)
        optimizer = model.optimizer(learning_rate)
        found = [model.update(optimizer, data, times, noise)["loss"] for _ in range(15)]
        return [float(value) for value in found]

    up, down = distances(1e-9, 1e6), distances(1e-3, 1e-6)
    assert up[-1] > up[0] + 1e-3
    assert down[-1] < down[0] - 1e-3


def test_an_sde_gan_finds_where_windows_are():
    data = 1.5 + 0.5 * Noise.of(0, 500).normal((4, 1))
    model = new_generator("sde-gan", {"channels": 1, "hidden": 8, "width": 16})
    before = float(model.sample(500, 4).mean())
    model.fit(data, steps=250, batch_size=64, learning_rate=3e-3, progress=False)
    assert abs(before - 1.5) > 0.8
    assert float(model.sample(500, 4).mean()) == pytest.approx(1.5, abs=0.4)


def linear_chain(rows: int = 5, a: float = 3.0, b: float = 2.0, c: float = 1.0):
    """Its coefficients, grid, and matrices: ``x = A x_0 + G x̃ + S ξ`` by Euler steps."""
    grid = Grid.of(regular_times(rows).double(), 1, 1)

    def coefficients(t: Tensor, x: Tensor, beside: Tensor) -> Tensor:
        return torch.stack((-a * x + b * beside, torch.full_like(x, c)), -1)

    steps = grid.times[0].diff()
    from_start, from_neighbour = torch.ones(1).double(), torch.zeros(rows).double()
    from_noise = torch.zeros(rows).double()
    found = []
    for n, h in enumerate(steps):
        place = max(n - 1, 0)  # the neighbour at the beginning of the step
        from_start, from_neighbour = (1 - a * h) * from_start, (1 - a * h) * from_neighbour
        from_neighbour[place] += b * h
        from_noise = (1 - a * h) * from_noise
        from_noise[n] = c * h.sqrt()
        found.append((from_start.clone(), from_neighbour.clone(), from_noise.clone()))
    return coefficients, grid, [torch.stack(part) for part in zip(*found, strict=True)]


def test_a_linear_chain_has_the_moments_of_its_matrices_and_forgets_where_it_began():
    paths, rows, links = 20_000, 5, 4
    coefficients, grid, (start, neighbour, noisy) = linear_chain(rows)
    grid = Grid(grid.times.expand(paths, -1), 1)
    first = Noise.of(0, paths).normal((rows,), torch.float64).cumsum(1)
    x, covariance, cross = first, torch.ones(rows, rows).double(), None
    covariance = torch.cov(first.mT)
    cross = covariance
    for q in range(links):
        noise = Noise.of(1, paths).named(f"link {q}")
        x0 = noise.named("start").normal((1,), torch.float64)
        x = link(coefficients, x0, x.unsqueeze(-1), grid, grid.driving(noise, 1))[..., 0]
        covariance = start @ start.mT + neighbour @ covariance @ neighbour.mT + noisy @ noisy.mT
        cross = neighbour @ cross
        size = float(covariance.diagonal().max())
        torch.testing.assert_close(torch.cov(x.mT), covariance, atol=0.05 * size, rtol=0)
    found = (x - x.mean(0)).mT @ (first - first.mean(0)) / (paths - 1)
    error = 5 * math.sqrt(float(covariance.diagonal().max() * first.var(0).max()) / paths)
    torch.testing.assert_close(found, cross, atol=error, rtol=0)
    assert cross.abs().max() < 0.1 * (neighbour @ torch.cov(first.mT)).abs().max()


def test_the_features_are_signatures_of_the_path_from_zero():
    generator = torch.Generator().manual_seed(0)
    windows = torch.randn(3, 8, 2, generator=generator, dtype=torch.float64)
    times = torch.linspace(0, 1, 8).double().square().expand(3, 8)
    path = torch.cat((times.unsqueeze(-1), windows), -1)
    path = torch.cat((torch.zeros(3, 1, 3).double(), path), 1)
    torch.testing.assert_close(
        signature_features(windows, times, 3), flat(signature(path, 3)), atol=1e-12, rtol=0
    )
    counts = [len(scale) for scale in part_features(windows, times, 2)]
    assert counts == [1, 2, 7]


def test_the_energy_distance_of_normal_laws():
    """``E|N(m, 2)| = 2/√π exp(−m²/4) + m erf(m/2)``, so the distance for m = 1 is known."""
    x = Noise.of(0, 3000).normal((2, 1), torch.float64)
    a, b = x[:, 0], x[:, 1] + 1
    apart = 2 / math.sqrt(math.pi) * math.exp(-0.25) + math.erf(0.5)
    exact = 2 * apart - 4 / math.sqrt(math.pi)
    assert float(energy_distance(a, b)) == pytest.approx(exact, abs=0.06)
    assert abs(float(energy_distance(a, b - 1))) < 0.01


def test_the_distance_tells_laws_apart_that_have_the_same_moments_of_each_row():
    times = regular_times(8).double().expand(200, 8)
    law = GaussianProcess(OrnsteinUhlenbeck(0.5))
    rough, again = (law.sample(Noise.of(k, 200), times[0]) for k in (0, 1))
    other = Noise.of(2, 200).normal((8, 1), torch.float64)
    parts = [part_features(x, times, 3) for x in (rough, again, other)]
    same, apart = signature_distance(parts[0], parts[1]), signature_distance(parts[2], parts[1])
    assert abs(float(same)) < 0.05 * float(apart)


def test_a_directed_chain_learns_two_modes_with_their_masses():
    side = (Noise.of(0, 2000).uniform() < 0.7).float() * 2 - 1
    data = side[:, None, None] + 0.2 * Noise.of(1, 2000).normal((4, 1))
    model = new_generator("directed-chain", {"channels": 1, "width": 32, "links": 4})
    assert isinstance(model, DirectedChain)
    model.fit(data, steps=300, batch_size=64, learning_rate=5e-3, progress=False)
    x = model.sample(2000, 4)[:, -1, 0]
    assert float((x > 0).float().mean()) == pytest.approx(0.7, abs=0.12)
    assert float((x.abs() < 0.4).float().mean()) < 0.15


def test_bad_arguments_are_named():
    with pytest.raises(InputError, match="encoder"):
        LatentSDE(1, encoder="none")
    with pytest.raises(InputError, match="gradient"):
        LatentSDE(1, gradient="adjoint")
    with pytest.raises(InputError, match="noise above 0"):
        LatentSDE(1, noise=0.0)
    with pytest.raises(InputError, match="SDE-GAN"):
        SDEGAN(1, brownian=0)
    with pytest.raises(InputError, match="directed chain"):
        DirectedChain(1, links=0)
