"""Find the installed plugins and load each in its own guard.

A plugin that fails in any way (an import error, an exception, ``SystemExit``, an unknown hook, a
name that is taken) is left out completely, with its reason, and every other plugin works.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from types import ModuleType
from typing import Any, Literal

import pluggy

from sicore.errors import PluginError, did_you_mean
from sicore.plugins import builtin, hookspecs
from sicore.plugins.hookspecs import API_VERSION, PROJECT
from sicore.plugins.registry import Registrar, Registry, describe

Status = Literal["ok", "disabled", "broken", "duplicate", "too new"]
DISTRIBUTION = "sicore-platform"


@dataclass(frozen=True)
class PluginStatus:
    """How loading one plugin went; ``reason`` is empty when it is ok."""

    name: str
    distribution: str
    version: str
    status: Status
    reason: str = ""


@dataclass(frozen=True)
class Loaded:
    """The outcome of loading: what is registered, each plugin's status, the working modules."""

    registry: Registry
    statuses: tuple[PluginStatus, ...]
    modules: Mapping[str, ModuleType]

    def call(self, plugin: str, hook: str, **arguments: Any) -> list[Any]:
        """Call a hook of one working plugin (no result when the plugin does not implement it).

        Raises:
            PluginError: the plugin's implementation failed; names it.
        """
        caller = getattr(_manager(self.modules[plugin], plugin).hook, hook)
        try:
            return list(caller(**arguments))
        except (Exception, SystemExit) as error:
            raise PluginError(f"{hook} of plugin '{plugin}' failed: {describe(error)}") from error


class _Refused(Exception):
    def __init__(self, status: Status, reason: str) -> None:
        self.status, self.reason = status, reason


def load_plugins(
    entry_points: Iterable[metadata.EntryPoint], environment: Mapping[str, str]
) -> Loaded:
    """Load the built-ins, then each entry point by name, each in its own guard.

    Args:
        entry_points: of the group ``sicore``.
        environment: ``SICORE_DISABLE`` and ``SICORE_ONLY`` are comma-separated plugin names.
    """
    registry = Registry()
    modules: dict[str, ModuleType] = {PROJECT: builtin}
    _register(builtin, PROJECT, registry)
    statuses = [PluginStatus(PROJECT, DISTRIBUTION, _version(), "ok")]
    providers = {PROJECT: DISTRIBUTION}
    for point in sorted(entry_points, key=lambda p: (p.name, p.dist.name if p.dist else "")):
        distribution = point.dist.name if point.dist else ""
        version = point.dist.version if point.dist else ""
        status: Status = "ok"
        reason = ""
        try:
            if point.name in providers:
                raise _Refused(
                    "duplicate",
                    f"the name '{point.name}' is used by both '{providers[point.name]}' "
                    f"and '{distribution}': uninstall one",
                )
            providers[point.name] = distribution
            modules[point.name] = _load(point, environment, registry)
        except _Refused as refused:
            status, reason = refused.status, refused.reason
        except (Exception, SystemExit) as error:  # a plugin's import may raise anything
            status, reason = "broken", describe(error)
        statuses.append(PluginStatus(point.name, distribution, version, status, reason))
    return Loaded(registry, tuple(statuses), modules)


def names_in(variable: str, environment: Mapping[str, str]) -> list[str]:
    """The plugin names in a comma-separated environment variable."""
    return [name for part in environment.get(variable, "").split(",") if (name := part.strip())]


def _load(
    point: metadata.EntryPoint, environment: Mapping[str, str], registry: Registry
) -> ModuleType:
    only = names_in("SICORE_ONLY", environment)
    if point.name in names_in("SICORE_DISABLE", environment):
        raise _Refused("disabled", "named in SICORE_DISABLE")
    if only and point.name not in only:
        raise _Refused("disabled", "not named in SICORE_ONLY")
    module = point.load()
    if not isinstance(module, ModuleType):
        raise _Refused("broken", f"the entry point '{point.value}' must name a module")
    api = getattr(module, "SICORE_API", API_VERSION)
    if not isinstance(api, int):
        raise _Refused("broken", f"SICORE_API must be an integer, got {api!r}")
    if api > API_VERSION:
        raise _Refused(
            "too new", f"needs plugin API {api}, this sicore has {API_VERSION}: upgrade sicore"
        )
    _register(module, point.name, registry)
    return module


def _register(module: ModuleType, name: str, registry: Registry) -> None:
    manager = _manager(module, name)
    specified = [spec for spec in vars(hookspecs) if spec.startswith("sicore_")]
    for caller in manager.get_hookcallers(module) or []:
        if not caller.has_spec() and not all(i.optionalhook for i in caller.get_hookimpls()):
            raise _Refused("broken", f"unknown hook '{caller.name}'{_nearest(caller, specified)}")
    registrar = Registrar(name)
    manager.hook.sicore_register(registry=registrar)
    try:
        registry.commit(registrar)
    except PluginError as error:
        raise _Refused("duplicate", str(error)) from error


def _nearest(caller: pluggy.HookCaller, specified: list[str]) -> str:
    return did_you_mean(caller.name, specified) or f"; known: {', '.join(specified)}"


def _manager(module: ModuleType, name: str) -> pluggy.PluginManager:
    """A manager with this one plugin, so that nothing of a failing plugin is left behind."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(module, name)
    return manager


def _version() -> str:
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "not installed"


@cache
def loaded() -> Loaded:
    """The plugins of this process, loaded once."""
    return load_plugins(metadata.entry_points(group=PROJECT), os.environ)


def get_registry() -> Registry:
    """The registry of this process."""
    return loaded().registry


def plugin_status() -> list[PluginStatus]:
    """How loading went, for the built-ins and every installed plugin."""
    return list(loaded().statuses)
