import numpy as np
import pytest
import torch
from PIL import Image

from sicore.config import load_config
from sicore.plugins import get_registry
from sicore.testing import (
    check_backbone,
    check_dataset,
    check_domain,
    check_lazy_import,
    check_plugin,
)
from sicore_images.data.folder import ImageFolder
from sicore_images.data.sample import ClothesSample
from sicore_images.plugin import sicore_doctor
from sicore_images.unet import UNet


def test_importing_the_plugin_is_cheap():
    check_lazy_import("sicore_images.plugin")
    check_lazy_import("sicore_apps.plugin")


def test_everything_registered_can_be_imported():
    registry = get_registry()
    for group in ("domain", "dataset", "backbone", "command"):
        for entry in registry.entries(group):
            if entry.plugin in ("images", "apps"):
                assert registry.resolve(group, entry.name)
                assert entry.summary


def test_doctor_says_whether_the_data_is_here(monkeypatch, tmp_path):
    monkeypatch.setenv("SICORE_DATA", str(tmp_path))
    checks = {name: (fine, advice) for name, fine, advice in sicore_doctor()}
    assert checks["Pillow"][0]
    assert "sicore data fetch" in checks["Fashion-MNIST"][1]


def test_the_sample_conforms():
    check_dataset(ClothesSample())


def test_a_folder_conforms(tmp_path):
    generator = np.random.default_rng(0)
    for number in range(40):
        folder = tmp_path / ("a", "b")[number % 2]
        folder.mkdir(exist_ok=True)
        pixels = generator.integers(0, 256, (20, 30, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    check_dataset(ImageFolder(str(tmp_path), size=12))


def test_domain_and_backbone_conform(domain, clothes):
    check_domain(domain, clothes.pictures)
    torch.manual_seed(0)
    check_backbone(UNet(domain, channels=8, blocks=1), domain)


@pytest.mark.parametrize(
    ("name", "overrides", "time"),
    [("images/fashion-mnist", [], "logit-normal"), ("images/folder", ["data.folder=x"], None)],
)
def test_presets(name, overrides, time):
    config = load_config(name, overrides)
    assert config.network.name == "images/unet"
    assert config.objective.condition_dropout == 0.1
    assert time is None or config.objective.time_law.name == time


def test_the_plugins_conform(monkeypatch, tmp_path):
    monkeypatch.setenv("SICORE_DATA", str(tmp_path))  # the machine's own data are left alone
    check_plugin("images")
    check_plugin("apps")
