"""k-diffusion: samplers in the noise level σ for a denoiser of ``x1 + σ z``.

On the variance preserving path the states are divided by the signal, which is what its wrappers of
such networks do. The package's ``__init__`` imports training code that needs packages which have
nothing to do with sampling, so its samplers are imported without it; they import torchvision for
pictures, for which an empty module stands in.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from peers.base import DIFFUSION, VE, VP, Method, Run, bare_package, stubbed

with stubbed("torchvision", "torchvision.transforms", "torchvision.transforms.functional"):
    bare_package("k_diffusion")
    from k_diffusion import sampling

if TYPE_CHECKING:
    from problems import Field
    from torch import Tensor

Grid = Callable[["Field", int], "Tensor"]


def _karras(low: float) -> Grid:
    return lambda field, n: sampling.get_sigmas_karras(n, low, field.first_level)


def _exponential(low: float) -> Grid:
    return lambda field, n: sampling.get_sigmas_exponential(n, low, field.first_level)


def _vp(field: Field, n: int) -> Tensor:
    return sampling.get_sigmas_vp(n)


GRIDS: dict[str, tuple[Grid, frozenset[str]]] = {
    "Karras": (_karras(0.002), frozenset((VE,))),
    "Karras, from σ = 0.02": (_karras(0.02), DIFFUSION),
    "log-SNR, from σ = 0.02": (_exponential(0.02), DIFFUSION),
    "uniform": (_vp, frozenset((VP,))),
}
ODE: dict[str, tuple[Any, dict[str, Any]]] = {
    "Euler": (sampling.sample_euler, {}),
    "Heun": (sampling.sample_heun, {}),
    "DPM-2": (sampling.sample_dpm_2, {}),
    "LMS4": (sampling.sample_lms, {}),
    "LMS3": (sampling.sample_lms, {"order": 3}),
    "DPM++2M": (sampling.sample_dpmpp_2m, {}),
    "DPM++2S": (sampling.sample_dpmpp_2s_ancestral, {"eta": 0.0}),
    "DPM++3M": (sampling.sample_dpmpp_3m_sde, {"eta": 0.0}),
}
SDE: dict[str, tuple[Any, dict[str, Any]]] = {
    "Euler ancestral": (sampling.sample_euler_ancestral, {}),
    "DPM-2 ancestral": (sampling.sample_dpm_2_ancestral, {}),
    "DPM++2S ancestral": (sampling.sample_dpmpp_2s_ancestral, {}),
    "DPM++SDE": (sampling.sample_dpmpp_sde, {}),
    "DPM++2M SDE": (sampling.sample_dpmpp_2m_sde, {}),
    "DPM++3M SDE": (sampling.sample_dpmpp_3m_sde, {}),
    "EDM stochastic Heun": (sampling.sample_heun, {"s_churn": 40.0, "s_noise": 1.003}),
}


def methods() -> list[Method]:
    """Every sampler on every grid, DPM-Solver-fast, and the adaptive one."""
    made = []
    for kind, table in (("ode", ODE), ("sde", SDE)):
        for name, (sampler, extra) in table.items():
            for grid, (levels, paths) in GRIDS.items():
                run = _sampled(functools.partial(sampler, **extra), levels)
                title = f"{name} ({grid})"
                made.append(Method(title, "k-diffusion", run, kind, paths, least=2))
    for low in (0.002, 0.02):
        title = f"DPM-fast (to σ = {low:g})"
        made.append(Method(title, "k-diffusion", _fast(low), paths=DIFFUSION))
    made.append(
        Method("DPM-adaptive", "k-diffusion", _adaptive, paths=frozenset((VE, VP)), adaptive=True)
    )
    return made


def _start(field: Field, x: Tensor) -> Tensor:
    return field.moved(x, field.first_level)


def _model(field: Field) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda x, sigma: field.denoised(torch.ones_like(sigma), sigma, x)


def _sampled(sampler: Any, levels: Grid) -> Run:
    def run(field: Field, x: Tensor, steps: int) -> Tensor:
        sigmas = levels(field, steps).double()
        sigmas[0] = field.first_level  # its grids are float32
        return sampler(_model(field), _start(field, x), sigmas, disable=True)  # type: ignore[no-any-return]

    return run


def _fast(low: float) -> Run:
    def run(field: Field, x: Tensor, steps: int) -> Tensor:
        return sampling.sample_dpm_fast(  # type: ignore[no-any-return]
            _model(field), _start(field, x), low, field.first_level, steps, disable=True
        )

    return run


def _adaptive(field: Field, x: Tensor, number: int) -> Tensor:
    tolerance = 10 ** (-number / 2)
    return sampling.sample_dpm_adaptive(  # type: ignore[no-any-return]
        _model(field),
        _start(field, x),
        0.002,
        field.first_level,
        rtol=tolerance,
        atol=tolerance / 6,
        disable=True,
    )
