"""The directives ``{groups}`` and ``{components}``: what can be registered, and what is."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from markdown import table
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from sicore.plugins import get_registry
from sicore.plugins.groups import GROUPS


class Groups(SphinxDirective):
    """The closed list of groups, with the meaning of each."""

    def run(self) -> list[nodes.Node]:
        """The table."""
        rows = ([f"`{group.name}`", group.meaning] for group in GROUPS.values())
        return self.parse_text_to_nodes(table(["Group", "What it is"], rows))


class Components(SphinxDirective):
    """One table per group that has members, from the installed plugins."""

    def run(self) -> list[nodes.Node]:
        """The sections."""
        return [self._section(name) for name in GROUPS if get_registry().names(name)]

    def _section(self, group: str) -> nodes.section:
        section = nodes.section(ids=[f"group-{nodes.make_id(group)}"], names=[group])
        section += nodes.title("", "", nodes.literal(text=group))
        rows = [
            [f"`{entry.name}`", entry.summary, entry.plugin]
            for entry in get_registry().entries(group)
        ]
        text = f"{GROUPS[group].meaning}\n\n" + table(["Name", "What it is", "Plugin"], rows)
        section += self.parse_text_to_nodes(text)
        return section


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives."""
    app.add_directive("groups", Groups)
    app.add_directive("components", Components)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
