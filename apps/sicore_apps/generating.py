"""Draw graphs and molecules, with all that was asked for."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sicore.errors import InputError
from sicore.hub import Domain, Model, Samples
from sicore.hub.bulk import sample_bulk
from sicore.hub.samples import trouble
from sicore.progress import progress_bar
from sicore_apps.asking import Asked
from sicore_apps.following import Following
from sicore_apps.scaffolding import drawn_sizes, known_scaffolds
from sicore_molecules.domain import Graphs
from sicore_molecules.molecules import Molecules
from sicore_molecules.scaffolds import Scaffold


@dataclass(frozen=True)
class Wanted:
    """What is to be drawn.

    Args:
        number: of samples.
        asked: values of properties by name.
        size: number of nodes; drawn as the data have it if None.
        scaffolds: each is the start of as many samples, one after the other; perhaps none.
        followed: properties that a regressor's gradient leads to, by name.
    """

    number: int
    asked: Asked
    size: int | None = None
    scaffolds: Sequence[Scaffold] = ()
    followed: Mapping[str, Following] = field(default_factory=dict)

    def numbers(self) -> dict[str, float]:
        """The numbers that were asked for, either way."""
        asked = {name: value for name, value in self.asked.items() if isinstance(value, float)}
        return asked | {name: float(way.value) for name, way in self.followed.items()}

    def told(self) -> str:
        """In words."""
        parts = [f"{name} = {value}" for name, value in self.asked.items()]
        parts += [f"{k} = {float(v.value):g} by gradient" for k, v in self.followed.items()]
        parts += [] if self.size is None else [f"size {self.size}"]
        if len(self.scaffolds) == 1:
            parts.append(f"around {self.scaffolds[0].smiles}")
        elif self.scaffolds:
            parts.append(f"around {len(self.scaffolds)} scaffolds")
        return f"Asked for: {', '.join(parts)}." if parts else "Nothing special was asked for."


def check_size(size: int | None, domain: Domain) -> None:
    """Check ``--size``.

    Raises:
        InputError: when the model makes nothing as large.
    """
    room = cast("Graphs", domain).room
    if size is not None and size > room:
        raise InputError(f"--size {size}: expected 1 to {room}, the most that this model has")


def draw(model: Model, wanted: Wanted, sampling: Mapping[str, Any]) -> Samples:
    """Draw, under a progress bar.

    Args:
        model: of graphs or molecules.
        wanted: what.
        sampling: solver, steps, guidance, batch_size, processes and seed.

    Raises:
        InputError: when samples are not finite, or as ``sample_bulk`` does.
    """
    condition: dict[str, Any] = dict(wanted.asked)
    options = dict(sampling)
    if wanted.scaffolds:
        each = wanted.number // len(wanted.scaffolds)
        given = (cast("Molecules", model.domain), wanted.scaffolds, each)
        condition["size"] = drawn_sizes(*given, options["seed"], wanted.size)
        options["callbacks"] = (known_scaffolds(model.interpolant, *given),)
    elif wanted.size is not None:
        condition["size"] = wanted.size
    if wanted.followed:
        options["wrappers"] = tuple(wanted.followed.values())
    with progress_bar("generating", wanted.number) as bar:
        samples = sample_bulk(
            model, wanted.number, advance=bar.advance, condition=condition or None, **options
        )
    if wrong := trouble(samples.status):
        raise InputError(wrong)
    return samples


def training_data(model: Model) -> Any:
    """The data that the model was trained with, if they are on this machine; else None."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what was left out was told before the training
            return model.config.data.build(split="train")
    except (InputError, OSError):
        return None
