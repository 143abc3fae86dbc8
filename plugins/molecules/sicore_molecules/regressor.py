"""A property as a function of graphs that may be soft: what gradient guidance needs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from sicore.errors import InputError
from sicore.files import write_atomically
from sicore.progress import progress_bar
from sicore.states import Noise, State, leaves, tree_map
from sicore_molecules.data.graph_data import GraphData
from sicore_molecules.domain import EDGES, NODES, Graphs
from sicore_molecules.networks.transformer import GraphTransformer

CONFIG = "config"


@dataclass(frozen=True)
class Scale:
    """What a regressor's numbers mean.

    Args:
        property: its name.
        mean: over the data.
        std: over the data.
        error: root mean square error on data that were kept away; NaN if it was not measured.
    """

    property: str
    mean: float
    std: float
    error: float = math.nan


class PropertyRegressor(nn.Module):
    """``f(x) = mean + std (Σ_i h_i + Σ_{i<j} e_ij)``, with h and e of a graph transformer.

    A sum, since many properties of molecules nearly are. It is trained on soft states
    ``λ x1 + (1 − λ) π``, λ uniform in [0, 1] and π the mean of the data, which is where the mean
    predictions of a generator are.

    Args:
        domain: the graphs.
        scale: what its numbers mean.
        options: parameters of `GraphTransformer`.
    """

    def __init__(self, domain: Graphs, scale: Scale, options: Mapping[str, Any]) -> None:
        super().__init__()
        self.scale, self.options = scale, dict(options)
        self.network = GraphTransformer(_unconditional(domain), **options)

    def forward(self, x: State) -> Tensor:
        """The property of each graph, ``(B,)``, in its unit."""
        nodes = leaves(x)[NODES]
        out = leaves(self.network(x, torch.ones_like(nodes[:, 0, 0]), None))
        total = out[NODES][..., 0].sum(1) + out[EDGES][..., 0].sum((1, 2)) / 2
        return self.scale.mean + self.scale.std * total

    def save(self, path: Path) -> None:
        """Write a safetensors file, its configuration in the metadata."""
        written = json.dumps({"scale": asdict(self.scale), "options": self.options})
        tensors = {k: v.contiguous() for k, v in self.state_dict().items()}
        content = save(tensors, {CONFIG: written})
        write_atomically(path, lambda part: part.write_bytes(content))


def _unconditional(domain: Graphs) -> Graphs:
    return Graphs(domain.room, [int(n) for n in domain.counts], domain.kinds)


def load_regressor(path: Path, domain: Graphs) -> PropertyRegressor:
    """Read what `PropertyRegressor.save` wrote.

    Raises:
        InputError: when the file is none, or is of other graphs.
    """
    try:
        with safe_open(str(path), "pt") as file:
            written = json.loads((file.metadata() or {})[CONFIG])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        made = PropertyRegressor(domain, Scale(**written["scale"]), written["options"])
        made.load_state_dict(tensors)
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, SafetensorError) as error:
        raise InputError(f"{path}: is no regressor of these graphs ({error})") from None
    return made.eval().requires_grad_(False)


def train_regressor(
    domain: Graphs,
    data: GraphData,
    property: str,
    *,
    steps: int = 2000,
    batch_size: int = 256,
    learning_rate: float = 2e-3,
    seed: int = 0,
    progress: bool = False,
    options: Mapping[str, Any] | None = None,
) -> PropertyRegressor:
    """Fit a regressor to a property of the data.

    Args:
        domain: of the data.
        data: with the property among its conditions.
        property: its name.
        steps: of AdamW, with a cosine schedule.
        batch_size: graphs a step.
        learning_rate: the largest.
        seed: of weights, order and softness.
        progress: show a bar.
        options: parameters of `GraphTransformer`.

    Raises:
        InputError: when the data have no such property.
    """
    if property not in data.conditions:
        raise InputError(f"regressor: the data were loaded without '{property}'; name it there")
    wanted = data.conditions[property].double()
    scale = Scale(property, float(wanted.mean()), float(wanted.std()))
    torch.manual_seed(seed)
    made = PropertyRegressor(domain, scale, options or {})
    optimiser = torch.optim.AdamW(made.parameters(), learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    with progress_bar("regressor", steps, progress) as bar:
        for step in range(steps):
            noise = Noise.of(seed, batch_size, step * batch_size)
            items, given = data.batch((noise.uniform() * len(data)).long())
            x = softened(domain.encode(items), noise.named("soft").uniform(dtype=torch.float32))
            error = (made(x) - given[property]) / scale.std
            error.square().mean().backward()
            nn.utils.clip_grad_norm_(made.parameters(), 1.0)
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            schedule.step()
            bar.advance()
    return made.eval().requires_grad_(False)


def measured(
    regressor: PropertyRegressor, domain: Graphs, data: GraphData, n: int = 5000
) -> PropertyRegressor:
    """The regressor with its error on the first n of other data."""
    name, squares = regressor.scale.property, []
    for part in torch.arange(min(n, len(data))).split(500):
        items, given = data.batch(part)
        with torch.no_grad():
            squares.append((regressor(domain.encode(items)) - given[name]).square())
    error = float(torch.cat(squares).mean().sqrt())
    regressor.scale = replace(regressor.scale, error=error)
    return regressor


def softened(x1: State, share: Tensor) -> State:
    """``λ x1 + (1 − λ) π`` where there are entries, with π the mean over them; λ ``(B,)``."""

    def leafwise(one: Tensor) -> Tensor:
        there = (one != 0).any(-1, keepdim=True)
        pi = one.flatten(0, -2).sum(0) / there.sum()
        wide = share.reshape(-1, *(1,) * (one.ndim - 1))
        return torch.where(there, torch.lerp(pi.expand_as(one), one, wide), 0.0)

    soft: State = tree_map(leafwise, x1)
    return soft
