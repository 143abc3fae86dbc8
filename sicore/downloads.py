"""Files that are fetched once: downloads that go on where they stopped, and that are verified."""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from sicore.errors import InputError
from sicore.progress import progress_bar

BLOCK = 1 << 20  # bytes


@dataclass(frozen=True)
class Archive:
    """One file to fetch.

    Args:
        url: where it is.
        digest: of its content, as its publisher gives it.
        algorithm: of the digest: one that ``hashlib`` knows, or ``git``, the name that git has for
            the content.
        name: of the file; by default the last part of the address.
    """

    url: str
    digest: str
    algorithm: str = "sha256"
    name: str = ""

    @property
    def file(self) -> str:
        """The file's name."""
        return self.name or self.url.rsplit("/", 1)[-1]


def obtain(archive: Archive, source: str, folder: Path) -> Path:
    """The verified file: from a folder that has it, or downloaded into ``folder``.

    Args:
        archive: which.
        source: ``url`` (also when empty), or a folder that the user has it in.
        folder: for downloads; made when it does not exist.

    Raises:
        InputError: when it cannot be had, or has another content than it should have. A download
            that ended early is kept, and goes on the next time.
    """
    own = source not in ("", "url")
    path = Path(source).expanduser() / archive.file if own else download(archive, folder)
    if not path.is_file():
        raise InputError(f"{path}: is not there; it is at {archive.url}")
    digest = digest_of(path, archive.algorithm)
    if digest != archive.digest:
        if not own:
            path.unlink()
        raise InputError(
            f"{archive.file}: is not what was published ({archive.algorithm} {digest[:12]}…, "
            f"expected {archive.digest[:12]}…, {archive.url}); fetch it again"
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


def download(archive: Archive, folder: Path) -> Path:
    """Download into ``folder``, under a name that ends in ``.part`` until all is there.

    Raises:
        InputError: when the server cannot be reached or the connection ends early.
    """
    target, part = folder / archive.file, folder / f"{archive.file}.part"
    if target.is_file():
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _continue(archive.url, part)
    except OSError as error:
        raise InputError(
            f"cannot download {archive.url} ({error}); run the command again to go on, or fetch it "
            "otherwise and give its folder as --source"
        ) from None
    return part.replace(target)


def _continue(url: str, part: Path) -> None:
    """Append what is missing; a server that cannot do that sends everything."""
    done = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "sicore"} | ({"Range": f"bytes={done}-"} if done else {})
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60)
    except urllib.error.HTTPError as error:
        if error.code == 416 and done:  # nothing is missing
            return
        raise
    with answer:
        resumed = getattr(answer, "status", None) == 206
        start = done if resumed else 0
        missing = int(answer.headers.get("Content-Length") or 0)
        blocks = -(-(start + missing) // BLOCK)
        with (
            part.open("ab" if resumed else "wb") as file,
            progress_bar(f"{part.stem} (MB)", blocks, True, start // BLOCK) as bar,
        ):
            while block := answer.read(BLOCK):
                file.write(block)
                bar.advance()
            written = file.tell() - start
    if written < missing:
        raise OSError(f"{missing - written} bytes are missing")
