import pytest

from sicore.config import parse_config


@pytest.fixture
def configured(toy):
    """A configuration of a tiny training on the toy data."""

    def making(objective=None, **training):
        settings = {
            "steps": 30,
            "batch_size": 8,
            "checkpoint_every": 10,
            "log_every": 1,
            "warmup_steps": 5,
            "learning_rate": 1e-2,
        }
        return parse_config(
            {
                "domain": "toy",
                "data": "toy/points",
                "network": {"name": "mlp", "width": 16, "depth": 2},
                "objective": objective or {},
                "training": settings | training,
            }
        )

    return making
