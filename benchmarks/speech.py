"""Speech enhancement on held-out mixtures: quality against steps, and CPU time.

Each figure is a mean; intervals are paired bootstraps of differences, from the noisy recordings and
(``over``) from the tools of ``speech_baselines.json``. The model is a registered one, a model
folder, or the folder of a training that still goes on: then the moving average of its last
checkpoint is measured.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from common import arguments, record
from speech_sets import interval, measured, mixtures, ratio_of, summary

import sicore
from sicore.config import parse_config
from sicore.hub.build import build_parts
from sicore.hub.folder import read_tensors
from sicore.hub.model import Model
from sicore.training.checkpoint import checkpoints, read_progress
from sicore_speech.data.mixtures import SIZES, Mixtures
from sicore_speech.enhancement import enhance
from sicore_speech.metrics import SECONDS

STEPS = (1, 2, 3, 4, 6, 8)
STOCHASTIC = {"solver": "exponential-sde", "steps": 16}


def load(folder: Path) -> tuple[Model, int | None]:
    """A model, and the step of the checkpoint that it is from, if it is."""
    last = checkpoints(folder)[-1:] if folder.is_dir() else []
    if not last:
        return sicore.load(str(folder), device="cpu"), None
    progress = read_progress(last[0])
    config = parse_config(yaml.safe_load(progress["config"]))
    parts = build_parts(config)
    parts.network.load_state_dict(read_tensors(last[0] / "ema.safetensors"))
    parts.network.eval().requires_grad_(False)
    return Model(config, parts, {}), progress["step"]


def enhanced(model: Model, noisy: list[np.ndarray], **options: Any) -> tuple[list[Any], float]:
    """The recordings without noise, and the CPU seconds for each second of them."""
    start = time.process_time()
    made = [enhance(model, torch.from_numpy(y), **options).numpy() for y in noisy]
    return made, (time.process_time() - start) / (len(noisy) * SECONDS)


def baselines(name: str, results: Path) -> dict[str, Any]:
    """What the other tools reached on a set, if it was measured."""
    path = results / "speech_baselines.json"
    if not path.is_file():
        return {}
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))["figures"]["sets"][name]
    return {tool: figures for tool, figures in found.items() if tool != "noisy"}


def over(values: dict[str, np.ndarray], tools: dict[str, Any]) -> dict[str, Any]:
    """The intervals of the gain over each tool, by metric."""
    return {
        tool: {name: interval(v - np.array(figures["each"][name])) for name, v in values.items()}
        for tool, figures in tools.items()
        if len(figures["each"]["pesq"]) == len(values["pesq"])
    }


def main() -> None:
    """Measure, and write ``speech.json``."""
    options = arguments(__doc__, model=Path("speech/enhance"))
    if not Mixtures.available():
        print("speech: left out; it needs the recordings (sicore data fetch speech/mixtures)")
        return
    torch.set_num_threads(1)
    model, step = load(options.model)
    numbers = range(0, SIZES["test"], 4 if options.quick else 1)
    ratios = np.array([ratio_of(k) for k in numbers])
    figures: dict[str, Any] = {"checkpoint": step, "recordings": len(numbers), "sets": {}}
    for name, pairs in mixtures(numbers).items():
        clean, noisy = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        before, tools = measured(clean, noisy), baselines(name, options.results)
        rows = figures["sets"][name] = {"noisy": summary(before, before, ratios)}
        ways = {f"{n} steps": {"steps": n} for n in STEPS} if name == "test" else {}
        default = {"default": {}} | ({"samples": STOCHASTIC} if name == "test" else {})
        for way, how in (default | ways).items():
            made, factor = enhanced(model, noisy, **how)
            values = measured(clean, made)
            rows[way] = summary(values, before, ratios) | {"over": over(values, tools)}
            rows[way]["cpu_seconds_per_second"] = round(factor, 3)
    record("speech", options, figures)


if __name__ == "__main__":
    main()
