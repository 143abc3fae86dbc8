"""Plugins: how anyone adds domains, data, networks, solvers, commands to sicore.

A plugin is a light module named by an entry point of the group ``sicore``::

    # pyproject.toml:  [project.entry-points.sicore]   my-plugin = "my_plugin.plugin"
    from sicore.plugins import hookimpl

    @hookimpl
    def sicore_register(registry):
        registry.add("backbone", "my-plugin/net", "my_plugin.net:Net", summary="a network")
"""

from sicore.plugins.groups import GROUPS, Group
from sicore.plugins.hookspecs import API_VERSION, hookimpl
from sicore.plugins.loader import (
    Loaded,
    PluginStatus,
    get_registry,
    load_plugins,
    loaded,
    names_in,
    plugin_status,
)
from sicore.plugins.registry import Entry, Registrar, Registry, describe

__all__ = [
    "API_VERSION",
    "GROUPS",
    "Entry",
    "Group",
    "Loaded",
    "PluginStatus",
    "Registrar",
    "Registry",
    "describe",
    "get_registry",
    "hookimpl",
    "load_plugins",
    "loaded",
    "names_in",
    "plugin_status",
]
