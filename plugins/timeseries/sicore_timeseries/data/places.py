"""Where data sets are looked for. Light to import: no torch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path


def cache_folder() -> Path:
    """``$SICORE_DATA/timeseries``, or ``~/.cache/sicore/timeseries``."""
    root = os.environ.get("SICORE_DATA")
    base = Path(root).expanduser() if root else Path.home() / ".cache" / "sicore"
    return base / "timeseries"


def find_file(names: Sequence[str], folder: Path | None = None) -> Path | None:
    """The first file of these names that is in the cache, or in ``folder``."""
    place = (folder or cache_folder()).expanduser()
    return next((place / name for name in names if (place / name).is_file()), None)
