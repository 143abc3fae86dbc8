"""Where data sets are looked for. Light to import: no torch."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """``$SICORE_DATA/molecules``, or ``~/.cache/sicore/molecules``."""
    root = os.environ.get("SICORE_DATA")
    base = Path(root).expanduser() if root else Path.home() / ".cache" / "sicore"
    return base / "molecules"


def dataset_file(name: str, folder: Path | None = None) -> Path:
    """The prepared file of a data set, in the cache or in ``folder``."""
    return (folder or cache_folder()).expanduser() / f"{name}.npz"


def shipped_qm9() -> Path:
    """The copy of QM9 that is part of this package."""
    return Path(__file__).parents[1] / "qm9" / "qm9.npz"
