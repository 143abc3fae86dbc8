"""The libraries that sicore is measured against, each behind a small adapter.

They are installed into a folder of their own, whose packages come last: sicore's win. A library
that is missing or broken is reported with the reason, and the others run.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from peers.base import Method

FOLDER = Path(__file__).parent.parent / ".peers"
LIBRARIES = {
    "torchdiffeq": "torchdiffeq",
    "torchode": "torchode",
    "torchcfm": "torchcfm",
    "flow_matching": "flow_matching",
    "diffusers": "diffusers",
    "k_diffusion": "k-diffusion",
    "azula": "azula",
    "torchsde": "torchsde",
}

__all__ = ["LIBRARIES", "Method", "available", "methods", "missing"]


def available() -> None:
    """Put the peers' folder at the end of the search path."""
    if str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))


@cache
def _loaded() -> tuple[tuple[Method, ...], dict[str, str]]:
    available()
    found: list[Method] = []
    reasons: dict[str, str] = {}
    for module, name in LIBRARIES.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found.extend(importlib.import_module(f"peers.{module}").methods())
        except Exception as error:
            reasons[name] = f"not installed: {type(error).__name__}: {error}".splitlines()[0]
    return tuple(found), reasons


def methods(kind: str | None = None, path: str | None = None) -> list[Method]:
    """Every method of the libraries that can be imported."""
    return [
        method
        for method in _loaded()[0]
        if kind in (None, method.kind) and (path is None or path in method.paths)
    ]


def missing() -> dict[str, str]:
    """The libraries that cannot be imported, and why."""
    return _loaded()[1]


def versions() -> dict[str, str]:
    """Of the libraries that are installed."""
    available()
    known = {}
    for name in (*LIBRARIES.values(), "torchdyn"):
        try:
            known[name] = version(name)
        except PackageNotFoundError:
            continue
    return known
