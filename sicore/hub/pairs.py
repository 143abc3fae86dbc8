"""The dataset ``pairs``: sources and samples of a trained model, as `sicore reflow` writes them.

A folder holds ``manifest.json`` and files of up to `SHARD` pairs. In a file, the leaves of the
samples are called ``x1/NAME``, those of their sources ``source/NAME`` (the one leaf of a plain
tensor has the empty name), and conditions ``condition/NAME``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from sicore.config import Component
from sicore.errors import InputError
from sicore.files import MANIFEST, read_json
from sicore.hub.folder import read_tensors
from sicore.states import State, batch_size, leaves

SHARD = 1024
DATA, CONDITION = "x1/", "condition/"  # beside `sicore.objectives.SOURCE`


class Pairs:
    """The dataset ``pairs``: states, with the source of each as conditions.

    Its items are states already (``encoded``). All pairs are held in memory.

    Args:
        folder: what `sicore reflow` wrote.
        split: None for the pairs; any other is that split of the data that the model they come
            from was trained on, so that a straightened model is measured against real data.

    Raises:
        InputError: if the folder holds no pairs, or not all of them.
    """

    title = "Pairs of source and sample, drawn from a trained model"
    licence = "that of the model"
    source = "written by `sicore reflow`; data.folder=PATH"

    def __init__(self, folder: Path, split: str | None = None) -> None:
        self._manifest = read_manifest(Path(folder))
        self.encoded = split is None
        data = self._manifest["data"]
        self._data: Any = (
            _Shards(Path(folder), self._manifest)
            if split is None
            else Component.parse("dataset", data).build(split=split)
        )

    @staticmethod
    def available() -> bool:
        """They have to be drawn first."""
        return False

    def __len__(self) -> int:
        """How many there are."""
        return len(self._data)

    def batch(self, indices: Tensor) -> tuple[Any, dict[str, Tensor]]:
        """States ``(B, ...)``, and their conditions with the source among them."""
        items, condition = self._data.batch(indices)
        return items, condition

    def domain_config(self) -> dict[str, Any]:
        """The domain of the model that the pairs were drawn from."""
        return {key: value for key, value in self._manifest["domain"].items() if key != "name"}


class _Shards:
    """The tensors of a complete folder."""

    def __init__(self, folder: Path, manifest: Mapping[str, Any]) -> None:
        files = shard_files(manifest)
        if missing := [file for file in files if not (folder / file).is_file()]:
            raise InputError(
                f"{folder}: {len(missing)} of {len(files)} files are missing; repeat `sicore "
                f"reflow` with --resume"
            )
        parts = [read_tensors(folder / file) for file in files]
        whole = {key: torch.cat([part[key] for part in parts]) for key in parts[0]}
        named = {k.removeprefix(DATA): v for k, v in whole.items() if k.startswith(DATA)}
        self.x1: State = named[""] if set(named) == {""} else named
        self.condition = {
            key.removeprefix(CONDITION): value
            for key, value in whole.items()
            if not key.startswith(DATA)
        }

    def __len__(self) -> int:
        return batch_size(self.x1)

    def batch(self, indices: Tensor) -> tuple[State, dict[str, Tensor]]:
        x1 = {name: leaf[indices] for name, leaf in leaves(self.x1).items()}
        condition = {name: value[indices] for name, value in self.condition.items()}
        return x1[""] if isinstance(self.x1, Tensor) else x1, condition


def read_manifest(folder: Path) -> dict[str, Any]:
    """What a folder of pairs says of itself.

    Raises:
        InputError: if it is no such folder.
    """
    path = folder / MANIFEST
    manifest = read_json(path) if path.is_file() else {}
    if "pairs" not in manifest:
        raise InputError(f"'{folder}' holds no pairs: give a folder that `sicore reflow` wrote")
    return cast("dict[str, Any]", manifest)


def shard_name(first: int) -> str:
    """The file that begins with pair number ``first``."""
    return f"pairs-{first // SHARD:05d}.safetensors"


def shard_files(manifest: Mapping[str, Any]) -> list[str]:
    """All files of a folder, whatever folders a manifest may name."""
    return [Path(str(file)).name for file in manifest["files"]]
