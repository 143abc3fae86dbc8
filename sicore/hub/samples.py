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
from sicore.states import State, batch_size

NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Samples:
    """States with how they were made.

    Attributes:
        x: the states ``(n, ...)``.
        nfe: network calls for each sample.
        seed: the seed; sample k has number ``first_index + k`` of it.
        status: 0 for good samples, 1 where a value is not finite, ``(n,)``.
        settings: what was asked for, as plain values.
        domain: decodes them.
    """

    x: State
    nfe: int
    seed: int
    status: Tensor
    settings: Mapping[str, Any]
    domain: Domain

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
        entries = {**manifest, **made, "versions": versions()}
        with output_folder(Path(folder), overwrite, entries) as staging:
            self.domain.save(self.decoded, staging)
            values = (
                list(self.decoded.values()) if isinstance(self.decoded, dict) else [self.decoded]
            )
            plain = all(isinstance(value, Tensor) for value in values)
            Domain.save(self.domain, self.decoded if plain else self.x, staging)

    def _tensor(self) -> Tensor:
        if not isinstance(self.decoded, Tensor):
            raise InputError(f"the domain '{self.domain.name}' has no mean of its objects")
        return self.decoded


def versions() -> dict[str, str]:
    """The versions that decide what a seed gives."""
    return {
        "sicore": __version__,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
    }
