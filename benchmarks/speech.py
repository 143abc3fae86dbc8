"""Speech enhancement on the held-out mixtures: quality against steps, and the real-time factor.

Forty mixtures of 5.4 s, of speakers, languages and noises that no training saw, at 0, 5, 10 and 15
dB. Each figure is a mean; intervals are paired bootstraps of the difference from the noisy
recordings. The model is a model folder, or the folder of a training that is still going on: then
the moving average of its last checkpoint is measured.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from common import arguments, record

import sicore
from sicore.config import parse_config
from sicore.hub.build import build_parts
from sicore.hub.folder import read_tensors
from sicore.hub.model import Model
from sicore.training.checkpoint import checkpoints, read_progress
from sicore_speech.data.mixtures import TEST_NOISES, TEST_SNR, Mixtures
from sicore_speech.enhancement import enhance
from sicore_speech.metrics import METRICS, SECONDS, scores
from sicore_speech.spectrogram import RATE

STEPS = (1, 2, 4, 8)
RESAMPLES = 2000


def load(folder: Path) -> tuple[Model, int | None]:
    """A model, and the step of the checkpoint that it is from, if it is."""
    if (folder / "model.safetensors").exists():
        return sicore.load(folder, device="cpu"), None
    last = checkpoints(folder)[-1]
    progress = read_progress(last)
    config = parse_config(yaml.safe_load(progress["config"]))
    parts = build_parts(config)
    parts.network.load_state_dict(read_tensors(last / "ema.safetensors"))
    parts.network.eval().requires_grad_(False)
    return Model(config, parts, {}), progress["step"]


def measured(clean: list[np.ndarray], estimates: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Every metric of every recording."""
    rows = [scores(x, y) for x, y in zip(clean, estimates, strict=True)]
    return {name: np.array([row[name] for row in rows]) for name in METRICS}


def summary(
    values: dict[str, np.ndarray], noisy: dict[str, np.ndarray], ratios: np.ndarray
) -> dict[str, Any]:
    """Means, and 95 % intervals of the gain over the noisy recordings."""
    rng = np.random.default_rng(0)
    picks = rng.integers(len(noisy["pesq"]), size=(RESAMPLES, len(noisy["pesq"])))
    result: dict[str, Any] = {}
    for name, each in values.items():
        gain = each - noisy[name]
        low, high = np.quantile(gain[picks].mean(1), (0.025, 0.975))
        interval = [round(float(low), 3), round(float(high), 3)]
        result[name] = {"mean": round(float(each.mean()), 3), "gain": interval}
    result["pesq_at"] = {
        f"{ratio:g} dB": round(float(values["pesq"][ratios == ratio].mean()), 2)
        for ratio in np.unique(ratios)
    }
    return result


def main() -> None:
    """Measure, and write ``speech.json``."""
    options = arguments(__doc__, model=Path("runs/enhance"))
    if not (options.model.is_dir() and Mixtures.available()):
        print(
            f"speech: left out; it needs a training in {options.model} (or --model FOLDER) and the "
            "recordings (sicore data fetch speech/mixtures)"
        )
        return
    torch.set_num_threads(1)
    model, step = load(options.model)
    data, samples = Mixtures("test"), int(SECONDS * RATE)
    numbers = range(0, len(data), 4 if options.quick else 1)
    pairs = [data.waveforms(k, samples) for k in numbers]
    clean = [pair[0] for pair in pairs]
    noisy = measured(clean, [pair[1] for pair in pairs])
    figures: dict[str, Any] = {"checkpoint": step, "recordings": len(pairs)}
    ratios = np.array([TEST_SNR[k // TEST_NOISES % 4] for k in numbers])
    figures["noisy"] = summary(noisy, noisy, ratios)
    for steps in STEPS:
        start = time.process_time()
        estimates = [enhance(model, torch.from_numpy(y), steps=steps).numpy() for _, y in pairs]
        factor = (time.process_time() - start) / (len(pairs) * SECONDS)
        figures[f"{steps} steps"] = summary(measured(clean, estimates), noisy, ratios)
        figures[f"{steps} steps"]["cpu_seconds_per_second"] = round(factor, 3)
    record("speech", options, figures)


if __name__ == "__main__":
    main()
