"""What this plugin offers, as names and import paths: nothing is imported here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sicore.plugins import hookimpl

if TYPE_CHECKING:
    from sicore.plugins import Registrar

SICORE_API = 1


@hookimpl
def sicore_register(registry: Registrar) -> None:
    """Register the domain, its networks, data sets and presets."""
