"""sicore: generative models of your own kind of data, on stochastic interpolants.

``import sicore`` is cheap: torch is imported on the first use of a model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Model", "__version__", "load", "train"]

if TYPE_CHECKING:
    from sicore.hub import Model, load
    from sicore.training import train

_LAZY = {"load": "sicore.hub", "Model": "sicore.hub", "train": "sicore.training"}


def __getattr__(name: str) -> Any:
    """Import the public names that need torch only when they are asked for."""
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'sicore' has no attribute '{name}'")
