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
    """Plain values as one list, like records together as a table, the rest under its name."""
    plain = {name: value for name, value in figures.items() if not _is_nested(value)}
    lines = [f"- {name.replace('_', ' ')}: {_number(value)}" for name, value in plain.items()]
    blocks = ["\n".join(lines)] if lines else []
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for name, value in figures.items():
        if name in plain:
            continue
        heading = f"{title}{name.replace('_', ' ')}"
        rows = _records(value)
        if rows:
            blocks += [f"**{heading}**", _as_table(rows)]
        elif _columns(value) is None:
            blocks += _blocks(value, f"{heading}: ")
        else:
            row = dict(_flat(value))
            alike.setdefault(tuple(row), []).append({"": name, **row})
    for rows in alike.values():
        blocks += [f"**{title.removesuffix(': ')}**"] if title else []
        blocks.append(_as_table(rows))
    return blocks


def _is_nested(value: object) -> bool:
    many = isinstance(value, list) and bool(value)
    return isinstance(value, dict) or (many and _is_nested(value[0]))


def _columns(value: dict[str, Any]) -> tuple[str, ...] | None:
    """The columns of an object that is one record; None when it holds lists, or too much."""
    leaves = _flat(value)
    small = len(leaves) <= 12 and not any(_is_nested(leaf) for _, leaf in leaves)
    return tuple(name for name, _ in leaves) if small else None


def _records(value: Any) -> list[dict[str, Any]]:
    """The rows of a table: a list of objects, or an object of like objects; else none."""
    if isinstance(value, list):
        return [dict(_flat(row)) for row in value]
    rows = list(value.values())
    like = all(isinstance(row, dict) for row in rows) and len({_columns(row) for row in rows}) == 1
    if not like or len(rows) < 2 or _columns(rows[0]) is None:
        return []
    return [{"": name, **dict(_flat(row))} for name, row in value.items()]


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
