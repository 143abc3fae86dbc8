"""Model folders on disk: safetensors, YAML, JSON and Markdown; never a pickle."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from sicore.errors import InputError

WEIGHTS, CONFIG, CARD, METRICS = "model.safetensors", "config.yaml", "README.md", "metrics.json"


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` make a file beside ``path``, then put it in place in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        write(Path(name))
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    write_atomically(path, lambda p: p.write_text(text, encoding="utf-8"))


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file atomically."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Write named tensors atomically; tensors that share memory are refused by the format."""
    ready = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_atomically(path, lambda p: save_file(ready, p, metadata=dict(metadata or {})))


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read named tensors.

    Raises:
        InputError: if the file is missing or is no safetensors file (a pickle, for example).
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; a model folder holds {WEIGHTS} and {CONFIG}")
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"{path}: not a safetensors file, and no other format is ever opened ({error})"
        ) from None


def new_folder(folder: Path, *, overwrite: bool = False) -> Path:
    """An empty folder to write results into.

    Raises:
        InputError: if it exists, is not empty, and ``overwrite`` is false.
    """
    if folder.is_file():
        raise InputError(f"{folder}: is a file; choose a folder with -o")
    if folder.is_dir() and any(folder.iterdir()):
        if not overwrite:
            raise InputError(f"{folder}: exists and is not empty; choose another or --overwrite")
        shutil.rmtree(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror})") from None
    return folder
