import pytest
import torch

import sicore
from sicore.config import load_config
from sicore.plugins import get_registry
from sicore.testing import check_lazy_import, check_plugin
from sicore.training import train
from sicore_timeseries import plugin


def test_importing_the_plugin_is_cheap():
    for heavy in ("torch", "pandas", "scipy"):
        check_lazy_import("sicore_timeseries.plugin", heavy)


def test_the_plugin_conforms_without_data(monkeypatch, tmp_path):
    monkeypatch.setenv("SICORE_DATA", str(tmp_path))
    check_plugin("timeseries")


def test_every_data_set_says_what_it_is():
    registry = get_registry()
    for short, _, summary in plugin.DATASETS:
        dataset = registry.resolve("dataset", f"timeseries/{short}")
        assert dataset.title and dataset.licence and dataset.source and summary


@pytest.mark.parametrize("name", ["file", "forecast", "impute", "foellmer"])
def test_a_table_trains_a_model_that_forecasts(name, tmp_path):
    path = tmp_path / "waves.csv"
    at = torch.arange(200.0)
    rows = [f"{k:.0f},{v:.4f},{w:.4f}" for k, v, w in zip(at, at.sin(), at.cos(), strict=True)]
    path.write_text("time,a,b\n" + "\n".join(rows))
    config = load_config(
        f"timeseries/{name}",
        [
            f"data.file={path}",
            "data.window=12",
            "training.steps=2",
            "training.batch_size=8",
            "network.depth=1",
            *(["data.horizon=4"] if name != "impute" else []),
        ],
    )
    model = sicore.load(train(config, tmp_path / "model", device="cpu", progress=False))
    observed = torch.full((12, 2), float("nan"))
    observed[:8] = torch.stack([at.sin(), at.cos()], -1)[:8]
    x0 = model.domain.start(observed.expand(3, -1, -1)) if name == "foellmer" else None
    drawn = model.sample(3, {"observed": observed}, x0=x0, steps=2)
    assert drawn.decoded.shape == (3, 12, 2) and drawn.decoded.isfinite().all()
    assert not torch.allclose(drawn.decoded[0], drawn.decoded[1])
