"""The files inside packages: Debian's, wheels, and zip archives inside either."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from sicore.errors import InputError
from sicore_speech.data.recipe import Source


def files_of(package: Path, source: Source) -> Iterator[tuple[str, bytes]]:
    """The names and contents of the files that a source takes from a package, in order of name.

    Args:
        package: a ``.deb`` or a ``.whl`` file.
        source: says which.

    Raises:
        InputError: for a package that cannot be read.
    """
    wanted = [source.archive] if source.archive else []
    found: dict[str, bytes] = {}
    for name, content in _members(package, source, bool(wanted)):
        if not wanted:
            found[name] = content
            continue
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for inner in archive.namelist():
                if source.takes(inner):
                    found[inner] = archive.read(inner)
    yield from sorted(found.items())


def _members(package: Path, source: Source, archives: bool) -> Iterator[tuple[str, bytes]]:
    """The files of the package itself: the wanted ones, or the archives that hold them."""

    def wanted(name: str) -> bool:
        return name.endswith(source.archive) if archives else source.takes(name)

    if package.suffix == ".whl":
        with zipfile.ZipFile(package) as wheel:
            yield from ((name, wheel.read(name)) for name in wheel.namelist() if wanted(name))
        return
    with tarfile.open(fileobj=io.BytesIO(debian_data(package))) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isfile() and wanted(member.name) else None
            if file is not None:
                yield member.name, file.read()


def debian_data(package: Path) -> bytes:
    """The ``data.tar`` of a Debian package, still compressed.

    A package is an ``ar`` archive: a magic line, then for each member a header of 60 bytes (name
    16, …, size 10, end 2) and the content, padded to an even length.

    Raises:
        InputError: when it is none.
    """
    raw = package.read_bytes()
    position = 8
    while raw[:8] == b"!<arch>\n" and position + 60 <= len(raw):
        header = raw[position : position + 60]
        size = int(header[48:58])
        if header[:16].startswith(b"data.tar"):
            return raw[position + 60 : position + 60 + size]
        position += 60 + size + size % 2
    raise InputError(f"{package}: is no Debian package")
