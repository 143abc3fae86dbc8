"""The directive ``{plugin-example} NAME``: the files that ``sicore new-plugin NAME`` writes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from markdown import code
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from sicore.cli.new_plugin import write_plugin

LANGUAGES = {".py": "python", ".toml": "toml", ".yaml": "yaml", ".md": "markdown"}


class PluginExample(SphinxDirective):
    """Every text file of a new plugin, in one block each."""

    required_arguments: ClassVar[int] = 1

    def run(self) -> list[nodes.Node]:
        """The blocks, named by their paths."""
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder)
            write_plugin(self.arguments[0], target)
            files = sorted(p for p in target.rglob("*") if p.suffix in LANGUAGES)
            blocks = [_block(path, target) for path in files]
        return self.parse_text_to_nodes("\n\n".join(blocks))


def _block(path: Path, folder: Path) -> str:
    listing = code(path.read_text(encoding="utf-8"), LANGUAGES[path.suffix])
    return f"`{path.relative_to(folder)}`\n\n{listing}"


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("plugin-example", PluginExample)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
