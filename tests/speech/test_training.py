import json

import pytest

import sicore
from sicore.config import load_config
from sicore.training import train
from sicore_speech.data.mixtures import Mixtures

from .conftest import SMALL


@pytest.fixture
def config(recordings):
    return load_config(
        "speech/enhance",
        [
            *SMALL,
            f"data.folder={recordings}",
            "training.steps=6",
            "training.batch_size=4",
            "training.checkpoint_every=2",
            "training.log_every=1",
        ],
    )


def test_a_killed_training_resumes_bit_by_bit(config, tmp_path, monkeypatch):
    whole = train(config, tmp_path / "whole", progress=False)
    batch, calls = Mixtures.batch, []

    def killed(self, indices):
        calls.append(indices)
        if len(calls) == 4:
            raise RuntimeError("killed")
        return batch(self, indices)

    with monkeypatch.context() as patch:
        patch.setattr(Mixtures, "batch", killed)
        with pytest.raises(RuntimeError, match="killed"):
            train(config, tmp_path / "part", progress=False)
    part = train(config, tmp_path / "part", resume=True, progress=False)
    weights = "model.safetensors"
    assert (whole / weights).read_bytes() == (part / weights).read_bytes()


def test_a_trained_model_is_measured(config, tmp_path):
    pytest.importorskip("pesq")
    pytest.importorskip("pystoi")
    model = sicore.load(train(config, tmp_path / "model", progress=False), device="cpu")
    lines = (tmp_path / "model" / "metrics.jsonl").read_text().splitlines()
    assert len(lines) == 6
    assert all(json.loads(line)["loss"] < 1 for line in lines)
    result = model.domain.evaluate(model, n=2, steps=2)
    assert result["n"] == 2
    assert set(result["model"]) == {"pesq", "estoi", "si_sdr"}
    assert len(result["each"]) == 2
