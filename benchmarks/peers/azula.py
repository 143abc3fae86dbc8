"""azula: samplers over a noise schedule, which is theirs to choose.

Its denoisers do not depend on the schedule, so that the same one may be sampled with another: the
clocks below are the path's own, azula's rectified, cosine and decay schedules between the same
noise levels, Karras's, and the uniform log-SNR. Samplers that divide by the signal or the noise
cannot start where there is no signal, or end where there is no noise; they keep a thousandth of
it, as azula's own schedules do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from azula import denoise, noise, sample

from peers.base import ANY, DIFFUSION, VE, Method, Run

if TYPE_CHECKING:
    from problems import Field
    from torch import Tensor

FLOOR = 1e-3
Scales = Callable[["Field", "Tensor"], tuple["Tensor", "Tensor"]]


class _Schedule(noise.Schedule):
    """Signal and noise at azula's time, 0 at the data and 1 at the noise."""

    def __init__(self, scales: Scales, field: Field) -> None:
        self.scales, self.field = scales, field

    def __call__(self, t: Tensor) -> tuple[Tensor, Tensor]:
        return self.scales(self.field, t.double())


class _Denoiser(denoise.Denoiser):
    """The exact posterior mean."""

    def __init__(self, schedule: _Schedule) -> None:
        super().__init__()
        self.schedule, self.field = schedule, schedule.field

    def forward(self, x_t: Tensor, t: Tensor, **given: Any) -> denoise.DiracPosterior:
        return denoise.DiracPosterior(self.field.denoised(*self.schedule(t), x_t))


def _own(field: Field, t: Tensor) -> tuple[Tensor, Tensor]:
    p = field.path.at(1 - t)
    return p.beta, p.gamma


def _rectified(field: Field, t: Tensor) -> tuple[Tensor, Tensor]:
    level = field.first_level
    share = t / (1 + 1 / level)
    return 1 - share, share


def _cosine(field: Field, t: Tensor) -> tuple[Tensor, Tensor]:
    angle = math.atan(field.first_level) * t
    return angle.cos() * (t < 1 if field.first_level == math.inf else 1.0), angle.sin()


def _decay(field: Field, t: Tensor) -> tuple[Tensor, Tensor]:
    gamma = 0.1  # its default
    return _rectified(field, (1 - gamma**t) / (1 - gamma))


def _karras(low: float) -> Scales:
    def scales(field: Field, t: Tensor) -> tuple[Tensor, Tensor]:
        ends = torch.tensor([low, field.first_level], dtype=torch.float64) ** (1 / 7)
        return torch.ones_like(t), torch.lerp(ends[0], ends[1], t) ** 7

    return scales


def _log_snr(low: float) -> Scales:
    def scales(field: Field, t: Tensor) -> tuple[Tensor, Tensor]:
        ends = torch.tensor([low, field.first_level], dtype=torch.float64).log()
        return torch.ones_like(t), torch.lerp(ends[0], ends[1], t).exp()

    return scales


# Each with the paths that it is for.
CLOCKS: dict[str, tuple[Scales, frozenset[str]]] = {
    "own clock": (_own, ANY),
    "rectified clock": (_rectified, DIFFUSION),
    "cosine clock": (_cosine, ANY),
    "decay clock": (_decay, ANY),
    "Karras clock": (_karras(0.002), frozenset((VE,))),
    "Karras clock, from σ = 0.02": (_karras(0.02), DIFFUSION),
    "log-SNR clock, from σ = 0.02": (_log_snr(0.02), DIFFUSION),
}
FEW = ("own clock", "Karras clock, from σ = 0.02", "log-SNR clock, from σ = 0.02")
EVERY = ("vAB2", "vAB3", "zEAB3", "DDPM", "Itô")  # those that are best in one clock or another
# A class, its options, and whether it needs signal at the start and noise at the end.
ODE: dict[str, tuple[Any, dict[str, Any], bool, bool]] = {
    "DDIM": (sample.DDIMSampler, {}, False, False),
    "Euler": (sample.EulerSampler, {}, True, False),
    "Heun": (sample.HeunSampler, {}, True, True),
    "vAB2": (sample.vABSampler, {"order": 2}, False, False),
    "vAB3": (sample.vABSampler, {"order": 3}, False, False),
    "zAB2": (sample.zABSampler, {"order": 2}, True, False),
    "zAB3": (sample.zABSampler, {"order": 3}, True, False),
    "zEAB2": (sample.zEABSampler, {"order": 2}, True, True),
    "zEAB3": (sample.zEABSampler, {"order": 3}, True, True),
    "xEAB2": (sample.xEABSampler, {"order": 2}, True, True),
    "xEAB3": (sample.xEABSampler, {"order": 3}, True, True),
    "REAB2": (sample.REABSampler, {"order": 2}, True, True),
    "REAB3": (sample.REABSampler, {"order": 3}, True, True),
}
SDE: dict[str, tuple[Any, dict[str, Any], bool, bool]] = {
    "DDPM": (sample.DDPMSampler, {}, False, False),
    "DDIM, eta = 0.5": (sample.DDIMSampler, {"eta": 0.5}, False, False),
    "Itô": (sample.ItoSampler, {}, True, False),
    "PC": (sample.PCSampler, {}, False, False),
}


def methods() -> list[Method]:
    """Every sampler in the clocks that suit it."""
    made = []
    for kind, table in (("ode", ODE), ("sde", SDE)):
        for name, (sampler, options, signal, left) in table.items():
            for clock in CLOCKS if name in EVERY else FEW:
                scales, paths = CLOCKS[clock]
                run = _sampled(sampler, options, scales, signal, left)
                made.append(Method(f"{name} ({clock})", "azula", run, kind, paths))
    return made


def _sampled(
    sampler: Any, options: dict[str, Any], scales: Scales, signal: bool, left: bool
) -> Run:
    def run(field: Field, x: Tensor, steps: int) -> Tensor:
        denoiser = _Denoiser(_Schedule(scales, field))
        start, stop = _ends(scales, field, signal, left)
        alpha, sigma = scales(field, torch.tensor(start, dtype=torch.float64))
        if alpha > 0:
            x = field.moved(x, float(sigma / alpha)) * alpha
        made = sampler(
            denoiser,
            start=start,
            stop=stop,
            steps=steps,
            silent=True,
            dtype=torch.float64,
            **options,
        )
        return made(x)  # type: ignore[no-any-return]

    return run


def _ends(scales: Scales, field: Field, signal: bool, left: bool) -> tuple[float, float]:
    """The first and last time, cut where the sampler needs signal or noise."""
    one, zero = torch.tensor([1.0, 0.0], dtype=torch.float64)
    start = 1 - FLOOR if signal and scales(field, one)[0] == 0 else 1.0
    if not left or scales(field, zero)[1] > 0:
        return start, 0.0
    if scales is _own:
        return start, 1 - float(field.path.time_at(torch.tensor(FLOOR, dtype=torch.float64)))
    rest = FLOOR * (1 + 1 / field.first_level)
    if scales is _cosine:
        rest = math.atan(FLOOR) / math.atan(field.first_level)
    return start, rest
