"""The hooks that a plugin may implement. A hook's docstring is its documentation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from sicore.plugins.registry import Registrar

PROJECT = "sicore"
API_VERSION = 1

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def sicore_register(registry: Registrar) -> None:
    """Register the plugin's parts, each as a name and an import path.

    Runs at every start of ``sicore``, so it must be quick, and the plugin's module must not
    import torch: targets are strings, which are imported when somebody uses them.

    Args:
        registry: call ``registry.add(group, name, target, summary="")`` for each part.
    """


@hookspec
def sicore_doctor() -> list[tuple[str, bool, str]]:  # type: ignore[empty-body]
    """Check that the plugin can work on this machine; shown by ``sicore doctor``.

    Returns:
        One ``(what was checked, whether it is fine, what to do)`` for each check.
    """
