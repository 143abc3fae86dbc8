"""What a training loss costs beside the network: sicore's and its peers' over one by hand.

Batches of 256 × 3 × 32 × 32 in float32, and a network that returns its input. Each loss is timed in
turn with the one by hand for its path, so that what else the machine does falls on both alike; the
ratio is that of the least processor times. Tensor operations are counted as torch dispatches them.
sicore draws its noise from counter-based streams, which are the same on every device and in every
batch; its second row has torch's own normals in their place. For couplings by optimal transport,
how many of the 256 draws meet a datum.
"""

from __future__ import annotations

import functools
import time
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import peers
from common import arguments, record
from cost import counted_operations, plain_noise

if TYPE_CHECKING:
    from torch import Tensor

SHAPE = (256, 3, 32, 32)
Loss = Callable[["Tensor"], object]


def echo(x: Tensor, *given: Any, **more: Any) -> Tensor:
    """The network."""
    return x


# ------------------------------------------------------------------ by hand
def linear_by_hand(x1: Tensor) -> Tensor:
    """Flow matching on the linear path."""
    import torch

    z = torch.randn_like(x1)
    t = torch.rand(len(x1))
    share = t.reshape(-1, 1, 1, 1)
    value = echo(torch.lerp(z, x1, share), t)
    return (value - (x1 - z)).square().mean()


def vp_by_hand(x1: Tensor) -> Tensor:
    """Noise prediction on the variance preserving path."""
    import torch

    z = torch.randn_like(x1)
    t = torch.rand(len(x1))
    share = torch.exp(-0.1 * t - 9.95 * t**2).reshape(-1, 1, 1, 1)
    value = echo(share.sqrt() * x1 + (1 - share).sqrt() * z, t)
    return (value - z).square().mean()


# ------------------------------------------------------------------ sicore
def sicore_losses() -> dict[str, tuple[Loss, Loss]]:
    from sicore.interpolants import VP, Linear
    from sicore.objectives import ExactOT, Independent, SinkhornOT
    from sicore.predictions import NOISE, VELOCITY, NetworkPrediction
    from sicore.states import Noise

    def loss_of(path: Any, kind: Any, coupling: Any, plain: bool) -> Loss:
        from sicore.objectives import Objective

        objective = Objective(path, coupling=coupling)
        prediction = NetworkPrediction(echo, path, kind)  # type: ignore[arg-type]
        streams = plain_noise(SHAPE[0]) if plain else Noise.of(0, SHAPE[0])
        return lambda x1: objective.loss(prediction, x1, None, streams).mean()

    made: dict[str, tuple[Loss, Loss]] = {}
    for plain in (False, True):
        end = ", torch's normals" if plain else ""
        linear = functools.partial(loss_of, Linear(), VELOCITY, plain=plain)
        made[f"linear, velocity{end}"] = linear(coupling=Independent()), linear_by_hand
        vp = loss_of(VP(), NOISE, Independent(), plain)
        made[f"VP, noise{end}"] = vp, vp_by_hand
        made[f"linear, exact OT{end}"] = linear(coupling=ExactOT()), linear_by_hand
        made[f"linear, Sinkhorn{end}"] = linear(coupling=SinkhornOT()), linear_by_hand
    return made


# ------------------------------------------------------------------ the peers
def flow_matching_losses() -> dict[str, tuple[Loss, Loss]]:
    import torch
    from flow_matching.path import AffineProbPath
    from flow_matching.path.scheduler import CondOTScheduler, VPScheduler

    def loss_of(scheduler: Any) -> Loss:
        path = AffineProbPath(scheduler)

        def loss(x1: Tensor) -> Tensor:
            z, t = torch.randn_like(x1), torch.rand(len(x1))
            sample = path.sample(x_0=z, x_1=x1, t=t)
            return (echo(sample.x_t, sample.t) - sample.dx_t).square().mean()

        return loss

    return {
        "linear, velocity": (loss_of(CondOTScheduler()), linear_by_hand),
        "VP, velocity": (loss_of(VPScheduler()), vp_by_hand),
    }


def torchcfm_losses() -> dict[str, tuple[Loss, Loss]]:
    import torch
    from torchcfm import conditional_flow_matching as cfm

    def loss_of(matcher: Any) -> Loss:
        def loss(x1: Tensor) -> Tensor:
            x0 = torch.randn_like(x1)
            t, x_t, target = matcher.sample_location_and_conditional_flow(x0, x1)
            return (echo(x_t, t) - target).square().mean()

        return loss

    bridge = cfm.SchrodingerBridgeConditionalFlowMatcher(sigma=1.0, ot_method="sinkhorn")
    matchers = {
        "linear, velocity": cfm.ConditionalFlowMatcher(sigma=0.0),
        "linear, exact OT": cfm.ExactOptimalTransportConditionalFlowMatcher(sigma=0.0),
        "bridge, Sinkhorn": bridge,
        "trigonometric, velocity": cfm.VariancePreservingConditionalFlowMatcher(sigma=0.0),
    }
    return {name: (loss_of(matcher), linear_by_hand) for name, matcher in matchers.items()}


def diffusers_losses() -> dict[str, tuple[Loss, Loss]]:
    import diffusers
    import torch

    ddpm, flow = diffusers.DDPMScheduler(), diffusers.FlowMatchEulerDiscreteScheduler()

    def noise(x1: Tensor) -> Tensor:
        z, t = torch.randn_like(x1), torch.randint(0, 1000, (len(x1),))
        return (echo(ddpm.add_noise(x1, z, t), t) - z).square().mean()

    def velocity(x1: Tensor) -> Tensor:
        z, t = torch.randn_like(x1), torch.randint(0, 1000, (len(x1),))
        target = ddpm.get_velocity(x1, z, t)
        return (echo(ddpm.add_noise(x1, z, t), t) - target).square().mean()

    def scaled(x1: Tensor) -> Tensor:
        z = torch.randn_like(x1)
        t = flow.timesteps[torch.randint(0, 1000, (len(x1),))]
        return (echo(flow.scale_noise(x1, t, z), t) - (z - x1)).square().mean()

    return {
        "DDPM add_noise": (noise, vp_by_hand),
        "DDPM add_noise and velocity": (velocity, vp_by_hand),
        "FlowMatch scale_noise": (scaled, linear_by_hand),
    }


def azula_losses() -> dict[str, tuple[Loss, Loss]]:
    import torch
    from azula import denoise, noise

    class Echo(torch.nn.Module):
        def forward(self, x: Tensor, t: Tensor) -> Tensor:
            return x

    def loss_of(maker: Any, schedule: Any) -> Loss:
        denoiser = maker(Echo(), schedule)
        return lambda x1: denoiser.loss(x1, torch.rand(len(x1)))

    simple, karras = denoise.SimpleDenoiser, denoise.KarrasDenoiser
    return {
        "rectified, simple": (loss_of(simple, noise.RectifiedSchedule()), linear_by_hand),
        "VP, simple": (loss_of(simple, noise.VPSchedule()), vp_by_hand),
        "VP, preconditioned": (loss_of(karras, noise.VPSchedule()), vp_by_hand),
    }


SIDES: dict[str, Callable[[], dict[str, tuple[Loss, Loss]]]] = {
    "sicore": sicore_losses,
    "flow_matching": flow_matching_losses,
    "torchcfm": torchcfm_losses,
    "diffusers": diffusers_losses,
    "azula": azula_losses,
}


# ------------------------------------------------------------------ measuring
def compared(loss: Loss, by_hand: Loss, x1: Tensor, repetitions: int) -> dict[str, float]:
    """The ratio to the loss by hand, the time, and the tensor operations."""
    times: dict[Loss, list[float]] = {loss: [], by_hand: []}
    loss(x1), by_hand(x1)  # warm-up
    for _ in range(repetitions):
        for one in (loss, by_hand):
            start = time.process_time()
            one(x1)
            times[one].append(time.process_time() - start)
    own, other = min(times[loss]), min(times[by_hand])
    return {
        "over one by hand": round(own / other, 2),
        "milliseconds": round(1000 * own, 2),
        "tensor operations": counted_operations(lambda: loss(x1))[0],
    }


def distinct_partners(x1: Tensor) -> dict[str, Any]:
    """How many of the draws are used by a plan of optimal transport."""
    import torch

    from sicore.interpolants import Linear
    from sicore.objectives import ExactOT, SinkhornOT
    from sicore.states import Noise

    def count(z: Tensor) -> int:
        return len(z.flatten(1).unique(dim=0))

    figures: dict[str, Any] = {"draws": len(x1)}
    for name, coupling in (("exact", ExactOT()), ("Sinkhorn", SinkhornOT())):
        pair: Any = coupling(Linear(), x1, Noise.of(1, len(x1)), None)
        figures[f"sicore, {name}"] = count(pair.z)
    try:
        from torchcfm.optimal_transport import OTPlanSampler

        for method in ("exact", "sinkhorn"):
            x0 = torch.randn_like(x1)
            figures[f"torchcfm, {method}"] = count(OTPlanSampler(method).sample_plan(x0, x1)[0])
    except ImportError as problem:
        figures["torchcfm"] = f"not installed: {problem}"
    return figures


def main() -> None:
    import torch

    options = arguments(__doc__)
    peers.available()
    x1 = torch.randn(SHAPE, generator=torch.Generator().manual_seed(0))
    repetitions = 3 if options.quick else 15
    figures: dict[str, Any] = {"shape": list(SHAPE)}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for side, losses in SIDES.items():
            try:
                made = losses()
            except ImportError as problem:
                figures[side] = f"not installed: {problem}"
                continue
            figures[side] = {name: compared(*pair, x1, repetitions) for name, pair in made.items()}
        figures["distinct partners of 256 draws"] = distinct_partners(x1)
    record("losses", options, figures)


if __name__ == "__main__":
    main()
