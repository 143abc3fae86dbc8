"""Which recordings to enhance, and where each result goes: decided before any work is done."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sicore.errors import InputError
from sicore_speech.recording import SUFFIXES, check_suffix


@dataclass(frozen=True)
class Job:
    """One recording and its results.

    Args:
        source: the noisy recording.
        target: the enhanced one.
        samples: posterior samples, of which the target is the mean; none by default.
        reference: the clean recording, when it is known.
    """

    source: Path
    target: Path
    samples: int = 0
    reference: Path | None = None

    def sample(self, number: int) -> Path:
        """Where sample ``1, 2, …`` goes: ``clean-0001.wav`` beside ``clean.wav``."""
        return self.target.with_name(f"{self.target.stem}-{number:04d}{self.target.suffix}")

    @property
    def uncertainty(self) -> Path:
        """Where the picture of the samples' deviation goes."""
        return self.target.with_name(f"{self.target.stem}-uncertainty.png")

    @property
    def results(self) -> list[Path]:
        """Every file that will be written."""
        if not self.samples:
            return [self.target]
        samples = [self.sample(number) for number in range(1, self.samples + 1)]
        return [self.target, *samples, self.uncertainty]


def plan_jobs(
    source: Path,
    output: Path,
    overwrite: bool,
    *,
    samples: int = 0,
    reference: Path | None = None,
    page: Path | None = None,
) -> list[Job]:
    """One job for a file; for a folder one for each recording in it, with its sub-folders.

    Args:
        source: a file or a folder.
        output: a file's result, or the folder of the results, which get the names of their sources.
        overwrite: replace files that are there.
        samples: posterior samples of each recording.
        reference: the clean recording, or the folder of the clean ones under the same names.
        page: the report, if there is to be one.

    Raises:
        InputError: when there is nothing to enhance, an ending is unknown, a reference is missing,
            a folder cannot be written into, or a file would be replaced: never a source, others
            not without ``overwrite``.
    """
    if source.is_dir():
        if output.is_file():
            raise InputError(f"{output}: is a file; {source} is a folder, so choose a folder")
        if reference is not None and not reference.is_dir():
            raise InputError(
                f"{reference}: is no folder; {source} is one, so give the folder of the clean "
                "recordings, with the same names"
            )
        jobs = [
            Job(path, output / name, samples, reference and reference / name)
            for path in _recordings(source)
            for name in [path.relative_to(source)]
        ]
        if not jobs:
            raise InputError(f"{source}: holds no recording ({', '.join(SUFFIXES)})")
    elif source.is_file():
        place = output / source.name if output.is_dir() else output
        jobs = [Job(source, place, samples, reference)]
    else:
        raise InputError(f"{source}: no such file or folder")
    _check(jobs, [] if page is None else [page], overwrite)
    return jobs


def _recordings(folder: Path) -> list[Path]:
    found = (p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    return sorted(path for path in found if not path.name.startswith("."))


def _check(jobs: Iterable[Job], pages: list[Path], overwrite: bool) -> None:
    sources = {job.source.resolve() for job in jobs}
    references = {job.reference.resolve() for job in jobs if job.reference is not None}
    written: set[Path] = set()
    for job in jobs:
        check_suffix(job.target)
        if job.reference is not None and not job.reference.is_file():
            raise InputError(f"{job.reference}: no such file; it is the reference of {job.source}")
    for page in pages:
        if page.suffix.lower() not in (".html", ".htm"):
            raise InputError(f"{page}: expected the name of a page, which ends in .html")
    for path in [*(path for job in jobs for path in job.results), *pages]:
        place = path.resolve()
        if place in sources | references:
            raise InputError(f"{path}: would be replaced by a result; choose another output")
        if place in written:
            raise InputError(f"{path}: two results have this name; rename one of the recordings")
        if path.is_dir():
            raise InputError(f"{path}: is a folder; choose the name of a file")
        if path.exists() and not overwrite:
            raise InputError(f"'{path}' exists: choose another name, or pass --overwrite")
        written.add(place)
    for folder in {place.parent for place in written}:
        _check_folder(folder)


def _check_folder(folder: Path) -> None:
    """Try to make a file in the folder, or in the nearest one above it that is there."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        tempfile.TemporaryFile(dir=there).close()
    except OSError as error:
        raise InputError(f"{there}: cannot be written into ({error.strerror})") from None
