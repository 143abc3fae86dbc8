"""The training of a generator: batches, moving averages, checkpoints, a bar, interrupts.

The order of the data and the noise are functions of seed and step, so a training that was killed
goes on from its last checkpoint as if nothing had happened.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from sicore.errors import InputError
from sicore.hub.folder import LOG
from sicore.objectives import Uniform
from sicore.progress import progress_bar
from sicore.states import Noise
from sicore.training.checkpoint import (
    TrainingState,
    checkpoints,
    load_checkpoint,
    read_progress,
    save_checkpoint,
)
from sicore.training.ema import EMA
from sicore.training.interrupt import finish_step_on_interrupt
from sicore.training.log import Log
from sicore.training.order import batch_indices

if TYPE_CHECKING:
    from sicore_timeseries.generators.base import Generator, History


@dataclass(frozen=True)
class Fitting:
    """The settings of a training; see ``Generator.fit``."""

    steps: int
    batch_size: int
    learning_rate: float
    ema_decay: float
    seed: int
    checkpoint_every: int
    log_every: int

    def __post_init__(self) -> None:
        least = {"steps": 0, "batch_size": 1, "checkpoint_every": 1, "log_every": 1}
        for name, low in least.items():
            if getattr(self, name) < low:
                raise InputError(f"{name}: expected at least {low}, got {getattr(self, name)}")


def fit(
    generator: Generator,
    windows: Tensor,
    times: Tensor,
    settings: Fitting,
    folder: Path | None,
    resume: bool,
    progress: bool,
    callback: Callable[[dict[str, float]], None] | None,
) -> History:
    """Train; the arguments are those of ``Generator.fit``, checked."""
    optimizer = generator.optimizer(settings.learning_rate)
    ema = EMA(generator, settings.ema_decay)
    state = TrainingState(generator, optimizer, ema, Uniform())
    written = _description(generator, settings)
    if folder is not None:
        _begin(folder, state, written, resume)
    log = Log(folder, state.step) if folder is not None else None
    history = _past(folder)
    generator.train()
    bar_of = progress_bar("training", settings.steps, progress, state.step)
    with bar_of as bar, finish_step_on_interrupt() as interrupted:
        while state.step < settings.steps:
            batch = _batch(generator, windows, times, settings, state.step)
            figures = generator.update(optimizer, *batch)
            ema.update(generator)
            state.step += 1
            stopping = interrupted()
            last = stopping or state.step == settings.steps
            saving = last or state.step % settings.checkpoint_every == 0
            if saving or state.step % settings.log_every == 0:
                history.append(_entry(figures, state.step))
                bar.describe(f"loss {history[-1]['loss']:.4f}")
                if log is not None:
                    log.write(history[-1])
                if callback is not None:
                    callback(history[-1])
            if saving:
                _check_finite(generator, state.step)
            if saving and folder is not None:
                save_checkpoint(folder, state, written)
            bar.advance()
            if stopping:
                raise KeyboardInterrupt
    generator.load_state_dict(ema.tensors)
    generator.eval()
    return history


def _description(generator: Generator, settings: Fitting) -> str:
    """What a checkpoint must agree with; the number of steps may be raised."""
    kept = {k: v for k, v in asdict(settings).items() if k not in ("steps", "checkpoint_every")}
    whole = {"kind": type(generator).__name__, "arguments": generator.configuration, **kept}
    return json.dumps(whole, sort_keys=True)


def _begin(folder: Path, state: TrainingState, written: str, resume: bool) -> None:
    """Load the last checkpoint of the folder, if there is one."""
    last = checkpoints(folder)[-1:]
    if not last:
        return
    if not resume:
        raise InputError(
            f"'{folder}' holds checkpoints of a training: go on with resume=True, or choose "
            f"another folder"
        )
    if read_progress(last[0])["config"] != written:
        raise InputError(
            f"{last[0]}: was made by another generator or with other settings; repeat those it was "
            f"started with, or choose another folder"
        )
    load_checkpoint(last[0], state)


def _past(folder: Path | None) -> History:
    """The entries of the log, which ends at the checkpoint."""
    lines = [] if folder is None else (folder / LOG).read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def _batch(
    generator: Generator, windows: Tensor, times: Tensor, settings: Fitting, step: int
) -> tuple[Tensor, Tensor, Noise]:
    """The windows of a step, their times, and their streams."""
    n, device = settings.batch_size, generator.device
    indices = batch_indices(len(windows), n, step, settings.seed)
    here = times if times.ndim == 1 else times[indices]
    noise = Noise.of(settings.seed, n, step * n, device).named("training")
    return windows[indices].to(device), here.to(device), noise


def _entry(figures: dict[str, Tensor], step: int) -> dict[str, float]:
    entry = {"step": float(step)} | {name: float(value) for name, value in figures.items()}
    broken = [name for name, value in entry.items() if not math.isfinite(value)]
    if broken:
        raise InputError(f"training: {broken[0]} is {entry[broken[0]]} at step {step}; {_ADVICE}")
    return entry


def _check_finite(generator: Generator, step: int) -> None:
    """Refuse to save what the gradient of a good loss has spoilt."""
    if not all(bool(weight.isfinite().all()) for weight in generator.parameters()):
        raise InputError(f"training: a weight is not finite at step {step}; {_ADVICE}")


_ADVICE = "lower learning_rate; checkpoints before it are kept"
