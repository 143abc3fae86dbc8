"""A path that is made from data: its table is measured when the training starts."""

import yaml

from sicore.config import dump_config, parse_config
from sicore.hub import load
from sicore.training import train


def test_the_folder_holds_the_table_of_the_data(configured, tmp_path):
    plain = yaml.safe_load(dump_config(configured(steps=20)))
    config = parse_config({**plain, "interpolant": "kinetic-optimal"})
    folder = train(config, tmp_path / "model", device="cpu", progress=False)
    written = yaml.safe_load((folder / "config.yaml").read_text())["interpolant"]
    assert written["name"] == "kinetic-optimal" and len(written["angles"]) > 10
    assert 0 < written["turn"] < 1.571
    model = load(folder)
    assert model.interpolant.angles == tuple(written["angles"])
    assert model.sample(2, steps=3).x.shape == (2, 1, 2, 2)
    train(config, folder, resume=True, device="cpu", progress=False)  # measures the same table
