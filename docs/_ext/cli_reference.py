"""The directive ``{cli-reference}``: every command, as ``sicore COMMAND --help`` prints it.

The tree is walked when the page is built: commands of installed plugins are listed too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
from docutils import nodes
from markdown import code
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from sicore.cli import root
from sicore.errors import SicoreError

logger = logging.getLogger(__name__)


class CliReference(SphinxDirective):
    """One section per command; a group comes before its commands."""

    def run(self) -> list[nodes.Node]:
        """The sections."""
        return [self._section(context) for context in _commands(_context(root, "sicore"))]

    def _section(self, context: click.Context) -> nodes.section:
        path = context.command_path
        section = nodes.section(ids=[nodes.make_id(path)], names=[path])
        section += nodes.title("", "", nodes.literal(text=path))
        section += self.parse_text_to_nodes(code(context.get_help()))
        return section


def _context(
    command: click.Command, name: str, parent: click.Context | None = None
) -> click.Context:
    settings = {**command.context_settings, "terminal_width": 88}
    return click.Context(command, parent=parent, info_name=name, **settings)


def _commands(context: click.Context) -> Iterator[click.Context]:
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            try:
                command = context.command.get_command(context, name)
            except SicoreError as error:
                logger.warning("%s", error)
                continue
            if command is not None and not command.hidden:
                yield from _commands(_context(command, name, context))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("cli-reference", CliReference)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
