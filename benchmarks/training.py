"""Training throughput: the trainer's steps over a plain loop, written by hand for one network.

Both train the preset's U-Net on the same batch size, precision and memory format, with AdamW,
gradient clipping, a moving average of the weights, and class dropout. The aim is at least 0.97.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from common import CLASSES, DOMAIN, arguments, interleaved, record, summary

SIZE = 4096  # of the data set, in memory as uint8


class Noise:
    """Random pictures in the place of the data."""

    title, licence, source = "random pictures", "CC0", "drawn by the benchmark"

    def __init__(self) -> None:
        import torch

        draw = torch.Generator().manual_seed(0)
        shape = (SIZE, *DOMAIN["shape"])
        self.x = torch.randint(0, 256, shape, dtype=torch.uint8, generator=draw)
        self.y = torch.randint(0, len(CLASSES), (SIZE,), generator=draw)

    def __len__(self) -> int:
        return SIZE

    def batch(self, indices: Any) -> tuple[Any, dict[str, Any]]:
        """Items and conditions."""
        return self.x[indices], {"class": self.y[indices]}


def plain_loop(network: Any, settings: Any, data: Noise) -> Any:
    """One step of flow matching, as one would write it without a platform."""
    import torch

    network = copy.deepcopy(network)
    average = copy.deepcopy(network).requires_grad_(False)
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=0)
    order = torch.randperm(SIZE)
    half = settings.precision == "bf16"
    mean, deviation = DOMAIN["mean"][0], DOMAIN["std"][0]
    taken = 0

    def step() -> None:
        nonlocal taken
        index = order[taken : taken + settings.batch_size]
        taken = (taken + settings.batch_size) % (SIZE - settings.batch_size)
        x1 = (data.x[index].float() / 255 - mean) / deviation
        labels = torch.where(torch.rand(len(index)) < 0.1, -1, data.y[index])
        t = torch.sigmoid(torch.randn(len(index)))
        z = torch.randn_like(x1)
        wide = t[:, None, None, None]
        x = wide * x1 + (1 - wide) * z
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            output = network(x, t, {"class": labels})
        loss = (output.float() - (x1 - z)).square().mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), settings.clip_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            pairs = zip(average.parameters(), network.parameters(), strict=True)
            kept, fresh = (list(part) for part in zip(*pairs, strict=True))
            torch._foreach_lerp_(kept, fresh, 1 - settings.ema_decay)

    return step


def main() -> None:
    from accelerate import Accelerator

    from sicore.config import load_config
    from sicore.training.trainer import _Run

    options = arguments(__doc__)
    config = load_config("images/fashion-mnist", ["training.batch_size=32"] * options.quick)
    config = config.model_copy(update={"domain": config.domain.filled(DOMAIN)})
    settings, data = config.training, Noise()
    accelerator = Accelerator(cpu=True, mixed_precision=settings.precision)
    run = _Run(config, Path(), accelerator, data)
    plain = plain_loop(run.parts.network, settings, data)
    prediction = run.parts.prediction(run.wrapped.train())

    def trained() -> None:
        run._step(prediction)
        run.state.step += 1

    times = interleaved(trained, plain, 4 if options.quick else 20)
    ratios = [b / a for a, b in times]
    figures = {
        "aim": 0.97,
        "batch": settings.batch_size,
        "precision": settings.precision,
        "throughput over the plain loop": summary(ratios),
        "seconds per step, trainer": summary([a for a, _ in times]),
        "seconds per step, plain loop": summary([b for _, b in times]),
    }
    record("training", options, figures)


if __name__ == "__main__":
    main()
