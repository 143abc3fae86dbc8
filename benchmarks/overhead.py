"""What sampling costs beside the network: time of ``Model.sample`` over bare network calls.

The aim is a ratio of at most 1.03 for the preset's U-Net at batch 16. On a network that does
nothing, the tensor operations that the platform adds to each call are counted.
"""

from __future__ import annotations

import dataclasses
import statistics
from typing import Any

from common import arguments, fashion_model, interleaved, record, seconds, summary

BATCH = 16
STEPS = {"euler": 20, "heun": 10}


def overhead(model: Any, solver: str, pairs: int) -> dict[str, Any]:
    """Ratios over interleaved pairs, and the same of bare calls to themselves: the noise."""
    import torch

    steps = STEPS[solver]
    x = model.sample(BATCH, {"class": 3}, solver=solver, steps=1).x
    calls = model.sample(BATCH, {"class": 3}, solver=solver, steps=steps).nfe
    times, given = torch.full((BATCH,), 0.5), {"class": torch.full((BATCH,), 3)}

    def bare() -> None:
        with torch.no_grad():
            for _ in range(calls):
                model.network(x, times, given)

    def sample() -> None:
        model.sample(BATCH, {"class": 3}, solver=solver, steps=steps, batch_size=BATCH)

    measured, floor = interleaved(sample, bare, pairs), interleaved(bare, bare, pairs)
    return {
        "steps": steps,
        "network calls": calls,
        "ratio": summary([a / b for a, b in measured]),
        "ratio of bare calls to themselves": summary([a / b for a, b in floor]),
        "bare milliseconds per call": round(
            1000 * statistics.median(b for _, b in measured) / calls, 3
        ),
    }


def operations(model: Any, solver: str) -> dict[str, Any]:
    """Tensor operations and time that the platform adds to each call of a null network."""
    import torch
    from torch import nn
    from torch.utils._python_dispatch import TorchDispatchMode

    class Null(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1), requires_grad=False)

        def forward(self, x: Any, t: Any, condition: Any = None) -> Any:
            return x

    class Counter(TorchDispatchMode):
        count = 0

        def __torch_dispatch__(
            self, function: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            self.count += 1
            return function(*args, **(kwargs or {}))

    null = type(model)(model.config, dataclasses.replace(model.parts, network=Null()), {})

    def run(steps: int) -> Any:
        return null.sample(BATCH, solver=solver, steps=steps, batch_size=BATCH)

    counts, times, calls = [], [], []
    for steps in (10, 30):  # the difference leaves out what is paid once
        with Counter() as counter:
            calls.append(run(steps).nfe)
        counts.append(counter.count)
        times.append(min(seconds(lambda steps=steps: run(steps)) for _ in range(10)))
    more = calls[1] - calls[0]
    return {
        "operations per call": round((counts[1] - counts[0]) / more, 2),
        "operations once": round(counts[0] - calls[0] * (counts[1] - counts[0]) / more, 1),
        "microseconds per call": round(1e6 * (times[1] - times[0]) / more, 1),
    }


def main() -> None:
    options = arguments(__doc__)
    model = fashion_model()
    pairs = 3 if options.quick else 30
    figures = {
        "batch": BATCH,
        "aim": 1.03,
        "U-Net": {solver: overhead(model, solver, pairs) for solver in STEPS},
        "null network": {
            solver: operations(model, solver)
            for solver in ("euler", "heun", "euler-maruyama", "stochastic-heun")
        },
    }
    record("overhead", options, figures)


if __name__ == "__main__":
    main()
