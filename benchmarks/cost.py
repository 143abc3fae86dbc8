"""What a sampling loop costs beside the network, for each network call.

The network does nothing: it returns its input, 1024 × 2 in float32. Counted are the tensor
operations that torch dispatches, those of them that wait for the device (reading a value of a
tensor on the host), and the calls of Python and C functions, which include those of the network's
own ``nn.Module``. Each is the difference of two run lengths divided by that of their network calls,
so that what is paid once leaves no trace. Times are the least of several runs.

The loops of the peers are those of their documentation, each written as for a network of its own.
"""

from __future__ import annotations

import functools
import sys
import time
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import peers
from common import arguments, record

if TYPE_CHECKING:
    from torch import Tensor

SHAPE = (1024, 2)
LENGTHS = (20, 60)
WAITING = ("_local_scalar_dense", "equal", "nonzero", "masked_select", "is_nonzero")
Loop = Callable[[Any, "Tensor", int], object]


@functools.cache
def network_class() -> Any:
    """A network that returns x, whatever else it is given, and counts its calls."""
    from torch import nn

    class Null(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.calls = 0

        def forward(self, x: Tensor, *given: Any, **more: Any) -> Tensor:
            self.calls += 1
            return x

    return Null


# ------------------------------------------------------------------ counting
def counted_operations(run: Callable[[], object]) -> tuple[int, int]:
    """Tensor operations, and those that wait."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Counter(TorchDispatchMode):
        operations = waits = 0

        def __torch_dispatch__(
            self, function: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            self.operations += 1
            self.waits += function.overloadpacket.__name__ in WAITING
            return function(*args, **(kwargs or {}))

    with Counter() as counter:
        run()
    return counter.operations, counter.waits


def counted_calls(run: Callable[[], object]) -> int:
    """Calls of Python and C functions."""
    count = 0

    def note(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(None)
    return count


def measured(loop: Loop, repetitions: int) -> dict[str, float]:
    """All counts for each network call."""
    import torch

    x = torch.randn(SHAPE, generator=torch.Generator().manual_seed(0))
    rows = []
    for steps in LENGTHS:
        network = network_class()()

        def run(network: Any = network, steps: int = steps) -> None:
            loop(network, x, steps)

        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run()  # what is made at the first call
            network.calls = 0
            run()
            calls = network.calls
            operations, waits = counted_operations(run)
            functions = counted_calls(run)
            took = min(processor_seconds(run) for _ in range(repetitions))
        rows.append((calls, operations, waits, functions, 1e6 * took))
    more = [b - a for a, b in zip(*rows, strict=True)]
    names = ("tensor operations", "of them waiting", "Python and C calls", "microseconds")
    return {name: round(v / more[0], 1) for name, v in zip(names, more[1:], strict=True)}


def processor_seconds(run: Callable[[], object]) -> float:
    """Processor time of one call."""
    start = time.process_time()
    run()
    return time.process_time() - start


# ------------------------------------------------------------------ hand-written loops
def hand_euler(network: Any, x: Tensor, steps: int) -> Tensor:
    h = 1 / steps
    for i in range(steps):
        x = x + h * network(x, i * h)
    return x


def hand_heun(network: Any, x: Tensor, steps: int) -> Tensor:
    h = 1 / steps
    for i in range(steps):
        first = network(x, i * h)
        x = x + h / 2 * (first + network(x + h * first, (i + 1) * h))
    return x


def hand_dpmpp_2m(network: Any, x: Tensor, steps: int) -> Tensor:
    """With coefficients that were computed before, as numbers."""
    old = None
    for i in range(steps):
        now = network(x, i / steps)
        mixed = now if old is None else 1.5 * now - 0.5 * old
        x = 0.9 * x + 0.1 * mixed
        old = now
    return x


def hand_euler_maruyama(network: Any, x: Tensor, steps: int) -> Tensor:
    """Without the draw of the noise, which is one operation more."""
    import torch

    h, root = 1 / steps, steps**-0.5
    for i in range(steps):
        x = x + h * network(x, i * h) + root * torch.randn_like(x)
    return x


HAND: dict[str, Loop] = {
    "Euler": hand_euler,
    "Heun": hand_heun,
    "DPM++2M": hand_dpmpp_2m,
    "Euler–Maruyama (with the draw)": hand_euler_maruyama,
}


# ------------------------------------------------------------------ the peers
def torchdiffeq_loops() -> dict[str, Loop]:
    import torch
    from torchdiffeq import odeint

    def fixed(method: str) -> Loop:
        def loop(network: Any, x: Tensor, steps: int) -> Any:
            ends, options = torch.tensor([0.0, 1.0]), {"step_size": 1 / steps}
            return odeint(lambda t, x: network(x, t), x, ends, method=method, options=options)

        return loop

    def dopri5(network: Any, x: Tensor, steps: int) -> Any:
        times, tolerance = torch.tensor([0.0, 5.0]), 10 ** (-steps / 15)
        return odeint(lambda t, x: network(x, t), x, times, rtol=tolerance, atol=tolerance)

    names = {"Euler": "euler", "midpoint": "midpoint", "Heun": "heun2", "RK4": "rk4"}
    return {name: fixed(method) for name, method in names.items()} | {"dopri5": dopri5}


def flow_matching_loops() -> dict[str, Loop]:
    from flow_matching.solver import ODESolver

    def fixed(method: str) -> Loop:
        def loop(network: Any, x: Tensor, steps: int) -> Any:
            return ODESolver(network).sample(x, 1 / steps, method=method)

        return loop

    return {"Euler": fixed("euler"), "midpoint": fixed("midpoint")}


def torchode_loops() -> dict[str, Loop]:
    import torch
    import torchode

    def fixed(stepper: Any) -> Loop:
        def loop(network: Any, x: Tensor, steps: int) -> Any:
            term = torchode.ODETerm(lambda t, x: network(x, t))
            solver = torchode.AutoDiffAdjoint(stepper(term), torchode.FixedStepController())
            start = torch.zeros(len(x))
            problem = torchode.InitialValueProblem(y0=x, t_start=start, t_end=start + 1)
            return solver.solve(problem, dt0=torch.full((len(x),), 1 / steps))

        return loop

    return {"Euler": fixed(torchode.Euler), "Heun": fixed(torchode.Heun)}


def torchcfm_loops() -> dict[str, Loop]:
    import torch
    from torchdyn.numerics import odeint

    def euler(network: Any, x: Tensor, steps: int) -> Any:
        times = torch.linspace(0, 1, steps + 1)
        return odeint(lambda t, x: network(x, t), x, times, solver="euler")

    return {"Euler (torchdyn)": euler}


def diffusers_loops() -> dict[str, Loop]:
    import diffusers

    def loop_of(maker: Callable[[], Any]) -> Loop:
        def loop(network: Any, x: Tensor, steps: int) -> Any:
            scheduler = maker()
            scheduler.set_timesteps(steps)
            if hasattr(scheduler, "set_begin_index"):
                scheduler.set_begin_index(0)
            for t in scheduler.timesteps:
                value = network(scheduler.scale_model_input(x, t), t)
                x = scheduler.step(value, t, x, return_dict=False)[0]
            return x

        return loop

    def flow(network: Any, x: Tensor, steps: int) -> Any:
        scheduler = diffusers.FlowMatchEulerDiscreteScheduler()
        scheduler.set_timesteps(steps)
        scheduler.set_begin_index(0)
        for t in scheduler.timesteps:
            x = scheduler.step(network(x, t), t, x, return_dict=False)[0]
        return x

    multistep = functools.partial(
        diffusers.DPMSolverMultistepScheduler, final_sigmas_type="sigma_min"
    )
    return {
        "FlowMatchEuler": flow,
        "DDIM": loop_of(functools.partial(diffusers.DDIMScheduler, clip_sample=False)),
        "Euler": loop_of(diffusers.EulerDiscreteScheduler),
        "Heun": loop_of(diffusers.HeunDiscreteScheduler),
        "DPM++2M": loop_of(multistep),
        "DPM++3M": loop_of(functools.partial(multistep, solver_order=3)),
        "UniPC2": loop_of(diffusers.UniPCMultistepScheduler),
        "DEIS2": loop_of(diffusers.DEISMultistepScheduler),
        "DDPM": loop_of(functools.partial(diffusers.DDPMScheduler, clip_sample=False)),
        "SDE-DPM++2M": loop_of(functools.partial(multistep, algorithm_type="sde-dpmsolver++")),
    }


def k_diffusion_loops() -> dict[str, Loop]:
    from peers.k_diffusion import sampling

    def loop_of(sampler: Callable[..., Any]) -> Loop:
        def loop(network: Any, x: Tensor, steps: int) -> Any:
            return sampler(network, x, sampling.get_sigmas_karras(steps, 0.002, 80.0), disable=True)

        return loop

    return {
        "Euler": loop_of(sampling.sample_euler),
        "Heun": loop_of(sampling.sample_heun),
        "LMS4": loop_of(sampling.sample_lms),
        "DPM++2M": loop_of(sampling.sample_dpmpp_2m),
        "Euler ancestral": loop_of(sampling.sample_euler_ancestral),
        "DPM++2M SDE (Brownian tree)": loop_of(sampling.sample_dpmpp_2m_sde),
    }


def azula_loops() -> dict[str, Loop]:
    from azula import denoise, noise, sample

    def loop_of(sampler: Any, **options: Any) -> Loop:
        def loop(network: Any, x: Tensor, steps: int) -> Any:
            denoiser = denoise.SimpleDenoiser(network, noise.VPSchedule())
            return sampler(denoiser, steps=steps, silent=True, **options)(x)

        return loop

    return {
        "Euler": loop_of(sample.EulerSampler),
        "DDIM": loop_of(sample.DDIMSampler),
        "Heun": loop_of(sample.HeunSampler),
        "vAB2": loop_of(sample.vABSampler, order=2),
        "vAB3": loop_of(sample.vABSampler, order=3),
        "DDPM": loop_of(sample.DDPMSampler),
        "Itô": loop_of(sample.ItoSampler),
    }


def torchsde_loops() -> dict[str, Loop]:
    import torch
    import torchsde

    class Sde(torch.nn.Module):
        noise_type = "diagonal"

        def __init__(self, network: Any, sde_type: str) -> None:
            super().__init__()
            self.network, self.sde_type = network, sde_type

        def f(self, t: Tensor, x: Tensor) -> Tensor:
            return self.network(x, t)  # type: ignore[no-any-return]

        def g(self, t: Tensor, x: Tensor) -> Tensor:
            return torch.ones_like(x)

    def loop_of(method: str, kind: str) -> Loop:
        def loop(network: Any, x: Tensor, steps: int) -> Any:
            times = torch.tensor([0.0, 1.0])
            return torchsde.sdeint(Sde(network, kind), x, times, method=method, dt=1 / steps)

        return loop

    return {
        "Euler": loop_of("euler", "ito"),
        "Heun": loop_of("heun", "stratonovich"),
        "reversible Heun": loop_of("reversible_heun", "stratonovich"),
    }


PEERS: dict[str, Callable[[], dict[str, Loop]]] = {
    "torchdiffeq": torchdiffeq_loops,
    "flow_matching": flow_matching_loops,
    "torchcfm": torchcfm_loops,
    "torchode": torchode_loops,
    "diffusers": diffusers_loops,
    "k-diffusion": k_diffusion_loops,
    "azula": azula_loops,
    "torchsde": torchsde_loops,
}


# ------------------------------------------------------------------ sicore
def sicore_loops() -> dict[str, Loop]:
    """Every registered solver through ``solve``, on the linear path.

    One that draws noise is measured twice: with sicore's counter-based streams, and with one
    operation in the place of each draw.
    """
    from sicore.config import Component
    from sicore.plugins import get_registry

    loops: dict[str, Loop] = {}
    for name in get_registry().names("solver"):
        solver = Component.parse("solver", name).build()
        loops[name] = sicore_loop(solver)
        if solver.draws:
            loops[f"{name}, draws as one operation"] = sicore_loop(solver, plain_noise)
    return loops


def plain_noise(n: int) -> Any:
    """Streams whose normals are torch's own."""
    import torch

    from sicore.states import Noise

    class Plain(Noise):
        def normal_like(self, x: Any) -> Any:
            return torch.randn_like(x)

    return Plain.of(0, n)


def sicore_loop(solver: Any, streams: Callable[[int], Any] | None = None) -> Loop:
    import torch

    from sicore.dynamics import PathDynamics, proportional
    from sicore.interpolants import Linear
    from sicore.predictions import VELOCITY, NetworkPrediction
    from sicore.solvers import solve

    adaptive = getattr(solver, "adaptive", False)

    def loop(network: Any, x: Tensor, steps: int) -> Any:
        path, chosen = Linear(), solver
        epsilon = proportional(1.0, path) if solver.stochastic else None
        dynamics = PathDynamics(NetworkPrediction(network, path, VELOCITY), epsilon)
        if adaptive:
            tolerance = 10 ** (-steps / 8)
            chosen = type(solver)(rtol=tolerance, atol=tolerance)
            steps = 1
        # To 0.99 as SDE solvers that look at the end of a step find no score at t = 1.
        times = torch.linspace(0, 0.99, steps + 1, dtype=torch.float64)
        return solve(dynamics, x, times, chosen, streams(len(x)) if streams else None)

    return loop


def table(loops: dict[str, Loop], repetitions: int) -> dict[str, Any]:
    """The counts of each loop, or why there are none."""
    figures: dict[str, Any] = {}
    for name, loop in loops.items():
        try:
            figures[name] = measured(loop, repetitions)
        except Exception as problem:
            figures[name] = f"{type(problem).__name__}: {problem}".splitlines()[0]
    return figures


def peer_loops(name: str) -> dict[str, Loop] | str:
    """The loops of a library, or why there are none."""
    peers.methods()
    try:
        return PEERS[name]()
    except Exception as problem:
        return f"not installed: {type(problem).__name__}: {problem}".splitlines()[0]


def main() -> None:
    options = arguments(__doc__)
    repetitions = 2 if options.quick else 7
    figures: dict[str, Any] = {"shape": list(SHAPE), "by hand": table(HAND, repetitions)}
    figures["sicore"] = table(sicore_loops(), repetitions)
    for name in PEERS:
        loops = peer_loops(name)
        figures[name] = loops if isinstance(loops, str) else table(loops, repetitions)
    record("cost", options, figures)


if __name__ == "__main__":
    main()
