"""Speech enhancement on held-out mixtures: quality against steps, and CPU time.

Each figure is a mean; intervals are paired bootstraps of differences, from the noisy recordings and
(``over``) from the tools of ``speech_baselines.json``. The model is a registered one, a model
folder, or the folder of a training that still goes on: then the moving average of its last
checkpoint is measured. ``--predictor`` is a network of the same size that was trained for one step,
and ``--dereverb`` the model for rooms.
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
from speech_sets import interval, measured, mixtures, ratio_of, rooms, summary

import sicore
from sicore.config import parse_config
from sicore.hub.build import build_parts
from sicore.hub.folder import read_tensors
from sicore.hub.model import Model
from sicore.training.checkpoint import checkpoints, read_progress
from sicore_speech.data.mixtures import SIZES, Mixtures
from sicore_speech.enhancement import enhance
from sicore_speech.metrics import SECONDS

STEPS = (1, 2, 4, 8)
STOCHASTIC: dict[str, Any] = {"solver": "exponential-sde", "steps": 10}
Way = tuple[Model, dict[str, Any]]


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
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))["figures"]["sets"].get(name, {})
    return {tool: figures for tool, figures in found.items() if tool != "noisy"}


def over(values: dict[str, np.ndarray], tools: dict[str, Any]) -> dict[str, Any]:
    """The intervals of the gain over each tool, by metric."""
    return {
        tool: {name: interval(v - np.array(figures["each"][name])) for name, v in values.items()}
        for tool, figures in tools.items()
        if len(figures["each"]["pesq"]) == len(values["pesq"])
    }


def _rows(name: str, pairs: list[Any], ways: dict[str, Way], results: Path) -> dict[str, Any]:
    """The figures of a set, way by way."""
    clean, noisy = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    ratios = np.array([ratio_of(k) for k in range(0, SIZES["test"], SIZES["test"] // len(pairs))])
    before, tools = measured(clean, noisy), baselines(name, results)
    rows, values = {"noisy": summary(before, before, ratios)}, {}
    for way, (model, how) in ways.items():
        made, factor = enhanced(model, noisy, **how)
        values[way] = measured(clean, made)
        rows[way] = summary(values[way], before, ratios) | {"over": over(values[way], tools)}
        rows[way]["cpu_seconds_per_second"] = round(factor, 3)
    if "predictor" in ways:
        one = {"predictor": rows["predictor"]}
        rows["default"]["over"] |= over(values["default"], one)
    return rows


def main() -> None:
    """Measure, and write ``speech.json``."""
    paths = {"model": "speech/enhance", "predictor": "none", "dereverb": "speech/dereverb"}
    options = arguments(__doc__, **{name: Path(path) for name, path in paths.items()})
    if not Mixtures.available():
        print("speech: left out; it needs the recordings (sicore data fetch speech/mixtures)")
        return
    torch.set_num_threads(1)
    model, step = load(options.model)
    predictor = load(options.predictor)[0] if options.predictor.is_dir() else None
    dereverb = load(options.dereverb)[0]
    numbers = range(0, SIZES["test"], 4 if options.quick else 1)
    figures: dict[str, Any] = {"checkpoint": step, "recordings": len(numbers), "sets": {}}
    for name, pairs in (mixtures(numbers) | {"rooms": rooms(numbers)}).items():
        ways: dict[str, Way] = {"default": (model, {})}
        if name == "test":
            ways |= {f"{n} steps": (model, {"steps": n}) for n in STEPS}
            ways["samples"] = (model, STOCHASTIC)
        if name in ("reverberation", "rooms"):
            ways["dereverb"] = (dereverb, {})
        if predictor is not None:
            ways["predictor"] = (predictor, {"steps": 1})
        figures["sets"][name] = _rows(name, pairs, ways, options.results)
    for row in figures["sets"]["rooms"].values():  # there is no noise
        row["pesq_at"] = {}
    record("speech", options, figures)


if __name__ == "__main__":
    main()
