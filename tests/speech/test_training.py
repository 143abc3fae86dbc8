import json
import math

import pytest
import torch

import sicore
from sicore.config import load_config
from sicore.hub.build import build_parts
from sicore.hub.plan import make_plan
from sicore.training import train
from sicore_speech.data.mixtures import Mixtures

from .conftest import SMALL, voice


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


BRIDGES = {"sgmse": 2 * 3 + 1, "linear": 3, "conditional-ot": 3}
"""Calls of the network for three steps; a corrector doubles them, and a denoiser comes last."""


@pytest.mark.parametrize("name", BRIDGES)
def test_other_bridges_learn_and_sample(recordings, tmp_path, name):
    sizes = [s for s in SMALL if not s.startswith("network")]
    options = [f"data.folder={recordings}", "training.steps=2", "training.batch_size=2"]
    config = load_config(f"speech/{name}", [*sizes, "network.channels=[8,8]", *options])
    model = sicore.load(train(config, tmp_path / "model", progress=False), device="cpu")
    domain = model.domain
    y = domain.encode(torch.stack([torch.from_numpy(voice(1.0)[: domain.samples])] * 2))
    drawn = model.sample(2, x0=y, steps=3)
    assert drawn.x.shape == y.shape and drawn.x.isfinite().all()
    assert drawn.nfe == BRIDGES[name]
    noisy = name != "linear"
    assert torch.equal(drawn.x[0], drawn.x[1]) is not noisy


def test_sgmse_is_sampled_as_published():
    """Reverse of its own diffusion, correctors of ratio 0.5, times that it was trained on."""
    config = load_config("speech/sgmse")
    assert config.sampling.epsilon == "noising"
    assert config.sampling.solver.build().rule.snr == 0.5
    assert config.sampling.end == config.objective.time_law.build().end == 0.97
    path = config.interpolant.build()
    assert abs(2**0.5 * path.at(0.0).gamma - 0.3889827) < 1e-6  # of complex noise
    drawn = make_plan(config.sampling, path, None, None, None, None)
    t = torch.tensor(0.4, dtype=torch.float64)
    square = 2 * (0.05 * 10**0.6) ** 2 * math.log(10)  # g² of complex noise, half in each channel
    assert drawn.epsilon is not None
    assert abs(drawn.epsilon(t) - square / 4) < 1e-6
    assert len(drawn.times) == 31 and drawn.settings["epsilon"] == "noising"


def test_storm_trains_both_of_its_networks_and_samples(recordings, tmp_path):
    """The predictor is called once, and the path starts where it ends."""
    small = ["channels=[8,8]", "patch=[4,2]", "recurrent=8"]
    config = load_config(
        "speech/storm",
        [
            *(f"network.{part}.{value}" for part in ("predictor", "network") for value in small),
            "domain.frames=64",
            "data.frames=64",
            f"data.folder={recordings}",
            "training.steps=2",
            "training.batch_size=2",
            "training.warmup_steps=0",
        ],
    )
    before = build_parts(config).network.state_dict()
    model = sicore.load(train(config, tmp_path / "storm", progress=False), device="cpu")
    noisy = torch.randn(2, model.domain.samples, generator=torch.Generator().manual_seed(0))
    made = model.sample(2, x0=model.domain.encode(noisy), steps=3)
    assert made.nfe == 3 + 1
    assert bool(made.x.isfinite().all())
    moved = {
        name.split(".")[0]
        for name, t in model.network.state_dict().items()
        if _moved(before, name, t)
    }
    assert moved == {"predictor", "network"}


def _moved(before, name, tensor):
    return before[name].shape == tensor.shape and not torch.equal(before[name], tensor)
