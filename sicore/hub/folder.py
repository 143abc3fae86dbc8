"""Model folders on disk: safetensors, YAML, JSON and Markdown; never a pickle."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from sicore.errors import InputError
from sicore.files import write_atomically

WEIGHTS, CONFIG, CARD, METRICS = "model.safetensors", "config.yaml", "README.md", "metrics.json"
MOMENTS = "moments.safetensors"
GRIDS = "grids.json"
LOG, CHECKPOINT = "metrics.jsonl", "checkpoint"
OWN = (WEIGHTS, CONFIG, CARD, METRICS, MOMENTS, GRIDS, LOG, f"{CHECKPOINT}-*", f".{CHECKPOINT}-*")


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write named tensors atomically; tensors that share memory are refused by the format."""
    ready = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_atomically(path, lambda p: save_file(ready, p))


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


def new_model_folder(folder: Path, *, overwrite: bool = False) -> Path:
    """A folder for a new model; ``overwrite`` removes an earlier model's files, and no others.

    Raises:
        InputError: if it holds anything, and ``overwrite`` is false or no model is in it.
    """
    if folder.is_file():
        raise InputError(f"'{folder}' is a file: choose a folder")
    if folder.is_dir() and any(folder.iterdir()):
        if not overwrite:
            ways = "choose another folder, pass --overwrite, or --resume a training"
            raise InputError(f"'{folder}' exists: {ways}")
        own = [path for pattern in OWN for path in folder.glob(pattern)]
        if not own:
            raise InputError(f"'{folder}' holds no model: choose another folder")
        for path in own:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"'{folder}' cannot be written: {error.strerror}") from None
    return folder
