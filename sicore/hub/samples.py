"""What sampling returns."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from sicore import __version__
from sicore.errors import InputError
from sicore.files import output_folder
from sicore.hub.domain import Domain
from sicore.solvers import NOT_FINITE, OUT_OF_CALLS
from sicore.states import State, batch_size

NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Samples:
    """States with how they were made.

    Attributes:
        x: the states ``(n, ...)``.
        nfe: network calls for each sample; the most that one took, if a solver chose its steps.
        seed: the seed; sample k has number ``first_index + k`` of it.
        status: 0 for good samples, 1 where a value is not finite, 2 where a solver that chooses its
            steps ran out of calls, ``(n,)``.
        settings: what was asked for, as plain values.
        domain: decodes them.
        calls: network calls of each sample ``(n,)``, if a solver chose its steps.
    """

    x: State
    nfe: int
    seed: int
    status: Tensor
    settings: Mapping[str, Any]
    domain: Domain
    calls: Tensor | None = None

    def __len__(self) -> int:
        """How many there are."""
        return batch_size(self.x)

    @cached_property
    def decoded(self) -> Any:
        """The user's objects, such as pictures in [0, 1]."""
        return self.domain.decode(self.x)

    def mean(self) -> Tensor:
        """The mean of the decoded samples, without the batch axis."""
        return self._tensor().mean(0)

    def std(self) -> Tensor:
        """Their standard deviation, entry by entry (unbiased)."""
        return self._tensor().std(0)

    def save(
        self, folder: Path | str, *, overwrite: bool = False, manifest: Mapping[str, Any] = NOTHING
    ) -> None:
        """Write the user's files, ``samples.safetensors`` and ``manifest.json``, all or none.

        The tensors are the decoded values, or the states of a domain whose objects are no tensors.

        Args:
            folder: where; new or empty, or written by sicore and ``overwrite`` given.
            overwrite: replace the files of an earlier run.
            manifest: more entries for the manifest, such as the model's name.

        Raises:
            InputError: if the folder may not be written.
        """
        made = {"n": len(self), "seed": self.seed, "nfe": self.nfe, **self.settings}
        if self.calls is not None:
            made["calls"] = self.calls.tolist()
        entries = {**manifest, **made, "versions": versions()}
        with output_folder(Path(folder), overwrite, entries) as staging:
            self.write(staging)

    def write(self, folder: Path) -> None:
        """The user's files and ``samples.safetensors``, as in ``save``, without a manifest."""
        self.domain.save(self.decoded, folder)
        values = list(self.decoded.values()) if isinstance(self.decoded, dict) else [self.decoded]
        plain = all(isinstance(value, Tensor) for value in values)
        Domain.save(self.domain, self.decoded if plain else self.x, folder)

    def _tensor(self) -> Tensor:
        if not isinstance(self.decoded, Tensor):
            raise InputError(f"the domain '{self.domain.name}' has no mean of its objects")
        return self.decoded


def trouble(status: Tensor) -> str | None:
    """What is wrong with samples of this status, and what to do; None if nothing is."""
    bad, late = (int((status == number).sum()) for number in (NOT_FINITE, OUT_OF_CALLS))
    said = []
    if bad:
        said.append(f"{bad} of {len(status)} samples are not finite: take more steps")
    if late:
        said.append(
            f"{late} of {len(status)} samples ran out of network calls: allow a larger error (rtol "
            f"and atol) or more calls (max_calls)"
        )
    return "; ".join(said) or None


def versions() -> dict[str, str]:
    """The versions that decide what a seed gives."""
    return {
        "sicore": __version__,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
    }
