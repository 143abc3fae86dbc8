"""The directive ``{solver-table}``: every registered solver, with its declared and measured order.

What a solver is comes from the registry and from the solver itself, the measured orders from
``benchmarks/results/orders.json``.
"""

from __future__ import annotations

import json
from typing import Any

from docutils import nodes
from markdown import table
from measurements import RESULTS
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from sicore.config import Component
from sicore.plugins import get_registry

COLUMNS = (
    "Name",
    "For",
    "Order",
    "Measured",
    "Strong order",
    "Measured",
    "Calls a step",
    "Needs",
    "When",
)


class SolverTable(SphinxDirective):
    """One row for each solver that needs no more than its name."""

    def run(self) -> list[nodes.Node]:
        """The table, and how the orders were measured."""
        path = RESULTS / "orders.json"
        self.env.note_dependency(str(path))
        measured: dict[str, Any] = {}
        how = "*Orders are not measured yet: run `make bench`.*"
        if path.is_file():
            result = json.loads(path.read_text(encoding="utf-8"))
            measured = result["figures"]
            how = f"Orders measured {result['date'][:10]} by `{result['command']}`."
        rows = [_row(entry, measured.get(entry.name, {})) for entry in _entries()]
        return self.parse_text_to_nodes(f"{table(COLUMNS, rows)}\n\n{how}")


def _entries() -> list[Any]:
    return list(get_registry().entries("solver"))


def _row(entry: Any, measured: dict[str, Any]) -> list[object]:
    solver = Component.parse("solver", entry.name).build()
    found = [measured[way] for way in ("forward", "backward") if measured.get(way) is not None]
    strong = getattr(solver, "strong_order", 0.0)
    calls = "chosen for each sample" if solver.adaptive else solver.evaluations
    return [
        f"`{entry.name}`",
        "SDE" if solver.stochastic else "ODE, own noise" if solver.draws else "ODE",
        solver.order,
        ", ".join(f"{order:.2f}" for order in found),
        f"{strong:g}" if strong else "",
        measured.get("strong", ""),
        calls,
        _needs(solver),
        entry.summary,
    ]


def _needs(solver: Any) -> str:
    """What the solver asks of path and grid, in words."""
    needs = ["an ε"] if solver.stochastic else []
    clock = type(getattr(solver, "clock", None)).__name__
    held = type(getattr(solver, "held", None)).__name__
    if clock not in ("NoneType", "TimeClock"):
        needs.append("a path from noise")
    elif held not in ("NoneType", "HeldVelocity"):
        needs.append("a path")
    if not (solver.lands or solver.adaptive):
        needs.append("DDIM for the last step")
    return ", ".join(needs)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("solver-table", SolverTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
