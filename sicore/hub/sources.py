"""Source laws: what x0 is on a two-sided path, by name in a configuration.

Draw number k of a seed is the same state whatever the batch it is drawn in.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor

from sicore.config import Component
from sicore.errors import InputError
from sicore.hub.domain import Domain
from sicore.hub.folder import read_tensors
from sicore.states import Noise, State, batch_size, leaves, take, tree_map

PLAIN = "x"  # the name in a file of a state that is one tensor, as `Domain.save` writes it


@dataclass(frozen=True)
class Normal:
    """Standard normals, in the structure of the noise's space."""

    def __call__(self, noise: Noise, like: State) -> State:
        """One draw for each stream."""
        return noise.normal_like(like)


@dataclass(frozen=True, eq=False)
class FromDataset:
    """Items of another dataset, drawn with replacement and encoded by the model's domain.

    They are encoded as the data are, so that an item that is in both datasets is one state; the
    source then has the mean and the variance that it has in units of the data. Conditions of the
    dataset are not used. It is opened at the first draw: a model that is given x0 does without.

    Args:
        dataset: a registered name, or ``{name: …, **parameters}``.
        domain: the model's, from the program.

    Raises:
        ConfigError, UnknownName: for an entry that does not fit; at the first draw, whatever the
            dataset raises.
        InputError: at a draw, if its states are not shaped as the model's.
    """

    dataset: str | dict[str, Any]
    domain: Domain
    runtime: ClassVar[tuple[str, ...]] = ("domain",)

    def __post_init__(self) -> None:
        self._entry  # noqa: B018 (a wrong name is told before any work)

    @cached_property
    def _entry(self) -> Component:
        return Component.parse("dataset", self.dataset)

    @cached_property
    def _items(self) -> Any:
        return self._entry.build()

    def __call__(self, noise: Noise, like: State) -> State:
        """One draw for each stream."""
        items, _ = self._items.batch(_numbers(noise, len(self._items)))
        return _as(like, self.domain.encode(items), f"source: the dataset '{self._entry.name}'")


@dataclass(frozen=True, eq=False)
class FromFile:
    """States in a file, drawn with replacement.

    Args:
        path: ``.npy``, ``(N, ...)``, or ``.safetensors`` with a tensor ``(N, ...)`` for each leaf,
            by its name; a state that is one tensor is called "x". States are what
            ``Domain.encode`` makes: standardised. It is read at the first draw.

    Raises:
        InputError: at the first draw, if there is no such file, or it holds anything else.
    """

    path: Path

    def __call__(self, noise: Noise, like: State) -> State:
        """One draw for each stream."""
        drawn = take(self._states, _numbers(noise, batch_size(self._states)))
        return _as(like, drawn, str(self.path))

    @cached_property
    def _states(self) -> State:
        return read_states(self.path)


def read_states(path: Path) -> State:
    """States of a ``.safetensors`` or ``.npy`` file, ``(N, ...)``; see ``FromFile``.

    Raises:
        InputError: if there is no such file, or it holds anything else.
    """
    named = _read_array(path) if path.suffix == ".npy" else read_tensors(path)
    counts = {len(leaf) if leaf.ndim else 0 for leaf in named.values()}
    if len(counts) != 1 or counts == {0}:
        raise InputError(f"{path}: expected states (N, ...), N above 0, the same for all")
    return named[PLAIN] if set(named) == {PLAIN} else named


def _numbers(noise: Noise, n: int) -> Tensor:
    """A number below n for each stream, on the CPU."""
    return (noise.named("item").uniform() * n).long().cpu()


def _read_array(path: Path) -> dict[str, Tensor]:
    try:
        return {PLAIN: torch.from_numpy(np.load(path, allow_pickle=False))}
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path}: no array of numbers that can be read ({error})") from None


def _as(like: State, x: State, what: str) -> State:
    """The states x in the dtype and device of ``like``, whose shape they must have."""
    expected, got = _shapes(like), _shapes(x)
    if expected != got:
        raise InputError(f"{what} gives states of shape {got}, the model's are {expected}")
    return cast("State", tree_map(lambda leaf, wanted: leaf.to(wanted), x, like))


def _shapes(x: State) -> dict[str, tuple[int, ...]]:
    return {name: tuple(leaf.shape[1:]) for name, leaf in leaves(x).items()}
