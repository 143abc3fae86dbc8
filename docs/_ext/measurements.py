"""The directive ``{measurements} NAME``: the figures that ``make bench`` left behind.

It reads ``benchmarks/results/NAME.json``: when and how it was measured, and its figures. Lists of
records, and objects of like objects, become tables; single values become lines.
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
    """How it was measured, then the figures."""
    versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
    how = f"Measured {result['date'][:10]} by `{result['command']}` ({versions})."
    return "\n\n".join([how, *_blocks(result["figures"])])


def _blocks(figures: dict[str, Any], title: str = "") -> list[str]:
    """Plain values as one list, records as tables, and what is nested deeper under its name."""
    plain = {name: value for name, value in figures.items() if not _is_nested(value)}
    deeper = {name: value for name, value in figures.items() if _is_nested(value)}
    lines = [f"- {name.replace('_', ' ')}: {_number(value)}" for name, value in plain.items()]
    blocks = ["\n".join(lines)] if lines else []
    for name, value in deeper.items():
        heading = f"{title}{name.replace('_', ' ')}"
        records = _records(value)
        if records:
            blocks += [f"**{heading}**", _as_table(records)]
        else:
            blocks += _blocks(value, f"{heading}: ")
    return blocks


def _is_nested(value: object) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and value != [] and _is_nested(value[0])
    )


def _records(value: Any) -> list[dict[str, Any]]:
    """The rows of a table: a list of objects, or an object of objects that hold plain values."""
    if isinstance(value, list):
        return [dict(_flat(row)) for row in value]
    if all(isinstance(row, dict) for row in value.values()):
        rows = [{"": name, **row} for name, row in value.items()]
        return rows if not any(_is_nested(cell) for row in rows for cell in row.values()) else []
    return [value] if not any(_is_nested(cell) for cell in value.values()) else []


def _as_table(records: list[dict[str, Any]]) -> str:
    columns = list(dict.fromkeys(key for row in records for key in row))
    cells = ([_number(row.get(key, "")) for key in columns] for row in records)
    return table([column.replace("_", " ") for column in columns], cells)


def _flat(tree: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """The leaves of nested objects, each with its path as a name."""
    leaves: list[tuple[str, Any]] = []
    for key, value in tree.items():
        name = f"{prefix}{key}"
        leaves += _flat(value, f"{name}: ") if isinstance(value, dict) else [(name, value)]
    return leaves


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("measurements", Measurements)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
