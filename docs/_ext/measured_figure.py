"""What the directives share that draw a benchmark's record when the docs are built."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from measurements import RESULTS
from sphinx.util.docutils import SphinxDirective

INK = "#20364f"


class MeasuredFigure(SphinxDirective):
    """A picture and a text, or a note that they are still to be measured.

    Attributes:
        record: its name, ``benchmarks/results/NAME.json``, and of the picture.
        beside: names of records that are read too; None where there is no such file.
        alt: what is to be seen, for those who cannot see it.
    """

    record: ClassVar[str]
    beside: ClassVar[tuple[str, ...]] = ()
    alt: ClassVar[str]

    def run(self) -> list[nodes.Node]:
        """Draw the picture into the output, and show it above the text."""
        result, *others = (self._record(name) for name in (self.record, *self.beside))
        if result is None:
            text = f"*Not measured yet: run `make bench`, which writes `{self.record}.json`.*"
            return self.parse_text_to_nodes(text)
        folder = Path(self.env.app.outdir) / "_images"
        folder.mkdir(parents=True, exist_ok=True)
        self.draw(folder / f"{self.record}.png", result, *others)
        html = f'<img src="_images/{self.record}.png" alt="{self.alt}" loading="lazy">'
        shown = nodes.raw("", html, format="html")
        return [shown, *self.parse_text_to_nodes(self.text(result, *others))]

    def draw(self, target: Path, *results: Any) -> None:
        """Write the picture of the records."""
        raise NotImplementedError

    def text(self, *results: Any) -> str:
        """Markdown below it."""
        raise NotImplementedError

    def _record(self, name: str) -> Any:
        path = RESULTS / f"{name}.json"
        self.env.note_dependency(str(path))
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
