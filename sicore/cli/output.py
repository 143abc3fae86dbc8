"""Output folders: complete or absent, and never written over by accident."""

from __future__ import annotations

import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sicore.errors import InputError

if TYPE_CHECKING:
    from sicore.hub import Samples

MANIFEST = "manifest.json"


def check_output(folder: Path, overwrite: bool) -> None:
    """Refuse a folder that must not be written into; cheap, so call it before any work.

    An earlier run's folder, told by its manifest, may be replaced with ``overwrite``; a folder of
    anything else never is.

    Raises:
        InputError: it exists and may not be replaced.
    """
    if folder.is_dir() and any(folder.iterdir()):
        if not overwrite:
            raise InputError(f"'{folder}' exists: choose another folder, or pass --overwrite")
        if not (folder / MANIFEST).is_file():
            raise InputError(f"'{folder}' was not written by sicore: choose another folder")
    elif folder.exists() and not folder.is_dir():
        raise InputError(f"'{folder}' is a file: choose a folder")


@contextmanager
def output_folder(folder: Path, overwrite: bool, manifest: Mapping[str, Any]) -> Iterator[Path]:
    """Collect files in a temporary folder, and move them into place when all are there.

    Args:
        folder: the folder that the user asked for.
        overwrite: remove the files of an earlier run, those that its manifest lists.
        manifest: what to write into ``manifest.json``; the list of files is added.

    Yields:
        The temporary folder to write into.
    """
    check_output(folder, overwrite)
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        yield staging
        files = sorted(str(p.relative_to(staging)) for p in staging.rglob("*") if p.is_file())
        content = json.dumps({**manifest, "files": files}, indent=2, ensure_ascii=False)
        (staging / MANIFEST).write_text(content + "\n", encoding="utf-8")
        _remove_earlier(folder)
        for name in [*files, MANIFEST]:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            os.chmod(staging / name, 0o644)
            os.replace(staging / name, folder / name)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def save_samples(samples: Samples, folder: Path) -> None:
    """Write the domain's own files, and ``samples.safetensors`` with the decoded values.

    A domain whose objects are no tensors has its states there; the default file of a domain is
    ``samples.safetensors`` itself.
    """
    from torch import Tensor

    from sicore.hub import Domain

    samples.domain.save(samples.decoded, folder, stem="sample")
    decoded = samples.decoded
    parts = decoded.values() if isinstance(decoded, dict) else [decoded]
    tensors = all(isinstance(part, Tensor) for part in parts)
    Domain.save(samples.domain, decoded if tensors else samples.x, folder, stem="sample")


def versions() -> dict[str, str]:
    """The versions that decide what a seed gives."""
    import torch

    from sicore import __version__

    return {
        "sicore": __version__,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
    }


def _remove_earlier(folder: Path) -> None:
    manifest = folder / MANIFEST
    if not manifest.is_file():
        return
    try:
        listed = json.loads(manifest.read_text(encoding="utf-8")).get("files", [])
    except (ValueError, AttributeError):
        listed = []
    for name in listed:
        path = (folder / str(name)).resolve()
        if path.is_relative_to(folder.resolve()):
            path.unlink(missing_ok=True)
    manifest.unlink()
