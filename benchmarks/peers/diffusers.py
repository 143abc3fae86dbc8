"""diffusers: its schedulers in the loop of its pipelines.

On the variance preserving path they get the table of β that gives the path's own ᾱ at its 1000
time steps. They round times to whole steps; the exact field is asked at the scheduler's own noise
level, not at the rounded step, so rounding costs them nothing here. On the linear path they run
with flow sigmas, on the exploding one the EDM schedulers run.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import diffusers
import numpy
import torch

from peers.base import LINEAR, VE, VP, Method, Run

if TYPE_CHECKING:
    from problems import Field
    from torch import Tensor

diffusers.utils.logging.set_verbosity_error()

TRAINED = 1000
SPACINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "uniform": {"timestep_spacing": "linspace"},
    "trailing": {"timestep_spacing": "trailing"},
    "Karras": {"use_karras_sigmas": True},
    "exponential": {"use_exponential_sigmas": True},
    "Lu": {"use_lu_lambdas": True},
}
SHIFTS = (1.0, 2.0, 3.0)  # 3 is the one of Stable Diffusion 3
KNOWN = ("uniform", "Karras", "exponential")
# Schedulers whose states keep their variance, and those that work on x1 + σ z.
PRESERVING: dict[str, tuple[Any, dict[str, Any], tuple[str, ...]]] = {
    "DPM++2M": (diffusers.DPMSolverMultistepScheduler, {"solver_order": 2}, (*KNOWN, "Lu")),
    "DPM++3M": (diffusers.DPMSolverMultistepScheduler, {"solver_order": 3}, (*KNOWN, "Lu")),
    "DPM++2S": (diffusers.DPMSolverSinglestepScheduler, {"solver_order": 2}, ("default", "Karras")),
    "DPM++3S": (diffusers.DPMSolverSinglestepScheduler, {"solver_order": 3}, ("default", "Karras")),
    "UniPC2": (diffusers.UniPCMultistepScheduler, {"solver_order": 2}, KNOWN),
    "UniPC3": (diffusers.UniPCMultistepScheduler, {"solver_order": 3}, KNOWN),
    "DEIS2": (diffusers.DEISMultistepScheduler, {"solver_order": 2}, KNOWN),
    "DEIS3": (diffusers.DEISMultistepScheduler, {"solver_order": 3}, KNOWN),
    "DDIM": (diffusers.DDIMScheduler, {"clip_sample": False}, ("trailing",)),
}
EXPLODING: dict[str, tuple[Any, dict[str, Any], tuple[str, ...]]] = {
    "Euler": (diffusers.EulerDiscreteScheduler, {}, ("trailing", "Karras")),
    "Heun": (diffusers.HeunDiscreteScheduler, {}, ("trailing", "Karras")),
    "DPM-2": (diffusers.KDPM2DiscreteScheduler, {}, ("Karras",)),
    "LMS": (diffusers.LMSDiscreteScheduler, {}, ("uniform", "Karras")),
}
EDM: dict[str, tuple[Any, dict[str, Any]]] = {
    "EDM Euler": (diffusers.EDMEulerScheduler, {}),
    "EDM DPM++2M": (diffusers.EDMDPMSolverMultistepScheduler, {"solver_order": 2}),
    "EDM DPM++3M": (diffusers.EDMDPMSolverMultistepScheduler, {"solver_order": 3}),
}
FLOW: dict[str, tuple[Any, dict[str, Any]]] = {
    "UniPC2-flow": (diffusers.UniPCMultistepScheduler, {"solver_order": 2}),
    "UniPC3-flow": (diffusers.UniPCMultistepScheduler, {"solver_order": 3}),
    "DPM++2M-flow": (diffusers.DPMSolverMultistepScheduler, {"solver_order": 2}),
    "DPM++3M-flow": (diffusers.DPMSolverMultistepScheduler, {"solver_order": 3}),
    "DEIS2-flow": (diffusers.DEISMultistepScheduler, {"solver_order": 2}),
    "DEIS3-flow": (diffusers.DEISMultistepScheduler, {"solver_order": 3}),
}
NOISY: dict[str, tuple[Any, dict[str, Any], tuple[str, ...]]] = {
    "SDE-DPM++2M": (
        diffusers.DPMSolverMultistepScheduler,
        {"algorithm_type": "sde-dpmsolver++"},
        ("uniform", "Karras", "Lu"),
    ),
    "SDE-DPM++3M": (
        diffusers.DPMSolverMultistepScheduler,
        {"algorithm_type": "sde-dpmsolver++", "solver_order": 3},
        ("uniform", "Karras", "Lu"),
    ),
    "DDPM": (diffusers.DDPMScheduler, {"clip_sample": False}, ("trailing",)),
    "SA-Solver": (diffusers.SASolverScheduler, {}, ("uniform", "Karras")),
}
ANCESTRAL: dict[str, tuple[Any, dict[str, Any], tuple[str, ...]]] = {
    "Euler ancestral": (diffusers.EulerAncestralDiscreteScheduler, {}, ("trailing",)),
    "DPM-2 ancestral": (diffusers.KDPM2AncestralDiscreteScheduler, {}, ("Karras",)),
    "DPMSolverSDE": (diffusers.DPMSolverSDEScheduler, {}, ("Karras",)),
}


def methods() -> list[Method]:
    """Every scheduler with the spacings that it knows."""
    made = [_flow_euler(shift) for shift in SHIFTS]
    made += [_flow_heun(shift) for shift in SHIFTS]
    for kind, table, exploding in (
        ("ode", PRESERVING, False),
        ("ode", EXPLODING, True),
        ("sde", NOISY, False),
        ("sde", ANCESTRAL, True),
    ):
        for name, (scheduler, options, spacings) in table.items():
            for spacing in spacings:
                maker = functools.partial(scheduler, **options, **SPACINGS[spacing])
                run = _on_table(maker, exploding)
                title = f"{name} ({spacing})"
                made.append(Method(title, "diffusers", run, kind, frozenset((VP,)), least=2))
    eta = functools.partial(diffusers.DDIMScheduler, clip_sample=False, timestep_spacing="trailing")
    run = _on_table(eta, False, eta=1.0)
    made.append(
        Method("DDIM, eta = 1 (trailing)", "diffusers", run, "sde", frozenset((VP,)), least=2)
    )
    for name, (scheduler, options) in FLOW.items():
        for shift in SHIFTS:
            run = _on_flow(functools.partial(scheduler, flow_shift=shift, **options))
            title = f"{name} (shift {shift:g})"
            made.append(Method(title, "diffusers", run, paths=frozenset((LINEAR,)), least=2))
    for name, (scheduler, options) in EDM.items():
        for schedule in ("karras", "exponential"):
            for low in (0.002, 0.02):
                maker = functools.partial(
                    scheduler, sigma_schedule=schedule, sigma_min=low, **options
                )
                title = f"{name} ({schedule}, from σ = {low:g})"
                made.append(
                    Method(title, "diffusers", _on_edm(maker), paths=frozenset((VE,)), least=2)
                )
    sde = functools.partial(
        diffusers.EDMDPMSolverMultistepScheduler, algorithm_type="sde-dpmsolver++"
    )
    made.append(
        Method(
            "EDM SDE-DPM++2M (karras)", "diffusers", _on_edm(sde), "sde", frozenset((VE,)), least=2
        )
    )
    return made


def table(field: Field) -> numpy.ndarray:
    """The β of each of the 1000 steps, so that their ᾱ are those of the path."""
    times = 1 - torch.arange(TRAINED + 1, dtype=torch.float64) / TRAINED
    share = field.path.at(times).beta ** 2
    return (1 - share[1:] / share[:-1]).numpy()


def _begun(scheduler: Any) -> Any:
    """As pipelines do: the first step is the first of the grid."""
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(0)
    return scheduler


def _level(scheduler: Any, t: Any) -> Tensor:
    """The noise level ``σ/α`` at which the scheduler is."""
    if hasattr(scheduler, "sigmas") and hasattr(scheduler, "step_index"):
        sigmas: Tensor = scheduler.sigmas
        if getattr(scheduler, "state_in_first_order", True) is False:
            sigmas = getattr(scheduler, "sigmas_interpol", sigmas)
        return sigmas[scheduler.step_index or 0].double()
    share = scheduler.alphas_cumprod[int(t)].double()
    return (1 / share - 1).sqrt()


def _on_table(maker: Any, exploding: bool, **given: Any) -> Run:
    def run(field: Field, x: Tensor, steps: int) -> Tensor:
        scheduler = maker(num_train_timesteps=TRAINED, trained_betas=table(field))
        scheduler.set_timesteps(steps)
        _begun(scheduler)
        level = float(_level(scheduler, scheduler.timesteps[0]))
        x = field.moved(x, min(level, field.first_level))
        x = x if exploding else x / (1 + level**2) ** 0.5
        for t in scheduler.timesteps:
            scaled = scheduler.scale_model_input(x, t)
            sigma = _level(scheduler, t)
            alpha = (1 + sigma**2) ** -0.5
            value = field.noise(alpha, alpha * sigma, scaled)
            x = scheduler.step(value, t, x, **given).prev_sample
        return x

    return run


def _on_flow(maker: Any) -> Run:
    def run(field: Field, x: Tensor, steps: int) -> Tensor:
        scheduler = maker(use_flow_sigmas=True, prediction_type="flow_prediction")
        scheduler.set_timesteps(steps)
        _begun(scheduler)
        return _flowing(scheduler, field, x)

    return run


def _flowing(scheduler: Any, field: Field, x: Tensor) -> Tensor:
    first = float(scheduler.sigmas[0])
    if first < 1:
        x = field.moved(x, first / (1 - first)) * (1 - first)
    for i, t in enumerate(scheduler.timesteps):
        sigma = scheduler.sigmas[i if scheduler.step_index is None else scheduler.step_index]
        x = scheduler.step(field.flow(sigma.double(), x), t, x).prev_sample
    return x


def _flow_euler(shift: float) -> Method:
    def run(field: Field, x: Tensor, steps: int) -> Tensor:
        scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=shift)
        scheduler.set_timesteps(sigmas=numpy.linspace(1, 1 / steps, steps))
        return _flowing(_begun(scheduler), field, x)

    title = f"FlowMatchEuler (shift {shift:g})"
    return Method(title, "diffusers", run, paths=frozenset((LINEAR,)))


def _flow_heun(shift: float) -> Method:
    def run(field: Field, x: Tensor, steps: int) -> Tensor:
        scheduler = diffusers.FlowMatchHeunDiscreteScheduler(shift=shift)
        scheduler.set_timesteps(steps)
        return _flowing(_begun(scheduler), field, x)

    title = f"FlowMatchHeun (shift {shift:g})"
    return Method(title, "diffusers", run, paths=frozenset((LINEAR,)), least=2)


def _on_edm(maker: Any) -> Run:
    def run(field: Field, x: Tensor, steps: int) -> Tensor:
        scheduler = maker(sigma_max=field.first_level)
        scheduler.set_timesteps(steps)
        _begun(scheduler)
        for t in scheduler.timesteps:
            scheduler.scale_model_input(x, t)
            sigma = scheduler.sigmas[scheduler.step_index].double()
            data = scheduler.config.sigma_data
            # What a network behind EDM's preconditioning returns when its denoiser is exact.
            skip, out = data**2 / (sigma**2 + data**2), sigma * data / (sigma**2 + data**2).sqrt()
            value = (field.denoised(sigma * 0 + 1, sigma, x) - skip * x) / out
            x = scheduler.step(value, t, x).prev_sample
        return x

    return run
