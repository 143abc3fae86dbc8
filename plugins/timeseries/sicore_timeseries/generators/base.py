"""What a generator of windows is: a network that is trained on windows and asked for new ones.

A generator says what its loss is and how it draws; training, checkpoints and batches are the same
for all, so that an app can use any of them.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sicore.errors import InputError
from sicore.states import Noise
from sicore_timeseries.generators.fitting import Fitting, fit

History = list[dict[str, float]]


class Generator(nn.Module):
    """A generator of windows ``(B, T, C)``.

    Its constructor arguments are its configuration: numbers, texts and tuples of them, each of
    which the constructor keeps as an attribute of the same name. ``channels``, the number C, is
    one of them. A generator has ``losses`` and ``generate``; one that is not trained by a single
    loss has its own ``optimizer`` and ``update``.

    Windows are standardised, float32 ``(N, T, C)``, with NaN where an entry is missing. Times are
    ``(T,)`` for all windows or ``(N, T)`` for each, rising, in units of the window (0 is its first
    moment, 1 its last), and regular if they are None.
    """

    channels: int

    @property
    def configuration(self) -> dict[str, Any]:
        """The arguments that make this generator again, without its weights."""
        return {name: getattr(self, name) for name in signature(type(self)).parameters}

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return next(self.parameters()).device

    def losses(self, windows: Tensor, times: Tensor, noise: Noise) -> Tensor:
        """The loss of each window, ``(B,)``.

        Args:
            windows: ``(B, T, C)``, NaN where missing.
            times: ``(T,)`` or ``(B, T)``, of the windows' dtype.
            noise: the streams of the windows, at this step of the training.
        """
        raise NotImplementedError

    def generate(self, times: Tensor, noise: Noise) -> Tensor:
        """A window for each stream of the noise, ``(B, T, C)``.

        Args:
            times: ``(T,)`` or ``(B, T)``.
            noise: the streams; window k of a seed is the same whatever the batch.
        """
        raise NotImplementedError

    def optimizer(self, learning_rate: float) -> torch.optim.Optimizer:
        """One optimiser for all weights; parts that are trained in turns are groups of it."""
        return torch.optim.AdamW(self.parameters(), learning_rate, weight_decay=0.0)

    def update(
        self, optimizer: torch.optim.Optimizer, windows: Tensor, times: Tensor, noise: Noise
    ) -> dict[str, Tensor]:
        """One step of the training, and the figures of it; by default down the mean loss.

        Args:
            optimizer: the one of ``optimizer``.
            windows: as in ``losses``.
            times: as in ``losses``.
            noise: as in ``losses``.
        """
        loss = self.losses(windows, times, noise).mean()
        descend(loss, optimizer, self.parameters())
        return {"loss": loss.detach()}

    def fit(
        self,
        windows: Tensor,
        times: Tensor | None = None,
        *,
        steps: int,
        batch_size: int = 128,
        learning_rate: float = 1e-3,
        ema_decay: float = 0.99,
        seed: int = 0,
        folder: Path | str | None = None,
        resume: bool = False,
        checkpoint_every: int = 500,
        log_every: int = 50,
        progress: bool = True,
        callback: Callable[[dict[str, float]], None] | None = None,
    ) -> History:
        """Train on windows; the weights are then the averages of those on the way.

        A resumed training repeats the uninterrupted one, bit by bit.

        Args:
            windows: ``(N, T, C)``, NaN where missing.
            times: ``(T,)``, ``(N, T)`` or None.
            steps: how many updates in all.
            batch_size: windows of each update.
            learning_rate: of the optimiser.
            ema_decay: d of the moving average of the weights; 0 keeps the last ones.
            seed: of the order of the data and of all noise.
            folder: where checkpoints and the log lie; None for neither.
            resume: go on from the last checkpoint in the folder.
            checkpoint_every: steps between checkpoints.
            log_every: steps between entries of the history.
            progress: show a bar when standard error is a terminal.
            callback: called with each entry of the history.

        Returns:
            The history: ``step``, ``loss`` and further figures, every ``log_every`` steps.

        Raises:
            InputError: for windows or times of the wrong shape, for a folder with checkpoints
                without ``resume``, or if the loss is not finite.
            KeyboardInterrupt: on an interrupt, after the step and its checkpoint are complete.
        """
        windows, times = check_windows(windows, times, self.channels)
        settings = Fitting(
            steps, batch_size, learning_rate, ema_decay, seed, checkpoint_every, log_every
        )
        place = None if folder is None else Path(folder)
        return fit(self, windows, times, settings, place, resume, progress, callback)

    @torch.no_grad()
    def sample(
        self, n: int, times: Tensor | int, *, seed: int = 0, batch_size: int = 256
    ) -> Tensor:
        """New windows, ``(n, T, C)`` on the CPU.

        Args:
            n: how many.
            times: ``(T,)``, ``(n, T)``, or the number T of regular times.
            seed: window k of a seed is the same whatever n and the batch size.
            batch_size: how many are drawn at once.
        """
        grid = regular_times(times) if isinstance(times, int) else check_times(times, n)
        made = []
        for first in range(0, n, batch_size):
            count = min(batch_size, n - first)
            here = grid if grid.ndim == 1 else grid[first : first + count]
            noise = Noise.of(seed, count, first, self.device).named("sample")
            made.append(self.generate(here.to(self.device), noise).cpu())
        return torch.cat(made)


def descend(
    loss: Tensor, optimizer: torch.optim.Optimizer, parameters: Any, clip_norm: float = 1.0
) -> None:
    """A step of the optimiser down a loss, along a gradient of at most this norm."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters, clip_norm)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def regular_times(count: int) -> Tensor:
    """Times from 0 to 1, ``(T,)``.

    Raises:
        InputError: for fewer than two.
    """
    if count < 2:
        raise InputError(f"times: a window has at least 2 moments, got {count}")
    return torch.linspace(0, 1, count)


def check_times(times: Tensor, n: int) -> Tensor:
    """Times of n windows, float32 ``(T,)`` or ``(n, T)``.

    Raises:
        InputError: for another shape, or times that do not rise within [0, 1].
    """
    times = torch.as_tensor(times, dtype=torch.float32)
    if times.ndim not in (1, 2) or times.shape[-1] < 2 or (times.ndim == 2 and len(times) != n):
        raise InputError(f"times: expected (T,) or ({n}, T) with T >= 2, got {tuple(times.shape)}")
    rising = bool((times.diff() > 0).all())
    if not rising or float(times.min()) < 0 or float(times.max()) > 1:
        raise InputError(
            "times: expected rising numbers from 0 to 1, in units of the window; sort them, and "
            "divide by the length of the window"
        )
    return times


def check_windows(windows: Tensor, times: Tensor | None, channels: int) -> tuple[Tensor, Tensor]:
    """Windows as float32 ``(N, T, C)`` and their times.

    Raises:
        InputError: for another shape, an infinite entry, or a window without any entry.
    """
    windows = torch.as_tensor(windows, dtype=torch.float32)
    if windows.ndim != 3 or windows.shape[2] != channels or not len(windows):
        raise InputError(
            f"windows: expected (N, T, {channels}) with N >= 1, got {tuple(windows.shape)}"
        )
    if windows.isinf().any():
        raise InputError("windows: an entry is infinite; mark missing entries by NaN")
    if windows.isnan().flatten(1).all(1).any():
        raise InputError("windows: one of them has no entry at all; leave it out")
    if times is None:
        return windows, regular_times(windows.shape[1])
    times = check_times(times, len(windows))
    if times.shape[-1] != windows.shape[1]:
        raise InputError(
            f"times: expected one for each of {windows.shape[1]} moments, got {times.shape[-1]}"
        )
    return windows, times
