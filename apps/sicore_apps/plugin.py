"""The commands of this package, as names and import paths: nothing is imported before its use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sicore.plugins import hookimpl

if TYPE_CHECKING:
    from sicore.plugins import Registrar

SICORE_API = 1


@hookimpl
def sicore_register(registry: Registrar) -> None:
    """Register the commands."""
    registry.add(
        "command",
        "restore",
        "sicore_apps.restore:command",
        summary="Restore a degraded picture: holes, blur, low resolution.",
    )
    registry.add(
        "command",
        "enhance",
        "sicore_apps.enhance:command",
        summary="Take the noise off recordings of speech.",
    )
    registry.add(
        "command",
        "generate",
        "sicore_apps.generate:command",
        summary="Generate molecules or graphs, with properties or around a scaffold.",
    )
    registry.add(
        "command",
        "forecast",
        "sicore_apps.forecast:command",
        summary="Forecast the series of a table: paths, quantiles, and a page.",
    )
    registry.add(
        "command",
        "impute",
        "sicore_apps.impute:command",
        summary="Fill the gaps of a table's series with posterior samples.",
    )
    registry.add(
        "command",
        "market",
        "sicore_apps.market:command",
        summary="Simulate a market order by order; stylised facts of returns.",
    )
    registry.add(
        "command",
        "regressor",
        "sicore_apps.regressor:command",
        summary="Train a regressor that leads to a property.",
    )
    registry.add(
        "command",
        "demo",
        "sicore_apps.demo:command",
        summary="Write a page that shows what the shipped model does.",
    )
