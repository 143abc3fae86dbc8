"""Backpropagation through 100 steps of a small U-Net: memory, time, and how exact it is.

Sixteen pictures of 3 × 32 × 32. Each method runs in a process of its own: its memory is the peak of
that process over what it had after one network call with its gradient, and its time is processor
time. The error is that of the gradient of the parameters, relative to the gradient of the same
solver in float64, taken directly: for an adjoint equation it also holds how far that equation's
solution is from the derivative of the solver's own result.
"""

from __future__ import annotations

import functools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import peers
from common import arguments, record

if TYPE_CHECKING:
    from torch import Tensor, nn

BATCH, STEPS = (16, 3, 32, 32), 100
Solve = Callable[["nn.Module", "Tensor", int], "Tensor"]


def network() -> nn.Module:
    """Two levels, sixteen channels; takes x and a time."""
    import torch
    from torch import nn
    from torch.nn.functional import silu

    class Small(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv2d(4, 16, 3, padding=1)
            self.down = nn.Conv2d(16, 32, 3, stride=2, padding=1)
            self.middle = nn.Conv2d(32, 32, 3, padding=1)
            self.up = nn.ConvTranspose2d(32, 16, 2, stride=2)
            self.last = nn.Conv2d(32, 3, 3, padding=1)

        def forward(self, x: Tensor, t: Any, condition: Any = None) -> Tensor:
            time = torch.as_tensor(t, dtype=x.dtype).reshape(-1, 1, 1, 1)
            wide = silu(self.first(torch.cat((x, time.expand_as(x[:, :1])), 1)))
            low = silu(self.middle(silu(self.down(wide))))
            return self.last(torch.cat((wide, silu(self.up(low))), 1))

    torch.manual_seed(0)
    return Small()


# ------------------------------------------------------------------ by hand
def direct(model: nn.Module, x: Tensor, steps: int) -> Tensor:
    """Euler's loop."""
    for i in range(steps):
        x = x + model(x, i / steps) / steps
    return x


def checkpointed(model: nn.Module, x: Tensor, steps: int) -> Tensor:
    """Euler's loop with every step made again."""
    from torch.utils.checkpoint import checkpoint

    def step(x: Tensor, t: float) -> Tensor:
        return x + model(x, t) / steps

    for i in range(steps):
        x = checkpoint(step, x, i / steps, use_reentrant=False)
    return x


def direct_midpoint(model: nn.Module, x: Tensor, steps: int) -> Tensor:
    """The midpoint rule, half as many steps; made again, as only its result matters."""
    from torch.utils.checkpoint import checkpoint

    def step(x: Tensor, t: float) -> Tensor:
        h = 1 / steps
        return x + h * model(x + h / 2 * model(x, t), t + h / 2)

    for i in range(steps):
        x = checkpoint(step, x, i / steps, use_reentrant=False)
    return x


def direct_reversible(model: nn.Module, x: Tensor, steps: int) -> Tensor:
    """Reversible Heun without noise."""
    from torch.utils.checkpoint import checkpoint

    h = 1 / steps

    def step(z: Tensor, other: Tensor, value: Tensor, t: float) -> tuple[Tensor, Tensor, Tensor]:
        reached = 2 * z - other + h * value
        new = model(reached, t + h)
        return z + h / 2 * (value + new), reached, new

    other, value = x, model(x, 0.0)
    for i in range(steps):
        x, other, value = checkpoint(step, x, other, value, i / steps, use_reentrant=False)
    return x


# ------------------------------------------------------------------ the peers
def torchdiffeq_adjoint(method: str) -> Solve:
    def solve(model: nn.Module, x: Tensor, steps: int) -> Tensor:
        import torch
        from torchdiffeq import odeint_adjoint

        class Flow(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.model = model

            def forward(self, t: Tensor, x: Tensor) -> Tensor:
                return self.model(x, t)  # type: ignore[no-any-return]

        options = {"step_size": 1 / steps}
        ends = torch.tensor([0.0, 1.0], dtype=x.dtype)
        return odeint_adjoint(Flow(), x, ends, method=method, options=options)[-1]  # type: ignore[no-any-return]

    return solve


def torchsde_reversible(model: nn.Module, x: Tensor, steps: int) -> Tensor:
    """Reversible Heun with its adjoint, and noise of size 0."""
    import torch
    import torchsde

    shape = x.shape

    class Sde(torch.nn.Module):
        noise_type, sde_type = "diagonal", "stratonovich"

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def f(self, t: Tensor, y: Tensor) -> Tensor:
            return self.model(y.reshape(shape), t).flatten(1)  # type: ignore[no-any-return]

        def g(self, t: Tensor, y: Tensor) -> Tensor:
            return torch.zeros_like(y)

    made = torchsde.sdeint_adjoint(
        Sde(),
        x.flatten(1),
        torch.tensor([0.0, 1.0], dtype=x.dtype),
        method="reversible_heun",
        adjoint_method="adjoint_reversible_heun",
        dt=1 / steps,
    )
    return made[-1].reshape(shape)  # type: ignore[no-any-return]


# ------------------------------------------------------------------ sicore
def sicore(solver: str, gradient: str) -> Solve:
    def run(model: nn.Module, x: Tensor, steps: int) -> Tensor:
        import torch

        from sicore.config import Component
        from sicore.dynamics import PathDynamics
        from sicore.interpolants import Linear
        from sicore.predictions import VELOCITY, NetworkPrediction
        from sicore.solvers import solve

        dynamics = PathDynamics(NetworkPrediction(model, Linear(), VELOCITY))
        times = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
        chosen = Component.parse("solver", solver).build()
        return solve(dynamics, x, times, chosen, gradient=gradient).x  # type: ignore[return-value]

    return run


# Each with the direct loop that says what its gradient should be, and its steps over 100.
METHODS: dict[str, tuple[Solve, Solve, float]] = {
    "direct": (direct, checkpointed, 1),
    "checkpoint for each step": (checkpointed, checkpointed, 1),
    "torchdiffeq adjoint, Euler": (torchdiffeq_adjoint("euler"), checkpointed, 1),
    "torchdiffeq adjoint, midpoint": (torchdiffeq_adjoint("midpoint"), direct_midpoint, 0.5),
    "torchsde adjoint, reversible Heun": (torchsde_reversible, direct_reversible, 1),
    "sicore direct, Euler": (sicore("euler", "direct"), checkpointed, 1),
    "sicore checkpoint, Euler": (sicore("euler", "checkpoint"), checkpointed, 1),
    "sicore adjoint, Euler": (sicore("euler", "adjoint"), checkpointed, 1),
    "sicore adjoint, midpoint": (sicore("midpoint", "adjoint"), direct_midpoint, 0.5),
    "sicore reversible": (sicore("reversible-heun", "reversible"), direct_reversible, 1),
}


def gradient(solve: Solve, steps: int, double: bool = False) -> tuple[Tensor, float]:
    """That of the mean square of the end, for all parameters, and the processor seconds."""
    import torch

    model = network()
    x = torch.randn(BATCH, generator=torch.Generator().manual_seed(1))
    if double:
        model, x = model.double(), x.double()
    start = time.process_time()
    solve(model, x, steps).square().mean().backward()
    taken = time.process_time() - start
    return torch.cat([p.grad.flatten() for p in model.parameters()]), taken  # type: ignore[union-attr]


def child(name: str, steps: int, file: str) -> None:
    """What one process does: measure a method, and leave its gradient in a file."""
    import resource

    from safetensors.torch import save_file

    peers.available()
    solve, _, share = METHODS[name]
    gradient(solve, 1)  # loads what the method needs, and makes one network call
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found, taken = gradient(solve, round(share * steps))
    unit = 1 if sys.platform == "darwin" else 1024
    more = unit * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    save_file({"gradient": found.contiguous()}, file)
    print(json.dumps({"megabytes": round(more / 2**20, 1), "seconds": taken}))


def measured(name: str, steps: int, file: Path) -> dict[str, Any]:
    """Memory and time of one method, or why there are none."""
    command = [sys.executable, __file__, "--child", name, str(steps), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"did not run": done.stderr.strip().splitlines()[-1]}
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def error(name: str, steps: int, file: Path) -> float:
    """Of the gradient in a file, relative to the one in float64."""
    from safetensors.torch import load_file

    _, reference, share = METHODS[name]
    truth = _truth(reference, round(share * steps))
    found = load_file(file)["gradient"].double()
    return float(f"{float((found - truth).norm() / truth.norm()):.2g}")


@functools.cache
def _truth(reference: Solve, steps: int) -> Tensor:
    return gradient(reference, steps, double=True)[0]


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], int(sys.argv[3]), sys.argv[4])
        return
    options = arguments(__doc__)
    steps = 20 if options.quick else STEPS
    figures: dict[str, Any] = {"batch": list(BATCH), "steps": steps}
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder) / f"{i}.pt" for i, name in enumerate(METHODS)}
        # First all processes: the peak of each begins with the memory of this one.
        rows = {name: measured(name, steps, file) for name, file in files.items()}
        for name, row in rows.items():
            if "seconds" in row:
                row["over direct"] = round(row["seconds"] / rows["direct"]["seconds"], 2)
                row["seconds"] = round(row["seconds"], 2)
                row["gradient error"] = error(name, steps, files[name])
    record("backprop", options, figures | rows)


if __name__ == "__main__":
    main()
