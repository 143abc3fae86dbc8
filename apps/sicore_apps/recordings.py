"""Which recordings to enhance, and where each result goes: decided before any work is done."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sicore.errors import InputError
from sicore_speech.audio import SUFFIXES


@dataclass(frozen=True)
class Job:
    """One recording and its result."""

    source: Path
    target: Path


def plan_jobs(source: Path, output: Path, overwrite: bool) -> list[Job]:
    """One job for a file; for a folder one for each recording in it, with its sub-folders.

    Args:
        source: a file or a folder.
        output: a file's result, or the folder of the results, which get the names of their sources.
        overwrite: replace files that are there.

    Raises:
        InputError: when there is nothing to enhance, an ending is unknown, or a file would be
            replaced: never a source, others not without ``overwrite``.
    """
    if source.is_dir():
        if output.is_file():
            raise InputError(f"{output}: is a file; {source} is a folder, so choose a folder")
        jobs = [Job(path, output / path.relative_to(source)) for path in _recordings(source)]
        if not jobs:
            raise InputError(f"{source}: holds no recording ({', '.join(SUFFIXES)})")
    elif source.is_file():
        place = output / source.name if output.is_dir() else output
        jobs = [Job(source, place)]
    else:
        raise InputError(f"{source}: no such file or folder")
    for job in jobs:
        _check(job, overwrite)
    return jobs


def _recordings(folder: Path) -> list[Path]:
    found = (p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    return sorted(path for path in found if not path.name.startswith("."))


def _check(job: Job, overwrite: bool) -> None:
    if job.target.suffix.lower() not in SUFFIXES:
        raise InputError(f"{job.target}: expected a name that ends in one of {', '.join(SUFFIXES)}")
    if job.target.resolve() == job.source.resolve():
        raise InputError(f"{job.source}: would be replaced by its result; choose another output")
    if job.target.exists() and not overwrite:
        raise InputError(f"'{job.target}' exists: choose another name, or pass --overwrite")
