"""How the options of ``sicore enhance`` become those of the sampler."""

from __future__ import annotations

from typing import Any

import torch

from sicore.config import Component
from sicore.errors import InputError

STOCHASTIC = "exponential-sde"
"""Works at the start of a bridge, where the drift that Euler–Maruyama needs is not known."""
STOCHASTIC_STEPS = 10


def sampler_options(
    *, fast: bool, solver: str | None, steps: int | None, samples: int | None, device: torch.device
) -> dict[str, Any]:
    """Options of ``enhance_blocks``; what is not in them is the model's own.

    Raises:
        InputError: for an unknown solver, or one that draws no samples when some are wanted.
    """
    if fast:
        return {"solver": "ddim", "steps": 1, "bfloat16": quick_bfloat16(device)}
    if samples:
        solver, steps = solver or STOCHASTIC, steps or STOCHASTIC_STEPS
    if solver is not None:
        stochastic = Component.parse("solver", solver).build().stochastic
        if samples and not stochastic:
            raise InputError(
                f"--samples: the solver '{solver}' is deterministic, so that all samples would be "
                f"one; choose a stochastic one, such as {STOCHASTIC}"
            )
    chosen = {"solver": solver, "steps": steps}
    return {name: value for name, value in chosen.items() if value is not None}


def quick_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is faster than float32: on GPUs that know it and on processors with AMX.

    With AVX-512's instructions for it alone a processor is slower in bfloat16.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return device.type == "cpu" and bool(torch.cpu.get_capabilities().get("amx_bf16"))
