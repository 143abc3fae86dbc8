"""Draw around scaffolds: read them, and keep them in place while the rest is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.interpolants import Interpolant
from sicore.inverse import KnownPart
from sicore.solvers import StepInfo
from sicore.states import Noise, State, concatenate, take, tree_map
from sicore_molecules.chemistry.encode import Unfit, parse_smiles
from sicore_molecules.data.records import records
from sicore_molecules.molecules import Molecules
from sicore_molecules.scaffolds import Scaffold, scaffold_of, sizes_above

TOLD = 5


@dataclass(frozen=True)
class KnownScaffolds:
    """A callback of ``solve``: sample number k holds scaffold ``k // each``, see `KnownPart`.

    Args:
        interpolant: the model's path.
        x1: the known part for each scaffold, ``(S, ...)``.
        mask: where it is, ``(S, ...)``, for molecules that fill the state.
        each: samples of each scaffold.
    """

    interpolant: Interpolant
    x1: State
    mask: State
    each: int

    def __call__(self, step: StepInfo) -> State:
        """The state with the scaffolds in place; what a molecule has not stays absent."""
        rows = (step.noise.index // self.each).cpu()
        mask = cast("State", tree_map(_there, take(self.mask, rows), step.x))
        return KnownPart(self.interpolant, take(self.x1, rows), mask)(step)


def _there(mask: Tensor, x: Tensor) -> Tensor:
    return mask.to(x.device) & (x != 0).any(-1, keepdim=True)


def known_scaffolds(
    interpolant: Interpolant, domain: Molecules, scaffolds: Sequence[Scaffold], each: int
) -> KnownScaffolds:
    """The callback that keeps these scaffolds."""
    parts = [scaffold.known(domain) for scaffold in scaffolds]
    x1, mask = (concatenate([part[number] for part in parts]) for number in (0, 1))
    return KnownScaffolds(interpolant, x1, mask, each)


def drawn_sizes(
    domain: Molecules, scaffolds: Sequence[Scaffold], each: int, seed: int, size: int | None
) -> list[int]:
    """Atoms of each sample: as asked, or more than the scaffold's, as the data have them."""
    if size is not None:
        return [size] * (each * len(scaffolds))
    drawn = [
        sizes_above(domain, len(scaffold), Noise.of(seed, each, number * each))
        for number, scaffold in enumerate(scaffolds)
    ]
    return cast("list[int]", torch.cat(drawn).tolist())


def given_scaffold(smiles: str, domain: Molecules, size: int | None) -> Scaffold:
    """The scaffold of ``--scaffold``.

    Raises:
        InputError: for what is no SMILES, or does not fit the model.
    """
    try:
        return _fitting(scaffold_of(parse_smiles(smiles), domain), domain, size)
    except Unfit as error:
        raise InputError(f"--scaffold {smiles}: {error}") from None


def read_scaffolds(
    path: Path, domain: Molecules, size: int | None
) -> tuple[list[Scaffold], list[str]]:
    """The scaffolds of a file, and a line on each molecule that cannot be one.

    Raises:
        InputError: when the file cannot be read, or holds no scaffold.
    """
    found, problems = [], []
    for record in records(path):
        try:
            found.append(_fitting(scaffold_of(record.molecule(), domain), domain, size))
        except Unfit as error:
            problems.append(f"{path}: line {record.line}: {error}")
    if not found:
        told = "; ".join(problems[:TOLD]) or "the file is empty"
        raise InputError(f"--decorate {path}: holds no scaffold that can be used: {told}")
    return found, problems


def _fitting(scaffold: Scaffold, domain: Molecules, size: int | None) -> Scaffold:
    """The scaffold, if molecules of this size, or any that the data have, are larger."""
    k = len(scaffold)
    if size is not None and size <= k:
        raise Unfit("size", f"{k} atoms, and --size asks for {size}: give more than {k}")
    if size is None and not bool(domain.counts[k + 1 :].any()):
        raise Unfit(
            "size",
            f"{k} atoms, and no molecule of the training data has more: give --size "
            f"{k + 1} to {domain.room}",
        )
    return scaffold
