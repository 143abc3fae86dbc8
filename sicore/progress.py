"""Progress bars on standard error: shown on a terminal, silent elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Bar(Protocol):
    """A running progress bar."""

    def advance(self, n: int = 1) -> None:
        """Count ``n`` more."""
        ...

    def describe(self, text: str) -> None:
        """Show a note beside the bar."""
        ...


class _Silent:
    def advance(self, n: int = 1) -> None:
        pass

    def describe(self, text: str) -> None:
        pass


@contextmanager
def progress_bar(title: str, total: int, show: bool = True, done: int = 0) -> Iterator[Bar]:
    """A bar over ``total`` units of work.

    Args:
        title: what is being done.
        total: how many units there are.
        show: False for silence; a standard error that is no terminal is silent anyway.
        done: how many are done already.
    """
    if not (show and sys.stderr.isatty()):
        yield _Silent()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as display:
        task = display.add_task(title, total=total, completed=done, note="")

        class _Shown:
            def advance(self, n: int = 1) -> None:
                display.advance(task, n)

            def describe(self, text: str) -> None:
                display.update(task, note=text)

        yield _Shown()
