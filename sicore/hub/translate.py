"""Unpaired translation: the latent code of one model's data, decoded by another model.

Both models then draw with the same noise, so that what they have in common is kept: see
``sicore.solvers.encoder``. No pairs are needed, and nothing is trained for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sicore.dynamics import PathDynamics
from sicore.errors import InputError
from sicore.files import MANIFEST, read_json
from sicore.hub.conditions import ConditionLike, plain_condition
from sicore.hub.domain import Domain
from sicore.hub.model import Model
from sicore.hub.plan import built
from sicore.hub.samples import Samples
from sicore.hub.sources import read_states
from sicore.predictions import AsInterpolant, Condition, Prediction
from sicore.progress import progress_bar
from sicore.solvers import Grid, Solution, decode, encode
from sicore.states import Noise, State, concatenate, take, to
from sicore.states import batch_size as batch_count

TENSORS = frozenset({".npy", ".safetensors"})


def translate(
    source: Model,
    target: Model,
    x: State,
    *,
    condition: ConditionLike = None,
    target_condition: ConditionLike = None,
    eta: float = 1.0,
    strength: float = 1.0,
    steps: int | None = None,
    grid: str | Grid | None = None,
    guidance: float | None = None,
    seed: int = 0,
    batch_size: int = 64,
    progress: bool = False,
) -> Samples:
    """Data of one model as data of another: encoded by ``source``, decoded by ``target``.

    A target on another path is moved to that of the source, which is exact. States are in the
    units of their model's data, x in those of the source, the result in those of the target.

    Args:
        source: knows the data x.
        target: another model of such states, or the same one for another condition.
        x: states ``(n, ...)``, as ``source.domain.encode`` makes them.
        condition: what x is, e.g. ``{"class": "Sneaker"}``; by default any data of the source.
        target_condition: what to make of it.
        eta: η of the sampler in (0, 1]; 1 is DDPM.
        strength: the part of the way from data to noise that is gone, in (0, 1]; less of it keeps
            more of x.
        steps: steps each way; by default the source's own number.
        grid: a registered name or an object; by default the source's own.
        guidance: scale of classifier-free guidance towards the target's condition.
        seed: of the codes; what becomes of a state does not depend on the others.
        batch_size: how many are translated at once.
        progress: show a bar.

    Raises:
        InputError, UnknownName: for settings that do not fit; for models of different states, or
            one that does not start from noise, or whose coupling tied the noise to the data.
    """
    _check(source, target, x)
    n = batch_count(x)
    given, wanted = source.coded(condition, n), target.coded(target_condition, n)
    way = _Way(
        source.prediction,
        _on_path(target.guided(guidance, wanted), source.interpolant),
        _times(source, target, strength, steps, grid),
        eta,
    )
    made: list[Solution] = []
    with progress_bar("translating", n, progress) as bar, torch.no_grad():
        for part in _parts(n, batch_size):
            noise = Noise(seed, part.to(source.device), space=source.domain.space)
            states = to(take(x, part), source.device, source.dtype)
            made.append(way.go(states, _take(given, part), _take(wanted, part), noise))
            bar.advance(len(part))
    settings = {
        "condition": plain_condition(condition),
        "target_condition": plain_condition(target_condition),
        "guidance": guidance,
        "eta": eta,
        "strength": strength,
        "steps": len(way.times) - 1,
    }
    result = concatenate([part.x for part in made])
    status = torch.cat([part.status for part in made])
    return Samples(result, made[0].nfe, seed, status, settings, target.domain)


@dataclass(frozen=True)
class _Way:
    """From data to a code, and from the code to other data."""

    source: Prediction
    target: Prediction
    times: Tensor
    eta: float

    def go(self, x: State, given: Condition, wanted: Condition, noise: Noise) -> Solution:
        here = PathDynamics(self.source, condition=given)
        there = PathDynamics(self.target, condition=wanted)
        latent = encode(here, x, self.times, self.eta, noise, noise.space)
        made = decode(there, latent, noise.space)
        return Solution(made.x, made.times, latent.nfe + made.nfe, made.status)


def read_inputs(path: Path, domain: Domain, *, resize: bool = False) -> State:
    """States of what a user has: files of the domain, or tensors.

    Args:
        path: a file that ``domain.read`` understands, or a folder of them, which are read in the
            order of their names; ``.npy`` or ``.safetensors`` with states, as for ``sicore sample
            --x0``; or a folder that ``sicore sample`` wrote.
        domain: reads and encodes.
        resize: fit items of another size, if the domain can.

    Raises:
        InputError: if nothing there can be read.
    """
    if path.is_dir() and (path / MANIFEST).is_file():
        return _written(path, domain)
    if path.suffix.lower() in TENSORS:
        return read_states(path)
    files = _files(path, domain) if path.is_dir() else [path]
    return concatenate([domain.encode(domain.read(file, resize=resize)) for file in files])


def _files(folder: Path, domain: Domain) -> list[Path]:
    found = sorted(p for p in folder.iterdir() if p.suffix.lower() in domain.suffixes)
    if not found:
        endings = ", ".join(sorted(domain.suffixes)) or "none"
        raise InputError(
            f"'{folder}': no files that the domain '{domain.name}' reads (it reads {endings})"
        )
    return found


def _written(folder: Path, domain: Domain) -> State:
    """What ``Samples.save`` wrote: objects, or the states of those that are no tensors."""
    name = "samples.safetensors"
    if name not in read_json(folder / MANIFEST).get("files", []):
        raise InputError(f"'{folder}': holds no samples")
    values = read_states(folder / name)
    objects = domain.decode(domain.space.zeros(1))
    parts = list(objects.values()) if isinstance(objects, dict) else [objects]
    plain = all(isinstance(part, Tensor) for part in parts)
    return domain.encode(values) if plain else values


def _check(source: Model, target: Model, x: State) -> None:
    for model, which in ((source, "source"), (target, "target")):
        path = model.interpolant
        if path.two_sided or not path.gaussian:
            raise InputError(
                f"translate: the {which}'s path {type(path).__name__} does not start from normal "
                f"noise, so its samples have no such code"
            )
        if not model.coupling.independent_noise(path):
            raise InputError(
                f"translate: the {which}'s coupling '{model.config.objective.coupling.name}' tied "
                f"the noise to the data, so that it is sampled without noise on the way only"
            )
    source.domain.space.check(x, "the input")
    target.domain.space.check(x, "the input, for the target model")
    if (source.device, source.dtype) != (target.device, target.dtype):
        raise InputError("translate: both models must be on one device, with weights of one type")


def _on_path(prediction: Prediction, path: Any) -> Prediction:
    return prediction if prediction.interpolant == path else AsInterpolant(prediction, path)


def _times(
    source: Model, target: Model, strength: float, steps: int | None, grid: str | Grid | None
) -> Tensor:
    """The grid of the source, on the last part of what both know."""
    if not 0 < strength <= 1:
        raise InputError(f"strength: expected a number in (0, 1], got {strength}")
    sampling, path = source.config.sampling, source.interpolant
    start, end = sampling.start, sampling.end
    if target.interpolant != path:
        other = target.config.sampling
        first, last = AsInterpolant(target.prediction, path).span(other.start, other.end)
        start, end = max(start, first), min(end, last)
    layout, _ = built("grid", sampling.grid if grid is None else grid)
    count = sampling.steps if steps is None else steps
    times: Tensor = layout.times(count, path, end - strength * (end - start), end)
    return times


def _parts(n: int, batch: int) -> Iterator[Tensor]:
    if batch < 1:
        raise InputError(f"batch_size: expected a number >= 1, got {batch}")
    return iter(torch.arange(n).split(batch))


def _take(condition: dict[str, Tensor] | None, part: Tensor) -> Condition:
    if condition is None:
        return None
    return {name: codes[part.to(codes.device)] for name, codes in condition.items()}
