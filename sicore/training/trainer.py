"""The trainer: from a configuration to a model folder, resumable bit by bit.

Every draw is a function of (seed, step, position in the global batch), so the loss does not
depend on the number of processes, and a resumed training repeats the uninterrupted one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import is_tensorboard_available
from torch import Tensor, nn

from sicore.config import RunConfig, dump_config
from sicore.errors import InputError
from sicore.files import write_json, write_text
from sicore.hub.build import Parts, build_objective, build_parts, fill_domain
from sicore.hub.card import model_card
from sicore.hub.folder import CARD, CONFIG, METRICS, WEIGHTS, new_model_folder, write_tensors
from sicore.objectives import Objective
from sicore.predictions import Condition, NetworkPrediction
from sicore.progress import progress_bar
from sicore.states import Noise, State, to
from sicore.training.checkpoint import (
    TrainingState,
    checkpoints,
    load_checkpoint,
    read_progress,
    save_checkpoint,
)
from sicore.training.ema import EMA
from sicore.training.gathered import GatheredLaw
from sicore.training.interrupt import finish_step_on_interrupt
from sicore.training.log import Log
from sicore.training.optimizers import OPTIMIZERS
from sicore.training.order import batch_indices
from sicore.training.start import start_from


def train(
    config: RunConfig,
    folder: Path | str,
    *,
    resume: bool = False,
    overwrite: bool = False,
    device: str | None = None,
    progress: bool = True,
) -> Path:
    """Train a model and write its folder.

    Args:
        config: the whole configuration; its domain section is completed from the data.
        folder: where the model goes; checkpoints and ``metrics.jsonl`` lie there while training.
        resume: go on from the last checkpoint in ``folder``, or start if there is none.
        overwrite: start anew although the folder is not empty.
        device: ``"cpu"``, ``"cuda"``; by default what is there.
        progress: show a bar when standard error is a terminal.

    Returns:
        The folder.

    Raises:
        InputError: if the folder is not empty, the checkpoint is of another configuration, the
            batch is smaller than the number of processes, or the loss, its gradient or a weight
            is not finite.
    """
    folder = Path(folder)
    accelerator = _accelerator(config, device, folder)
    dataset = config.data.build()
    config = fill_domain(config, dataset)
    last = checkpoints(folder)[-1:] if resume else []
    if accelerator.is_main_process:
        if last:
            _check_same(config, last[0])
        else:
            new_model_folder(folder, overwrite=overwrite)
    run = _Run(config, folder, accelerator, dataset, {} if last else config.training.start_from)
    if last:
        load_checkpoint(last[0], run.state)
    run.train(progress)
    return folder


def _accelerator(config: RunConfig, device: str | None, folder: Path) -> Accelerator:
    if device not in (None, "cpu") and not torch.cuda.is_available():
        raise InputError(f"device '{device}': this torch sees no GPU; use --device cpu")
    if config.training.precision == "fp16" and not torch.cuda.is_available():
        raise InputError("training.precision: fp16 needs a GPU; use bf16 or no")
    if config.training.tensorboard and not is_tensorboard_available():
        raise InputError("training.tensorboard: the package is missing; pip install tensorboard")
    AcceleratorState._reset_state()  # it would keep the precision of an earlier training
    return Accelerator(
        cpu=device == "cpu",
        mixed_precision=config.training.precision,
        log_with="tensorboard" if config.training.tensorboard else None,
        project_dir=folder if config.training.tensorboard else None,
    )


def _check_same(config: RunConfig, checkpoint: Path) -> None:
    if read_progress(checkpoint)["config"] != dump_config(config):
        raise InputError(
            f"{checkpoint}: was made with another configuration; repeat the one it was started "
            f"with, or start anew with --overwrite"
        )


def _check_shares(batch_size: int, processes: int) -> None:
    if batch_size < processes:
        raise InputError(
            f"training.batch_size: {processes} processes share it, so expected at least "
            f"{processes}, got {batch_size}"
        )


class _Run:
    """One training: its objects, its loop and its log."""

    def __init__(
        self,
        config: RunConfig,
        folder: Path,
        accelerator: Accelerator,
        dataset: Any,
        weights: Mapping[str, str] | None = None,
    ) -> None:
        self.config, self.folder, self.accelerator = config, folder, accelerator
        self.dataset, self.settings = dataset, config.training
        _check_shares(self.settings.batch_size, accelerator.num_processes)
        torch.manual_seed(self.settings.seed)
        self.parts: Parts = build_parts(config)
        self.objective: Objective = build_objective(config, self.parts)
        network = self.parts.network
        start_from(network, weights or {})
        if self.settings.channels_last:
            network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        network.to(accelerator.device)
        make = OPTIMIZERS[self.settings.optimizer]
        optimizer = make(network, self.settings.learning_rate, self.settings.weight_decay)
        law = self.objective.time_law
        if accelerator.num_processes > 1 and law.state():
            shared = GatheredLaw(law, accelerator=accelerator)
            self.objective = replace(self.objective, time_law=shared)
        ema = EMA(network, self.settings.ema_decay)
        self.state = TrainingState(network, optimizer, ema, law, accelerator.scaler)
        wrapped, self.optimizer = accelerator.prepare(network, optimizer)
        compiled = torch.compile(wrapped) if self.settings.compile else wrapped
        self.wrapped = cast("nn.Module", compiled)

    def train(self, progress: bool) -> None:
        """Run to the last step, then write the model folder."""
        settings, state = self.settings, self.state
        prediction = self.parts.prediction(self.wrapped)
        main = self.accelerator.is_main_process
        if settings.tensorboard:
            self.accelerator.init_trackers("tensorboard")
        self.wrapped.train()
        log = Log(self.folder, state.step, write=main)
        started = time.monotonic()
        bar_of = progress_bar("training", settings.steps, progress and main, state.step)
        with bar_of as bar, finish_step_on_interrupt() as interrupted:
            while state.step < settings.steps:
                loss, norm = self._step(prediction)
                state.step += 1
                stopping = interrupted() or state.step == settings.steps
                saving = stopping or state.step % settings.checkpoint_every == 0
                if saving or state.step % settings.log_every == 0:
                    entry = self._measure(loss, norm, time.monotonic() - started)
                    log.write(entry)
                    bar.describe(f"loss {entry['loss']:.4f}")
                if saving:
                    self._check_weights(norm)
                if main and saving:
                    save_checkpoint(self.folder, state, dump_config(self.config))
                bar.advance()
                if interrupted():
                    raise KeyboardInterrupt
        self.accelerator.wait_for_everyone()
        self.accelerator.end_training()
        if main:
            self._write_model()

    def _step(self, prediction: NetworkPrediction) -> tuple[Tensor, Tensor]:
        x1, condition, noise = self._batch(self.state.step)
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate(self.state.step)
        torch.manual_seed(hash((self.settings.seed, self.state.step)) % 2**63)  # dropout
        losses = self.objective.loss(prediction, x1, condition, noise)
        # The mean over processes, of slices that may differ in length, is that over the batch.
        loss = losses.sum() * (self.accelerator.num_processes / self.settings.batch_size)
        self.accelerator.backward(loss)
        norm = self.accelerator.clip_grad_norm_(self.wrapped.parameters(), self.settings.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.state.ema.update(self.state.network)
        return loss.detach(), torch.as_tensor(norm)

    def _batch(self, step: int) -> tuple[State, Condition, Noise]:
        """This process's slice of the global batch, and the streams that belong to it."""
        n, device = self.settings.batch_size, self.accelerator.device
        rank, world = self.accelerator.process_index, self.accelerator.num_processes
        share = slice(rank * n // world, (rank + 1) * n // world)
        indices = batch_indices(len(self.dataset), n, step, self.settings.seed)[share]
        items, condition = self.dataset.batch(indices)
        encoded = getattr(self.dataset, "encoded", False)  # items that are states already
        x1 = to(items if encoded else self.parts.domain.encode(items), device=device)
        numbers = torch.arange(step * n, (step + 1) * n, device=device)[share]
        given = {k: v.to(device) for k, v in condition.items()} or None
        space = self.parts.domain.space_of(x1, given)
        return x1, given, Noise(self.settings.seed, numbers, "training", space=space)

    def _learning_rate(self, step: int) -> float:
        settings = self.settings
        rate = settings.learning_rate * min(1.0, (step + 1) / max(1, settings.warmup_steps))
        if settings.schedule == "cosine":
            rate *= 0.5 * (1 + math.cos(math.pi * step / settings.steps))
        return rate

    def _measure(self, loss: Tensor, norm: Tensor, seconds: float) -> dict[str, float]:
        mean = float(self.accelerator.reduce(loss, "mean"))
        self._check_finite(math.isfinite(mean), f"the loss is {mean}")
        entry = {
            "step": float(self.state.step),
            "loss": mean,
            "grad_norm": float(norm),
            "learning_rate": self._learning_rate(self.state.step - 1),
            "seconds": seconds,
        }
        self.accelerator.log({k: v for k, v in entry.items() if k != "step"}, self.state.step)
        return entry

    def _check_weights(self, norm: Tensor) -> None:
        """Refuse to save what a step of a gradient that is not finite has spoilt."""
        skipped = self.accelerator.optimizer_step_was_skipped  # by the scaler of float16
        self._check_finite(skipped or math.isfinite(float(norm)), f"the gradient is {float(norm)}")
        weights = [t for t in self.state.network.state_dict().values() if t.is_floating_point()]
        finite = torch.stack([t.isfinite().all() for t in weights]).all()
        self._check_finite(bool(finite), "a weight is not finite")

    def _check_finite(self, finite: bool, finding: str) -> None:
        if not finite:
            raise InputError(
                f"training: {finding} at step {self.state.step}; lower training.learning_rate, "
                f"or use training.precision=no; checkpoints before it are kept in {self.folder}"
            )

    def _write_model(self) -> None:
        write_tensors(self.folder / WEIGHTS, self.state.ema.tensors)
        write_text(self.folder / CONFIG, dump_config(self.config))
        write_json(self.folder / METRICS, {"training": {"steps": self.state.step}})
        write_text(self.folder / CARD, model_card(self.config, self.dataset))
