"""The directive ``{measurements} NAME``: the figures that ``make bench`` left behind.

It reads ``benchmarks/results/NAME.json``. A list of records under ``rows`` becomes a table with one
column per key; every other top-level number or text becomes a line above it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from markdown import table
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


class Measurements(SphinxDirective):
    """One result file as lines and a table, or a note that it is still to be measured."""

    required_arguments: ClassVar[int] = 1

    def run(self) -> list[nodes.Node]:
        """The figures, or the note."""
        path = RESULTS / f"{self.arguments[0]}.json"
        self.env.note_dependency(str(path))
        if not path.is_file():
            text = f"*Not measured yet: run `make bench`, which writes `{path.name}`.*"
        else:
            text = _page(json.loads(path.read_text(encoding="utf-8")))
        return self.parse_text_to_nodes(text)


def _page(result: dict[str, Any]) -> str:
    rows = result.get("rows", [])
    facts = [
        f"- {key.replace('_', ' ')}: {_number(value)}"
        for key, value in _flat({k: v for k, v in result.items() if k != "rows"})
    ]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = ([_number(row.get(key, "")) for key in columns] for row in rows)
    titles = [column.replace("_", " ") for column in columns]
    return "\n".join(facts) + "\n\n" + (table(titles, cells) if rows else "")


def _flat(tree: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """The leaves of nested objects, each with its path as a name."""
    leaves: list[tuple[str, Any]] = []
    for key, value in tree.items():
        name = f"{prefix}{key}"
        leaves += _flat(value, f"{name}, ") if isinstance(value, dict) else [(name, value)]
    return leaves


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("measurements", Measurements)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
