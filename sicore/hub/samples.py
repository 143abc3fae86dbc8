"""What sampling returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor

from sicore.errors import InputError
from sicore.hub.domain import Domain
from sicore.hub.folder import new_folder, write_json, write_tensors
from sicore.states import State, batch_size, leaves


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

    def save(self, folder: Path | str, *, overwrite: bool = False) -> list[Path]:
        """Write the user's files, ``samples.safetensors`` and ``manifest.json``.

        Raises:
            InputError: if the folder is not empty and ``overwrite`` is false.
        """
        target = new_folder(Path(folder), overwrite=overwrite)
        written = list(self.domain.save(self.decoded, target))
        write_tensors(
            target / "samples.safetensors", {k or "x": v for k, v in leaves(self.x).items()}
        )
        manifest = {"n": len(self), "seed": self.seed, "nfe": self.nfe, **self.settings}
        write_json(target / "manifest.json", manifest)
        return written

    def _tensor(self) -> Tensor:
        if not isinstance(self.decoded, Tensor):
            raise InputError(f"the domain '{self.domain.name}' has no mean of its objects")
        return self.decoded
