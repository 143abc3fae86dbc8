import pytest
import torch

from sicore.config import parse_config
from sicore.hub import Model
from sicore.hub.build import build_parts


@pytest.fixture
def make_model(toy):
    """A model of 2 × 2 pictures with random weights."""

    def making(interpolant="linear", width=16, **sections):
        config = parse_config(
            {
                "domain": {"name": "toy", "scale": 2.0},
                "data": "toy/points",
                "network": {"name": "mlp", "width": width, "depth": 2},
                "interpolant": interpolant,
                **sections,
            }
        )
        torch.manual_seed(0)
        parts = build_parts(config)
        parts.network.eval().requires_grad_(False)
        return Model(config, parts, {"energy": 0.5}, "# A card\n")

    return making


@pytest.fixture
def model(make_model):
    return make_model()
