"""The directive ``{features}``: a section of ``features.yaml`` as a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import yaml
from docutils import nodes
from markdown import table
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

COLUMNS = {
    "papers": ("#", "Paper", "Kind", "Tier", "What it means here", "Status", "Shown by"),
    "features": ("#", "Feature", "Kind", "Tier", "What it means here", "Status", "Shown by"),
}


class Features(SphinxDirective):
    """``{features} papers`` or ``{features} features``, preceded by how many rows work."""

    required_arguments: ClassVar[int] = 1

    def run(self) -> list[nodes.Node]:
        """The count and the table."""
        section = self.arguments[0]
        source = Path(self.env.srcdir) / "features.yaml"
        self.env.note_dependency(str(source))
        rows = yaml.safe_load(source.read_text(encoding="utf-8"))[section]
        working = sum(row["status"] == "working" for row in rows)
        text = f"{working} of {len(rows)} rows work.\n\n"
        text += table(COLUMNS[section], (_cells(row) for row in rows))
        return self.parse_text_to_nodes(text)


def _cells(row: dict[str, Any]) -> list[object]:
    status = f"**{row['status']}**" if row["status"] == "working" else row["status"]
    tests = ", ".join(f"`{test}`" for test in row["tests"])
    return [row["number"], row["name"], row["kind"], row["tier"], row["here"], status, tests]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("features", Features)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
