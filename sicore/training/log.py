"""``metrics.jsonl``: one line of JSON for each measured step of a training."""

from __future__ import annotations

import json
from pathlib import Path

from sicore.files import write_text
from sicore.hub.folder import LOG


class Log:
    """The log of a training; entries past the step that it resumes from are dropped.

    Args:
        folder: the model folder.
        step: where the training starts or resumes.
        write: False in processes other than the main one.
    """

    def __init__(self, folder: Path, step: int, *, write: bool = True) -> None:
        self._path = folder / LOG
        self._write = write
        if write:
            old = self._path.read_text("utf-8").splitlines() if self._path.exists() else []
            kept = [line for line in old if _step_of(line) <= step]
            write_text(self._path, "".join(f"{line}\n" for line in kept))

    def write(self, entry: dict[str, float]) -> None:
        """Append a line."""
        if self._write:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except ValueError:  # the last line of a killed training may be cut
        return float("inf")
