"""Errors that a user can act on: one line that names the input, what was expected, what to do."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class SicoreError(Exception):
    """Any error that sicore raises on purpose; its message is one line for the user."""


class InputError(SicoreError, ValueError):
    """An argument or a file does not fit: wrong shape, missing file, out of range."""


class ConfigError(SicoreError, ValueError):
    """A configuration does not validate."""


class PluginError(SicoreError):
    """A plugin, or a part of it, cannot be used."""


class ConversionError(SicoreError, ArithmeticError):
    """A quantity is not determined by the prediction at this time of the path."""


class UnknownName(SicoreError, LookupError):
    """A name that is not registered.

    Args:
        kind: what was looked up, e.g. ``"solver"``.
        name: the name that was given.
        known: every name that would have been right.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind, self.name, self.known = kind, name, sorted(known)
        listing = ", ".join(self.known) or "none is registered"
        super().__init__(
            f"unknown {kind} '{name}'{did_you_mean(name, self.known)}; known: {listing}"
        )


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``": did you mean 'heun'?"`` for the nearest known name, or an empty string."""
    lowered = {k.lower(): k for k in known}
    near = get_close_matches(str(name).lower(), list(lowered), n=1, cutoff=0.5)
    return f": did you mean '{lowered[near[0]]}'?" if near else ""
