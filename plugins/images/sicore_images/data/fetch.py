"""Getting Fashion-MNIST: by URL, from Debian's package, or from files that the user has.

Whatever the source, the unpacked bytes are compared with the known hash and only then take their
final name, so that a file in the folder is always a whole and right one.
"""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import tempfile
import urllib.request
from pathlib import Path

from rich.progress import Progress

from sicore.errors import InputError
from sicore.files import write_atomically
from sicore_images.data.places import (
    DEBIAN_FOLDER,
    DEBIAN_PACKAGE,
    FILES,
    MIRROR,
    UPSTREAM,
    IdxFile,
    locate,
)

WAYS = (
    "give the source 'url' (its authors' repository), 'debian' (apt-get download "
    f"{DEBIAN_PACKAGE}) or a folder that has the four files"
)


def fetch_fashion_mnist(folder: Path, source: str = "url") -> Path:
    """Put the four files, unpacked and verified, into ``folder``; files already right are kept.

    Args:
        folder: made when it does not exist.
        source: ``url`` (also when empty), ``debian`` or a folder.

    Raises:
        InputError: when the source cannot be reached or its content is not the right one.
    """
    folder = folder.expanduser()
    missing = [file for file in FILES.values() if not _right(folder / file.name, file)]
    if not missing:
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    if source in ("", "url"):
        for file in missing:
            _install(file, _download(file), folder)
    elif source == "debian":
        with tempfile.TemporaryDirectory() as scratch:
            _copy(missing, _debian(Path(scratch)), folder)
    else:
        place = Path(source).expanduser()
        if not place.is_dir():
            raise InputError(f"source '{source}' is not a folder: {WAYS}")
        _copy(missing, place, folder)
    return folder


def _right(path: Path, file: IdxFile) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256


def _copy(files: list[IdxFile], place: Path, folder: Path) -> None:
    for file in files:
        path = locate(place, file.name)
        if path is None:
            raise InputError(f"{place}: has neither {file.name} nor {file.name}.gz")
        _install(file, path.read_bytes(), folder)


def _install(file: IdxFile, raw: bytes, folder: Path) -> None:
    """Unpack, verify, and only then give the file its name."""
    try:
        content = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (OSError, EOFError) as error:
        raise InputError(f"{file.name}: the file is damaged ({error}); fetch it again") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != file.sha256:
        raise InputError(
            f"{file.name}: wrong content (SHA-256 {digest[:12]}…, expected {file.sha256[:12]}…); "
            "nothing was written, try another source"
        )
    write_atomically(folder / file.name, lambda scratch: scratch.write_bytes(content))


def _download(file: IdxFile) -> bytes:
    """The packed file from the first address that answers."""
    reasons = []
    for base in (UPSTREAM, MIRROR):
        try:
            with Progress(transient=True) as progress:
                return _read_url(f"{base}{file.name}.gz", progress)
        except OSError as error:
            reasons.append(f"{base}: {error}")
    raise InputError(f"cannot download {file.name}.gz ({'; '.join(reasons)}): {WAYS}")


def _read_url(url: str, progress: Progress) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:
        total = answer.headers.get("Content-Length")
        task = progress.add_task(url.rsplit("/", 1)[-1], total=int(total) if total else None)
        parts = []
        while part := answer.read(1 << 16):
            parts.append(part)
            progress.advance(task, len(part))
    return b"".join(parts)


def _debian(scratch: Path) -> Path:
    """Download Debian's package, without installing it, and unpack it into ``scratch``."""
    try:
        _run(["apt-get", "download", DEBIAN_PACKAGE], scratch)
        package = next(scratch.glob("*.deb"))
        _run(["dpkg", "-x", package.name, "unpacked"], scratch)
    except (OSError, subprocess.CalledProcessError, StopIteration) as error:
        said = getattr(error, "stderr", None) or str(error).encode()
        last = said.decode(errors="replace").strip().splitlines()[-1:] or ["no package came"]
        raise InputError(f"cannot get Debian's {DEBIAN_PACKAGE} ({last[0]}): {WAYS}") from error
    return scratch / "unpacked" / DEBIAN_FOLDER


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
