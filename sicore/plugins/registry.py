"""What is registered: names and import paths, imported only on use."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sicore.errors import PluginError, UnknownName
from sicore.plugins.groups import GROUPS

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*")
_TARGETS = {
    "class": re.compile(r"[\w.]+:[\w.]+"),
    "object": re.compile(r"[\w.]+:[\w.]+"),
    "resource": re.compile(r"[\w.]+:[\w./-]+"),
}


@dataclass(frozen=True)
class Entry:
    """One registered thing: who brings it, and where it is."""

    group: str
    name: str
    target: str
    summary: str
    plugin: str


@dataclass
class Registrar:
    """What a plugin's ``sicore_register`` gets: collects the entries of that one plugin."""

    plugin: str
    entries: list[Entry] = field(default_factory=list)

    def add(self, group: str, name: str, target: str, summary: str = "") -> None:
        """Register one thing under a name.

        Args:
            group: one of ``sicore.plugins.GROUPS``, e.g. ``"backbone"``.
            name: lower-case name; by custom ``"<plugin>/<name>"`` outside the core.
            target: ``"module:attribute"``, or ``"package:relative/path"`` for a resource.
            summary: one line for listings.

        Raises:
            PluginError: name or target are malformed, or the name is added twice.
            UnknownName: no such group.
        """
        if group not in GROUPS:
            raise UnknownName("group", group, GROUPS)
        form = GROUPS[group].form
        if not _NAME.fullmatch(name):
            raise PluginError(f"'{name}' is no valid {group} name: use lower case, digits, - . _ /")
        if not _TARGETS[form].fullmatch(target):
            shape = "package:relative/path" if form == "resource" else "module:attribute"
            raise PluginError(f"the target '{target}' of {group} '{name}' is not '{shape}'")
        if any((group, name) == (entry.group, entry.name) for entry in self.entries):
            raise PluginError(f"{group} '{name}' is added twice")
        self.entries.append(Entry(group, name, target, summary, self.plugin))


class Registry:
    """Every registered thing, by group and name."""

    def __init__(self) -> None:
        self._entries: dict[str, dict[str, Entry]] = {group: {} for group in GROUPS}

    def commit(self, registrar: Registrar) -> None:
        """Take over all entries of a plugin, or none.

        Raises:
            PluginError: a name is taken; names both providers.
        """
        for entry in registrar.entries:
            if taken := self._entries[entry.group].get(entry.name):
                raise PluginError(
                    f"{entry.group} '{entry.name}' of plugin '{entry.plugin}' "
                    f"is already provided by plugin '{taken.plugin}'"
                )
        for entry in registrar.entries:
            self._entries[entry.group][entry.name] = entry

    def names(self, group: str) -> list[str]:
        """The registered names of a group, sorted."""
        return sorted(self._group(group))

    def entries(self, group: str) -> list[Entry]:
        """The entries of a group, sorted by name; nothing is imported."""
        return [entry for _, entry in sorted(self._group(group).items())]

    def entry(self, group: str, name: str) -> Entry:
        """The entry of that name.

        Raises:
            UnknownName: nothing is registered under it; says the nearest name.
        """
        entries = self._group(group)
        if name not in entries:
            raise UnknownName(group.replace("_", " "), name, entries)
        return entries[name]

    def resolve(self, group: str, name: str) -> Any:
        """Import and return the registered object.

        Raises:
            UnknownName: nothing is registered under this name.
            PluginError: the module cannot be imported, or lacks the attribute.
        """
        entry = self.entry(group, name)
        module, _, attribute = entry.target.partition(":")
        try:
            found: Any = import_module(module)
            for part in attribute.split("."):
                found = getattr(found, part)
        except (Exception, SystemExit) as error:
            raise PluginError(
                f"{group} '{name}' of plugin '{entry.plugin}' cannot be loaded from "
                f"'{entry.target}': {describe(error)}"
            ) from error
        return found

    def resource(self, group: str, name: str) -> Path:
        """The file or folder behind a preset or a model; its package is not imported.

        Raises:
            UnknownName: nothing is registered under this name.
            PluginError: the package or the path does not exist.
        """
        entry = self.entry(group, name)
        package, _, relative = entry.target.partition(":")
        try:
            spec = find_spec(package)
        except ImportError:
            spec = None
        folders = (spec and spec.submodule_search_locations) or []
        for folder in folders:
            path = Path(folder, relative)
            if path.exists():
                return path
        raise PluginError(f"{group} '{name}' of plugin '{entry.plugin}' is missing: {entry.target}")

    def _group(self, group: str) -> dict[str, Entry]:
        if group not in self._entries:
            raise UnknownName("group", group, self._entries)
        return self._entries[group]


def describe(error: BaseException) -> str:
    """An exception in one line: its type and its message, cut when it is long."""
    message = " ".join(str(error).split())
    if len(message) > 300:
        message = message[:297] + "..."
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
