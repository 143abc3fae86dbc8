"""Sines: a generated set.

Source: Yoon et al., "Time-series generative adversarial networks", NeurIPS 2019, section 5.
"""

from __future__ import annotations

import numpy as np
import torch

from sicore.errors import InputError
from sicore.states import Noise
from sicore_timeseries.data.scaling import MinMax
from sicore_timeseries.data.window_data import WindowData
from sicore_timeseries.data.windows import SPLITS, Windows

FASTEST = 0.1


class Sines(WindowData):
    """``(1 + sin(f j + p))/2`` at j = 0 … T − 1, f and p uniform in (0, 0.1) for each channel.

    Args:
        split: ``train``, ``validation`` or ``test``: sets of their own, each of ``size`` windows;
            ``all`` is ``train``, since the protocol has no split.
        size: how many windows.
        window: T.
        channels: C.
        horizon: see `WindowData`, as are task, masks, scaling and fill.
        dropped: the share of rows that are missing, drawn at random.
        seed: of the numbers f and p, of masks and of dropped rows.

    Raises:
        InputError: for an unknown split, or sizes below 1; or as `WindowData` does.
    """

    title = "Sines: waves of random frequency and phase, 24 moments, 5 channels"
    licence = "none: generated"
    source = "https://github.com/jsyoon0823/TimeGAN"

    def __init__(
        self,
        split: str = "train",
        size: int = 10_000,
        window: int = 24,
        channels: int = 5,
        horizon: int | None = None,
        task: dict[str, float] | None = None,
        masks: int | None = None,
        scaling: str | tuple[str, ...] = "standard",
        fill: str | None = None,
        dropped: float = 0.0,
        seed: int = 0,
    ) -> None:
        if split not in (*SPLITS, "all"):
            raise InputError(f"unknown split '{split}' of Sines; known: {', '.join(SPLITS)}, all")
        if min(size, channels) < 1 or window < 2:
            raise InputError(
                f"Sines: expected size and channels >= 1 and a window >= 2, got {size}, {channels} "
                f"and {window}"
            )
        if not 0 <= dropped < 1:
            raise InputError(f"dropped: expected a share from 0 up to 1, got {dropped}")
        own = "train" if split == "all" else split
        streams = Noise.of(seed, size).named(f"sines/{own}")
        frequency, phase = (FASTEST * streams.uniform((2, 1, channels))).unbind(1)
        moments = torch.arange(window, dtype=torch.float64).unsqueeze(-1)
        values = ((frequency * moments + phase).sin() + 1) / 2
        missing = streams.named("dropped").uniform((window, 1)) < dropped
        rows = values.masked_fill(missing, torch.nan).flatten(0, 1).numpy()
        windows = Windows(
            rows,
            np.arange(len(rows), dtype=np.float64),
            np.arange(0, len(rows), window),
            window,
            np.zeros((len(rows), 0), np.float32),
        )
        names = [f"x{number}" for number in range(1, channels + 1)]
        super().__init__(
            windows,
            names,
            task=task,
            horizon=horizon,
            masks=masks,
            scaling=scaling,
            fill=fill,
            seed=seed,
        )

    def min_max(self) -> MinMax:
        """The scaling that changes nothing: the protocol takes Sines as they are."""
        return MinMax(np.zeros(len(self.columns)), np.ones(len(self.columns)))
