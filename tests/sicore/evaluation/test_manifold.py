import pytest
import torch

from sicore.errors import InputError
from sicore.evaluation import manifold_metrics, neighbour_distance


def test_neighbour_distance_on_a_line():
    points = torch.tensor([[0.0], [1.0], [3.0], [7.0]])
    assert neighbour_distance(points, 1).tolist() == [1, 1, 2, 4]
    assert neighbour_distance(points, 2).tolist() == [3, 2, 3, 6]


def test_by_hand_on_a_line():
    real = torch.tensor([[0.0], [1.0], [10.0]])  # radii to the first neighbour: 1, 1, 9
    made = torch.tensor([[0.5], [30.0], [31.0]])  # radii 29.5, 1, 1
    got = manifold_metrics(real, made, k=1)
    assert got.precision == pytest.approx(1 / 3)  # only 0.5 is in a real ball
    assert got.recall == 1  # 0.5's ball reaches all
    assert got.density == pytest.approx(2 / 3)  # 0.5 is in the balls of 0 and of 1, 10's ends at 1
    assert got.coverage == pytest.approx(2 / 3)


def test_a_collapsed_model_is_precise_without_recall():
    real = torch.randn(400, 2)
    got = manifold_metrics(real, 0.01 * torch.randn(400, 2))
    assert got.precision > 0.9
    assert got.recall < 0.1
    assert got.coverage < 0.1


def test_a_scattered_model_recalls_without_precision():
    got = manifold_metrics(torch.randn(400, 2), 20 * torch.randn(400, 2))
    assert got.precision < 0.1
    assert got.recall > 0.8


def test_the_same_law_scores_high_on_all():
    got = manifold_metrics(torch.randn(1500, 2), torch.randn(1500, 2))
    assert min(got.precision, got.recall, got.density, got.coverage) > 0.85


def test_too_few():
    with pytest.raises(InputError, match="more than 3"):
        manifold_metrics(torch.zeros(3, 2), torch.zeros(9, 2))
