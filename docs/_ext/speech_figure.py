"""The directive ``{speech-figure}``: quality against steps beside other tools, and their tables.

Drawn when the docs are built, from ``speech.json`` and ``speech_baselines.json`` of the benchmarks.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from markdown import table
from matplotlib.figure import Figure
from measured_figure import INK, MeasuredFigure
from sphinx.application import Sphinx

OURS, THEIRS = "#1f6fb2", "#8a94a0"
METRICS = {"pesq": "PESQ, wide band", "estoi": "ESTOI", "si_sdr": "SI-SDR, dB"}
SETS = {
    "test": "Unseen speakers, languages and noises",
    "reverberation": "The same in rooms",
    "validation": "Another voice, validation noises",
    "rooms": "Rooms without noise (the voices of the first set)",
}


class SpeechFigure(MeasuredFigure):
    """The picture and the tables, or a note that they are still to be measured."""

    record = "speech"
    beside = ("speech_baselines",)
    alt = "PESQ, ESTOI and SI-SDR against the number of steps, beside other tools"

    def draw(self, target: Path, *results: Any) -> None:
        """One panel for each metric."""
        draw(results[0]["figures"], results[1], target)

    def text(self, *results: Any) -> str:
        """A table for each set of recordings."""
        return _text(*results)


def draw(figures: dict[str, Any], tools: dict[str, Any] | None, target: Path) -> None:
    """Write the picture: one panel for each metric, tools as levels."""
    rows = figures["sets"]["test"]
    steps = {int(name.split()[0]): row for name, row in rows.items() if name.endswith(" steps")}
    others = tools["figures"]["sets"]["test"] if tools else {"noisy": rows["noisy"]}
    with mpl.rc_context({"font.size": 8, "axes.edgecolor": "#b8c0ca", "text.color": INK}):
        figure = Figure(figsize=(9.6, 3.2), dpi=130, facecolor="white")
        for axes, (metric, title) in zip(figure.subplots(1, 3), METRICS.items(), strict=True):
            heights = [row[metric]["mean"] for row in steps.values()]
            axes.plot(list(steps), heights, "o-", color=OURS, label="sicore")
            for name, row in others.items():
                level = row[metric]["mean"]
                axes.axhline(level, color=THEIRS, lw=0.8, ls=":")
                axes.annotate(
                    name, (1.0, level), xycoords=("axes fraction", "data"), ha="right", va="bottom",
                    fontsize=6.5, color=THEIRS,
                )  # fmt: skip
            axes.set_title(title, fontsize=9)
            axes.set_xscale("log", base=2)
            axes.set_xticks(
                list(steps), [f"{n}\n{r['cpu_seconds_per_second']:.2g}" for n, r in steps.items()]
            )
            axes.set_xlabel("steps, and CPU seconds per second", color=INK)
        figure.tight_layout()
        figure.savefig(target, bbox_inches="tight", pad_inches=0.05)


def _text(result: dict[str, Any], tools: dict[str, Any] | None) -> str:
    blocks = []
    for name, title in SETS.items():
        ours = result["figures"]["sets"][name]
        measured = tools["figures"]["sets"] if tools else {}
        theirs = measured.get(name, {"noisy": ours["noisy"]})
        cost = tools["figures"]["cpu_seconds_per_second"] if tools else {}
        rows = [_row(tool, row, cost.get(tool)) for tool, row in theirs.items()]
        rows += [
            _row(f"**sicore, {way}**", row, row["cpu_seconds_per_second"])
            for way, row in ours.items()
            if way != "noisy"
        ]
        header = ["", *METRICS.values(), "PESQ at 0/5/10/15 dB", "CPU s per s"]
        blocks += [f"**{title}**", table(header, rows)]
    how = f"Measured {result['date'][:10]} by `{result['command']}`, on one core."
    return "\n\n".join([*blocks, how])


def _row(name: str, row: dict[str, Any], cost: float | None) -> list[str]:
    means = [f"{row[metric]['mean']:.3g}" for metric in METRICS]
    levels = " / ".join(f"{value:.2f}" for value in row["pesq_at"].values())
    return [name, *means, levels, "" if cost is None else f"{cost:.2g}"]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("speech-figure", SpeechFigure)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
