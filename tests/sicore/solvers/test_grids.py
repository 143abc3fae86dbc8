"""Grids: exact ends, strictly monotone, in time or in noise level."""

import pytest
import torch

from sicore.errors import InputError
from sicore.interpolants import EDM, VP, Linear, TwoSidedLinear
from sicore.solvers import NoiseLevelGrid, UniformGrid


@pytest.mark.parametrize("steps", [1, 2, 7, 100])
@pytest.mark.parametrize(("start", "end"), [(0.0, 1.0), (1.0, 0.0), (0.2, 0.7)])
def test_uniform(steps, start, end):
    times = UniformGrid().times(steps, Linear(), start, end)
    assert times.dtype == torch.float64 and times.shape == (steps + 1,)
    assert times[0] == start and times[-1] == end
    torch.testing.assert_close(times.diff(), torch.full((steps,), (end - start) / steps).double())


@pytest.mark.parametrize("rho", [1.0, 3.0, 7.0])
@pytest.mark.parametrize("steps", [1, 2, 5, 18, 50])
def test_noise_levels(one_sided, steps, rho):
    """Equal steps in σ^(1/ρ), from the largest level of path and grid, then one to the data."""
    grid = NoiseLevelGrid(rho=rho)
    times = grid.times(steps, one_sided)
    assert times.dtype == torch.float64 and times.shape == (steps + 1,)
    assert times[0] >= 0 and times[-1] == 1 and bool((times.diff() > 0).all())
    levels = one_sided.noise_level(times)
    largest = min(80.0, float(one_sided.noise_level(torch.zeros(()))))
    torch.testing.assert_close(float(levels[0]), largest, rtol=1e-9, atol=0)
    if steps > 1:
        torch.testing.assert_close(float(levels[-2]), 0.002, rtol=1e-6, atol=0)
        roots = levels[:-1] ** (1 / rho)
        torch.testing.assert_close(roots.diff(), roots.diff().mean().expand(steps - 1))


def test_the_grid_of_the_edm_paper():
    """``σ_i = (σ_max^(1/ρ) + i/(N − 1) (σ_min^(1/ρ) − σ_max^(1/ρ)))^ρ``, equation 5."""
    levels = EDM().noise_level(NoiseLevelGrid().times(18, EDM()))
    i = torch.arange(18, dtype=torch.float64)
    expected = (80 ** (1 / 7) + i / 17 * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7
    torch.testing.assert_close(levels[:-1], expected)


def test_a_uniform_grid_on_the_edm_path_is_the_paper_grid_without_a_smallest_level():
    levels = EDM().noise_level(UniformGrid().times(18, EDM()))
    i = torch.arange(19, dtype=torch.float64)
    torch.testing.assert_close(levels, (80 ** (1 / 7) * (1 - i / 18)) ** 7)


def test_noise_levels_need_a_one_sided_path_to_the_data():
    for path, ends in ((TwoSidedLinear(), ()), (VP(), (0.1, 0.9)), (VP(), (1.0, 0.0))):
        with pytest.raises(InputError, match="noise-level grid: needs a path with one noise level"):
            NoiseLevelGrid().times(5, path, *ends)


@pytest.mark.parametrize("grid", [UniformGrid(), NoiseLevelGrid()])
@pytest.mark.parametrize("steps", [0, -3])
def test_steps_are_positive(grid, steps):
    with pytest.raises(InputError, match=f"steps: expected a whole number >= 1, got {steps}"):
        grid.times(steps, Linear())


def test_noise_levels_from_a_late_start():
    path = VP()
    times = NoiseLevelGrid().times(6, path, start=0.7)
    assert times[0] == pytest.approx(0.7) and times[-1] == 1.0
    roots = path.noise_level(times[:-1]) ** (1 / 7)
    assert torch.allclose(roots.diff(), roots.diff()[0].expand(5))
