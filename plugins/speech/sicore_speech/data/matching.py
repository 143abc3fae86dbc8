"""Which noisy recording belongs to a clean one, when their files have nearly the same names."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

Key = Callable[[Path], str]

_SIDE = re.compile(r"(?:^|(?<=[_.\- ]))(?:clean|noisy|enhanced)(?:[_.\- ]|$)", re.IGNORECASE)
_NUMBER = re.compile(r"fileid_\d+", re.IGNORECASE)


def _file(name: Path) -> str:
    return name.as_posix()


def _path(name: Path) -> str:
    return name.with_suffix("").as_posix()


def _stem(name: Path) -> str:
    return name.stem


def _without_side(name: Path) -> str:
    """``speaker_clean_7`` and ``speaker_noisy_7`` are one thing."""
    return _SIDE.sub("", name.stem).rstrip("_.- ")


def _file_number(name: Path) -> str:
    """The number that the files of the DNS challenge have."""
    found = _NUMBER.search(name.stem)
    return found[0] if found else ""


KEYS: tuple[Key, ...] = (_file, _path, _stem, _without_side, _file_number)
"""The strictest first: the file, its path without its ending, its name, its name without "clean" or
"noisy", its number."""


def matched(clean: Sequence[Path], noisy: Sequence[Path]) -> dict[Path, Path]:
    """The noisy file of each clean one that has one.

    Paths are relative to their folders. Each rule of `KEYS` is for the files that no stricter one
    has matched; a key that two files of a side share matches nothing.
    """
    pairs: dict[Path, Path] = {}
    for key in KEYS:
        taken = set(pairs.values())
        others = _unique(noisy, key)
        for name, path in _unique(clean, key).items():
            other = others.get(name)
            if path not in pairs and other is not None and other not in taken:
                pairs[path] = other
    return pairs


def _unique(paths: Sequence[Path], key: Key) -> dict[str, Path]:
    by_key: dict[str, list[Path]] = {}
    for path in paths:
        by_key.setdefault(key(path), []).append(path)
    return {name: found[0] for name, found in by_key.items() if name and len(found) == 1}
