"""Control paths: through their knots, causal, and the same path however it is sampled."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sicore_timeseries.networks.control_paths import ControlPath, forward_filled, intensity

NAN = torch.nan


def knots() -> tuple[Tensor, Tensor]:
    times = torch.tensor([[0, 0.1, 0.35, 0.5, 1], [0.05, 0.2, 0.6, 0.7, 0.9]], dtype=torch.float64)
    return times, torch.randn(2, 5, 3, dtype=torch.float64)


def integral(path: ControlPath, start: float, end: float) -> Tensor:
    """Gauss's rule with two points: exact for the quadratics that derivatives are."""
    middle, half = (start + end) / 2, (end - start) / 2
    root = half / 3**0.5
    return half * (path.derivative(middle - root) + path.derivative(middle + root))


@pytest.mark.parametrize("smooth", [False, True])
def test_it_runs_through_its_knots(smooth: bool) -> None:
    times, values = knots()
    path = ControlPath(times, values, smooth)
    for b in range(2):
        for i in range(4):
            moved = integral(path, float(times[b, i]), float(times[b, i + 1]))[b]
            torch.testing.assert_close(moved, values[b, i + 1] - values[b, i])


@pytest.mark.parametrize("smooth", [False, True])
def test_the_past_does_not_know_the_future(smooth: bool) -> None:
    times, values = knots()
    other = values.clone()
    other[:, 3:] += 1
    for t in (0.06, 0.3, 0.349):  # before the third knot of both
        here, there = (ControlPath(times, v, smooth).derivative(t) for v in (values, other))
        assert torch.equal(here, there)


def test_a_smooth_path_has_no_kinks() -> None:
    times, values = knots()
    path = ControlPath(times[:1], values[:1], smooth=True)
    for t in times[0, 1:-1].tolist():
        torch.testing.assert_close(
            path.derivative(t - 1e-10), path.derivative(t), atol=1e-6, rtol=0
        )


def test_points_on_a_linear_path_change_nothing() -> None:
    times, values = knots()
    middle, between = (times[:, 1:] + times[:, :-1]) / 2, (values[:, 1:] + values[:, :-1]) / 2
    more, order = torch.cat([times, middle], 1).sort(1)
    whole = torch.cat([values, between], 1).gather(1, order.unsqueeze(-1).expand(-1, -1, 3))
    for t in (0.07, 0.33, 0.52, 0.88):
        torch.testing.assert_close(
            ControlPath(times, values).derivative(t), ControlPath(more, whole).derivative(t)
        )


def test_missing_entries_are_the_last_ones_and_are_counted() -> None:
    values = torch.tensor([[[NAN, 1.0], [2.0, NAN], [NAN, NAN], [5.0, 7.0]]])
    filled = torch.tensor([[[0.0, 1.0], [2.0, 1.0], [2.0, 1.0], [5.0, 7.0]]])
    assert torch.equal(forward_filled(values), filled)
    counted = torch.tensor([[[0.0, 1.0], [1.0, 1.0], [1.0, 1.0], [2.0, 2.0]]]) / 4
    assert torch.equal(intensity(values), counted)
