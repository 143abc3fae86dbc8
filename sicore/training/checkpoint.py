"""Checkpoints: all that a training needs to go on bit by bit, as safetensors and JSON.

Noise and the order of the data are functions of seed and step (``sicore.states.Noise``), so no
generator has to be saved. A checkpoint is a folder that appears under its name only when it is
whole; the one before it is removed after that.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sicore.files import read_json, write_json
from sicore.hub.folder import CHECKPOINT, read_tensors, write_tensors
from sicore.objectives import TimeLaw
from sicore.training.ema import EMA


@dataclass
class TrainingState:
    """The parts that change while training; a scaler only where gradients are float16."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    ema: EMA
    time_law: TimeLaw
    scaler: torch.amp.GradScaler | None = None
    step: int = 0


def save_checkpoint(folder: Path, state: TrainingState, config: str) -> None:
    """Write ``folder/checkpoint-STEP`` atomically and drop older ones."""
    target = folder / f"{CHECKPOINT}-{state.step}"
    partial = folder / f".{CHECKPOINT}-{state.step}"
    shutil.rmtree(partial, ignore_errors=True)
    write_tensors(partial / "network.safetensors", state.network.state_dict())
    write_tensors(partial / "ema.safetensors", state.ema.tensors)
    write_tensors(partial / "optimizer.safetensors", _optimizer_tensors(state.optimizer))
    if learned := state.time_law.state():
        write_tensors(partial / "time_law.safetensors", learned)
    progress = {"step": state.step, "ema_updates": state.ema.updates, "config": config}
    if state.scaler is not None:
        progress["scaler"] = state.scaler.state_dict()
    write_json(partial / "progress.json", progress)
    shutil.rmtree(target, ignore_errors=True)
    os.replace(partial, target)
    for old in checkpoints(folder)[:-1]:
        shutil.rmtree(old)


def checkpoints(folder: Path) -> list[Path]:
    """Whole checkpoints, oldest first."""
    found = [p for p in folder.glob(f"{CHECKPOINT}-*") if p.name.split("-")[1].isdigit()]
    return sorted(found, key=lambda p: int(p.name.split("-")[1]))


def read_progress(checkpoint: Path) -> dict[str, Any]:
    """The step, the count of averages, the configuration and the scaler of a checkpoint."""
    content: dict[str, Any] = read_json(checkpoint / "progress.json")
    return content


def load_checkpoint(checkpoint: Path, state: TrainingState) -> None:
    """Put a checkpoint into the parts, in place."""
    progress = read_progress(checkpoint)
    state.network.load_state_dict(read_tensors(checkpoint / "network.safetensors"))
    state.ema.load(read_tensors(checkpoint / "ema.safetensors"), progress["ema_updates"])
    _load_optimizer(state.optimizer, read_tensors(checkpoint / "optimizer.safetensors"))
    if state.time_law.state():
        state.time_law.load(read_tensors(checkpoint / "time_law.safetensors"))
    if state.scaler is not None:
        state.scaler.load_state_dict(progress["scaler"])
    state.step = progress["step"]


def _optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    entries = optimizer.state_dict()["state"]
    return {f"{i}.{k}": torch.as_tensor(v) for i, part in entries.items() for k, v in part.items()}


def _load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    entries: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, key = name.split(".", 1)
        entries.setdefault(int(index), {})[key] = tensor
    whole = optimizer.state_dict()
    whole["state"] = entries
    optimizer.load_state_dict(whole)
