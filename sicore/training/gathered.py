"""A time law that learns from the losses of all processes, so that it is the same in each."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from accelerate import Accelerator
from torch import Tensor

from sicore.objectives import WrappedLaw


@dataclass(frozen=True)
class GatheredLaw(WrappedLaw):
    """A law that observes what every process sees, in the order of the global batch.

    Args:
        time_law: the law inside.
        accelerator: of the training, which knows the processes.
    """

    accelerator: Accelerator = field(kw_only=True)

    def observe(self, t: Tensor, loss: Tensor) -> None:
        """Collect, then pass on; shares of unequal size travel padded with times below 0."""
        pairs = torch.stack((t, loss.to(t)), 1)
        padded = self.accelerator.pad_across_processes(pairs, pad_index=-1)
        every = self.accelerator.gather(padded)
        times, losses = every[every[:, 0] >= 0].unbind(1)
        self.time_law.observe(times, losses)
