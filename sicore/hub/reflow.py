"""Reflow: pairs of noise and sample from a trained model, to train straighter models on.

Both ends of a trajectory of the model's ODE are kept. A model that is trained on such pairs has
the same laws at both ends and straighter trajectories, which need fewer steps (Liu, Gong and Liu,
"Flow straight and fast", 2023). `draw_pairs` writes them, the dataset ``pairs`` reads them, and the
coupling ``reflow`` hands both ends to the path.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.files import MANIFEST, check_output, read_json, write_json
from sicore.hub.folder import write_tensors
from sicore.hub.model import Model
from sicore.hub.pairs import CONDITION, DATA, SHARD, read_manifest, shard_files, shard_name
from sicore.hub.plan import built
from sicore.hub.samples import trouble, versions
from sicore.objectives import SOURCE
from sicore.progress import progress_bar
from sicore.solvers import Grid, Solver
from sicore.states import Noise, State, StateSpace, leaves, scale


def draw_pairs(
    model: Model,
    folder: Path | str,
    n: int,
    *,
    name: str = "",
    solver: str | Solver | None = None,
    steps: int | None = None,
    grid: str | Grid | None = None,
    guidance: float | None = None,
    seed: int = 0,
    batch_size: int = 64,
    resume: bool = False,
    overwrite: bool = False,
    progress: bool = False,
) -> int:
    """Draw pairs from a model by its ODE into a folder.

    The source is standard noise, whatever the scale of the model's path, or what the model's
    coupling draws for a two-sided path. Conditions are those of its training data, drawn at
    random. Pair number k of a seed is the same for every n and batch size.

    Args:
        model: trained.
        folder: gets ``manifest.json`` and files of up to 1024 pairs each.
        n: how many pairs.
        name: of the model, for the manifest.
        solver: of the ODE; as in ``Model.sample``, like the three that follow.
        steps: as in ``Model.sample``.
        grid: as in ``Model.sample``.
        guidance: as in ``Model.sample``.
        seed: of the pairs.
        batch_size: pairs for each network call.
        resume: go on with what an interrupted run has left in the folder.
        overwrite: replace the pairs that an earlier run wrote there.
        progress: show a bar.

    Returns:
        Network calls for each pair; 0 if nothing was left to do.

    Raises:
        InputError: for an SDE solver, whose samples are no function of their source; for a folder
            that may not be written, or holds other pairs; if a sample is not finite.
    """
    folder = Path(folder)
    options = {"solver": solver, "steps": steps, "grid": grid, "guidance": guidance}
    manifest = _manifest(model, n, seed, name, options)
    _prepare(folder, manifest, resume, overwrite)
    data = model.config.data.build() if model.domain.conditions else None
    missing = [part for part in _shards(n) if not (folder / shard_name(part[0])).exists()]
    done, nfe = n - sum(last - first for first, last in missing), 0
    with progress_bar("pairs", n, progress, done) as bar:
        for first, last in missing:
            tensors: list[dict[str, Tensor]] = []
            for start in range(first, last, batch_size):
                end = min(start + batch_size, last)
                drawn, nfe = _draw(model, data, start, end, seed, options)
                tensors.append(drawn)
                bar.advance(end - start)
            shard = {key: torch.cat([part[key] for part in tensors]) for key in tensors[0]}
            write_tensors(folder / shard_name(first), shard)
    return nfe


def _draw(
    model: Model, data: Any, first: int, last: int, seed: int, options: Mapping[str, Any]
) -> tuple[dict[str, Tensor], int]:
    """Pairs number ``first`` to ``last − 1``, and network calls for each."""
    noise = Noise.of(seed, last - first, first, model.device)
    codes, path = _conditions(model, data, noise), model.interpolant
    noise = model.streams(seed, first, last, model.coded(codes, last - first))
    x0: State | None = None
    if path.two_sided:
        like = model.domain.space.zeros(1, model.dtype, model.device)
        source = x0 = model.coupling.source_states(noise.named("source"), like)
    else:
        p = path.at(0.0)
        start = path.prior(
            noise, cast("StateSpace", noise.space), model.dtype
        )  # as sampling begins
        source = scale((p.beta**2 + p.gamma**2).rsqrt(), start)
    count = last - first
    settings = {**options, "seed": seed, "first_index": first, "batch_size": count}
    with warnings.catch_warnings():  # what is not finite is an error here
        warnings.filterwarnings("ignore", message=".* samples (are not finite|ran out)")
        made = model.sample(count, codes, x0=x0, **settings)
    if wrong := trouble(made.status):
        raise InputError(f"reflow: {wrong}")
    tensors = {DATA + name: leaf for name, leaf in leaves(made.x).items()}
    tensors |= {SOURCE + name: leaf for name, leaf in leaves(source).items()}
    return tensors | {CONDITION + name: code for name, code in (codes or {}).items()}, made.nfe


def _conditions(model: Model, data: Any, noise: Noise) -> dict[str, Tensor] | None:
    """The conditions of training data drawn at random; None without any."""
    if data is None:
        return None
    numbers = (noise.named("condition").uniform() * len(data)).long().cpu()
    _, condition = data.batch(numbers)
    return {name: condition[name] for name in model.domain.conditions if name in condition} or None


def _shards(n: int) -> Iterator[tuple[int, int]]:
    return ((first, min(first + SHARD, n)) for first in range(0, n, SHARD))


def _manifest(
    model: Model, n: int, seed: int, name: str, options: Mapping[str, Any]
) -> dict[str, Any]:
    """What decides the pairs, and what their dataset must know."""
    defaults = model.config.sampling
    solver, solver_name = built("solver", options["solver"] or defaults.solver)
    if solver.stochastic or solver.draws:
        raise InputError(
            f"reflow: the solver '{_name(solver_name)}' adds noise, so that a sample is no "
            f"function of its source; choose an ODE solver, such as heun"
        )
    start = model.interpolant.at(defaults.start)
    if model.interpolant.two_sided and bool(((start.gamma > 0) | (start.alpha == 0)).any()):
        raise InputError(
            f"reflow: sampling starts at t = {defaults.start:g}, where this model's states are not "
            f"those of its source; it needs a path that starts from the source, and sampling.start "
            f"= 0"
        )
    _, grid_name = built("grid", options["grid"] or defaults.grid)
    settings = {
        "pairs": n,
        "seed": seed,
        "model": name,
        "weights": _digest(model),
        "solver": solver_name,
        "grid": grid_name,
        "steps": options["steps"] or defaults.steps,
        "guidance": defaults.guidance if options["guidance"] is None else options["guidance"],
        "domain": model.config.domain.plain(),
        "data": model.config.data.plain(),
        "versions": versions(),
        "files": [shard_name(first) for first, _ in _shards(n)],
    }
    return cast("dict[str, Any]", json.loads(json.dumps(settings)))


def _name(plain: Any) -> str:
    return str(plain["name"] if isinstance(plain, dict) else plain)


def _digest(model: Model) -> str:
    """A fingerprint of the weights: pairs of two models must not meet in one folder."""
    digest = hashlib.blake2b(digest_size=16)
    for name, weight in sorted(model.network.state_dict().items()):
        digest.update(name.encode() + weight.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _prepare(folder: Path, manifest: dict[str, Any], resume: bool, overwrite: bool) -> None:
    """An empty folder with its manifest, or the one of the run that is resumed."""
    if resume and (folder / MANIFEST).is_file():
        if read_json(folder / MANIFEST) != manifest:
            raise InputError(
                f"'{folder}' holds pairs of another model or with other settings: repeat the "
                f"command it was started with, or choose another folder"
            )
        return
    check_output(folder, overwrite)
    if (folder / MANIFEST).is_file():
        for file in shard_files(read_manifest(folder)):
            (folder / file).unlink(missing_ok=True)
    write_json(folder / MANIFEST, manifest)
