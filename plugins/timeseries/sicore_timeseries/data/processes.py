"""Windows of a process whose law is known, to train a model that is compared with the truth."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sicore.errors import InputError, UnknownName
from sicore.states import Noise
from sicore_timeseries.data.window_data import WindowData
from sicore_timeseries.data.windows import SPLITS, Windows
from sicore_timeseries.exact.examples import EXAMPLES


class ExactProcess(WindowData):
    """Windows of one of `sicore_timeseries.exact.examples`, independent of each other.

    Args:
        process: its name.
        split: ``train``, ``validation`` or ``test``: sets of their own, each of ``size`` windows.
        size: how many windows.
        window: T.
        irregular: the share of windows at random moments: 0, and T − 1 that are uniform in [0, 1].
        horizon: see `WindowData`, as are task, masks and paired.
        scaling: by default the one that suits the process.
        seed: of the windows, the moments and the masks.

    Raises:
        UnknownName: for another process.
        InputError: for an unknown split, sizes that are too small, or random moments for a process
            that has none; or as `WindowData` does.
    """

    title = "A process whose law is known"
    licence = "none: generated"
    source = "data.process=NAME"

    def __init__(
        self,
        process: str = "ou",
        split: str = "train",
        size: int = 20_000,
        window: int = 24,
        irregular: float = 0.0,
        horizon: int | None = None,
        task: dict[str, float] | None = None,
        masks: int | None = None,
        scaling: str | None = None,
        paired: bool = False,
        seed: int = 0,
    ) -> None:
        if process not in EXAMPLES:
            raise UnknownName("process", process, EXAMPLES)
        if split not in SPLITS:
            raise InputError(f"unknown split '{split}' of a process; known: {', '.join(SPLITS)}")
        if size < 1 or window < 2:
            raise InputError(
                f"process: expected a size >= 1 and a window >= 2, got {size} and {window}"
            )
        example = EXAMPLES[process]
        if not 0 <= irregular <= 1 or (irregular and not example.irregular):
            named = [name for name, known in EXAMPLES.items() if known.irregular]
            raise InputError(
                f"irregular: expected a share from 0 to 1, above 0 for {', '.join(named)} only, "
                f"got {irregular} for '{process}'"
            )
        noise = Noise.of(seed, size).named(f"{process}/{split}")
        times = torch.linspace(0, 1, window, dtype=torch.float64).expand(size, -1)
        some = round(irregular * size)
        drawn = [example.draw(noise.take(slice(some, size)), times[0])]
        if some:
            chosen = noise.take(slice(0, some))
            times = torch.cat((random_moments(chosen, window), times[some:]))
            drawn.insert(0, example.draw(chosen, times[:some]))
        windows = Windows(
            torch.cat(drawn).flatten(0, 1).numpy(),
            ((window - 1) * times).flatten().numpy(),
            np.arange(0, size * window, window),
            window,
            np.zeros((size * window, 0), np.float32),
        )
        names = [f"x{number}" for number in range(1, example.channels + 1)]
        super().__init__(
            windows,
            names,
            task=task,
            horizon=horizon,
            masks=masks,
            scaling=scaling or example.scaling,
            paired=paired,
            seed=seed,
        )


def random_moments(noise: Noise, length: int) -> Tensor:
    """0, and T − 1 moments that are uniform in [0, 1], in order; float64 ``(n, T)``."""
    later = noise.named("moments").uniform((length - 1,)).sort(-1).values
    return torch.cat((later.new_zeros(len(later), 1), later), 1)
