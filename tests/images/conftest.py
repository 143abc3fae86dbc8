from types import SimpleNamespace

import pytest
import torch

from sicore_images.data.sample import ClothesSample
from sicore_images.domain import Images


@pytest.fixture(scope="session")
def clothes():
    """200 real pictures, uint8 (200, 1, 28, 28), and their classes."""
    data = ClothesSample("train")
    pictures, condition = data.batch(torch.arange(len(data)))
    return SimpleNamespace(data=data, pictures=pictures, classes=condition["class"])


@pytest.fixture(scope="session")
def domain(clothes):
    config = clothes.data.domain_config()
    assert config.pop("name") == "images"
    return Images(**config)


@pytest.fixture
def colour_domain():
    return Images((3, 16, 24), (0.2, 0.4, 0.6), (0.1, 0.2, 0.3), ("a", "b"))
