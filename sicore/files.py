"""Files and output folders: whole or absent, and never written over by accident."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sicore.errors import InputError

MANIFEST = "manifest.json"


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` make a file beside ``path``, then put it in place in one step.

    Raises:
        InputError: the folder cannot be written into.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from None
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
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        InputError: it is missing, or no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: is no JSON file that can be read ({error})") from None


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
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise InputError(f"'{folder}' cannot be written: {error.strerror}") from None
    try:
        yield staging
        files = sorted(str(p.relative_to(staging)) for p in staging.rglob("*") if p.is_file())
        write_json(staging / MANIFEST, {**manifest, "files": files})
        _remove_earlier(folder)
        for name in [*files, MANIFEST]:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            os.chmod(staging / name, 0o644)
            os.replace(staging / name, folder / name)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


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
