"""Where the recordings are looked for. Light to import: no torch."""

from __future__ import annotations

import os
from pathlib import Path

from sicore_speech.data.recipe import SOURCES

VERSION = "recipe-1"
"""Changes when the same packages would be prepared into other samples."""


def cache_folder() -> Path:
    """``$SICORE_DATA/speech/recipe-1``, or ``~/.cache/sicore/speech/recipe-1``."""
    root = os.environ.get("SICORE_DATA")
    base = Path(root).expanduser() if root else Path.home() / ".cache" / "sicore"
    return base / "speech" / VERSION


def dataset_folder(name: str) -> Path:
    """Where a data set of its own is prepared: ``$SICORE_DATA/speech/NAME``."""
    return cache_folder().parent / name


def prepared_file(folder: Path, source: str) -> Path:
    """Where the prepared recordings of a source are."""
    return folder / f"{source}.safetensors"


def find_recordings(folder: str | Path | None = None) -> Path | None:
    """The cache folder, or ``folder``, if every source of the recipe is prepared there."""
    place = cache_folder() if folder is None else Path(folder).expanduser()
    whole = all(prepared_file(place, source.name).is_file() for source in SOURCES)
    return place if whole else None
