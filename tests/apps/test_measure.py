import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

import sicore as platform
from sicore.inverse import Downsample
from sicore_apps.measure import main, measure, nearest
from sicore_apps.task import Task
from sicore_images.data.sample import ClothesSample


def test_nearest_by_measurement_not_by_picture():
    train = torch.zeros(3, 1, 2, 2)
    train[0] += 1.0
    train[1, 0] = torch.tensor([[4.0, 0], [0, 0]])  # another picture, the same mean as the first
    found = nearest(Downsample(2), train, torch.tensor([[[[1.0]]], [[[0.1]]]]), 2)
    assert set(found[0].tolist()) == {0, 1}
    assert found[1][0] == 2


def test_a_training_picture_is_its_own_neighbour(model_folder):
    model = platform.load(model_folder)
    train = model.domain.encode(ClothesSample("train").images)
    task = Task("tiny", Path(), "superres", samples=2, steps=1, noise=1e-4)
    got = measure(model, task, train[:5], train)
    assert got["nearest_training_pictures"]["psnr_sample"] == float("inf")
    assert got["model"]["psnr_mean"] < 30
    assert got["nfe"] == 1


def test_figures_of_the_command(model_folder, tmp_path):
    path = tmp_path / "figures.json"
    words = [str(model_folder), "-n", "4", "--samples", "3", "--steps", "1", "-o", str(path)]
    run = CliRunner().invoke(main, words)
    assert run.exit_code == 0, run.output
    results = json.loads(path.read_text())
    assert [r["operator"] for r in results] == ["inpaint", "blur", "superres"]
    for result in results:
        assert result["pictures"] == 4
        assert 0 <= result["model"]["coverage_90%"] <= 1
        assert result["model"]["psnr_mean"] >= result["model"]["psnr_sample"]
        assert 0 < result["mean_picture"]["psnr_mean"] < 30


@pytest.mark.parametrize("operator", ["inpaint", "superres"])
def test_the_mean_picture_is_the_same_baseline_for_all(model_folder, operator):
    model = platform.load(model_folder)
    train = model.domain.encode(ClothesSample("train").images)
    task = Task("tiny", Path(), operator, samples=2, steps=1)
    got = measure(model, task, train[:3], train)
    error = model.domain.decode(train[:3]) - model.domain.decode(train.mean(0, keepdim=True))
    decibels = (-10 * error.square().flatten(1).mean(1).log10()).mean().item()
    assert got["mean_picture"]["psnr_mean"] == pytest.approx(decibels, abs=0.01)
