"""Files that are fetched once, and verified before anything is taken from them."""

from __future__ import annotations

import hashlib
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from sicore.errors import InputError
from sicore.files import write_atomically
from sicore.progress import progress_bar

BLOCK = 1 << 20  # bytes


@dataclass(frozen=True)
class Archive:
    """One file to fetch.

    Args:
        url: where it is.
        digest: of its content.
        algorithm: of the digest: ``sha256``, or ``git``, the name that git has for the content.
    """

    url: str
    digest: str
    algorithm: str = "sha256"

    @property
    def file(self) -> str:
        """The file's name at that address."""
        return self.url.rsplit("/", 1)[-1]


def obtain(archive: Archive, source: str, folder: Path) -> Path:
    """The verified file: from a folder that has it, or downloaded into ``folder``.

    Args:
        archive: which.
        source: ``url`` (also when empty), or a folder that the user has it in.
        folder: for downloads; made when it does not exist.

    Raises:
        InputError: when it cannot be had, or has another content than it should have.
    """
    own = source not in ("", "url")
    path = (Path(source).expanduser() if own else folder) / archive.file
    if not own and not path.is_file():
        write_atomically(path, lambda part: _download(archive, part))
    if not path.is_file():
        raise InputError(f"{path}: is not there; it is at {archive.url}")
    digest = digest_of(path, archive.algorithm)
    if digest != archive.digest:
        if not own:
            path.unlink()
        raise InputError(
            f"{archive.file}: is not what was published ({archive.algorithm} {digest[:12]}…, "
            f"expected {archive.digest[:12]}…, {archive.url})"
        )
    return path


def digest_of(path: Path, algorithm: str) -> str:
    """The digest of a file, in hexadecimal."""
    if algorithm == "git":  # SHA-1 of a header with the size, and the content
        hashed = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
        hashed.update(path.read_bytes())
        return hashed.hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def _download(archive: Archive, target: Path) -> None:
    request = urllib.request.Request(archive.url, headers={"User-Agent": "sicore"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer, target.open("wb") as file:
            size = int(answer.headers.get("Content-Length") or 0)
            with progress_bar(f"{archive.file} (MB)", -(-size // BLOCK)) as bar:
                while block := answer.read(BLOCK):
                    file.write(block)
                    bar.advance()
            if file.tell() < size:
                raise OSError(f"{size - file.tell()} bytes are missing")
    except OSError as error:
        raise InputError(
            f"cannot download {archive.url} ({error}); fetch it otherwise, and give its folder as "
            "--source"
        ) from None
