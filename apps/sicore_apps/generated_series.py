"""Generated windows of series: files, a chart beside real ones, and figures of likeness."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.hub.bulk import sample_bulk
from sicore.progress import progress_bar
from sicore.report import Figure, Page, Section, Table
from sicore_apps.series_models import Chosen
from sicore_timeseries.domain import TimeSeries
from sicore_timeseries.metrics.evaluation import evaluate_windows
from sicore_timeseries.rendering.samples import paths_chart

FIGURES = {
    "c2st": "accuracy of trees that tell them apart (0.5: they cannot)",
    "marginal_w1": "distance of values, in deviations",
    "autocorrelation": "error of autocorrelations",
    "correlational": "error of correlations between columns",
    "quantile_error_of_differences": "error of the quantiles of steps",
    "signature_mmd": "distance of signatures",
}
LEAST = 50  # samples and real windows that figures need
SHOWN = 500


@dataclass(frozen=True)
class GeneratedSeries:
    """Windows, real ones, and how alike they are.

    Args:
        domain: of the windows.
        windows: ``(n, T, C)``.
        real: ``(m, T, C)``, perhaps none.
        figures: as `evaluate_windows` gives them; empty where there is too little.
        nfe: network calls of each.
    """

    domain: TimeSeries
    windows: Tensor
    real: Tensor | None
    figures: Mapping[str, Any]
    nfe: int

    def write(self, folder: Path, *, command: str, model: str) -> None:
        """All files.

        Args:
            folder: that is there.
            command: the command line.
            model: its name.
        """
        self.domain.save(self.windows, folder)
        sections = []
        if self.real is not None:
            chart = paths_chart(self.windows.numpy(), self.real.numpy(), names=self.domain.channels)
            (folder / "samples.png").write_bytes(chart.png())
            (folder / "samples.svg").write_text(chart.svg(), encoding="utf-8")
            caption = "two columns of generated windows, and real ones beside them"
            sections.append(
                Section("Windows", "", command, [Figure(chart.png(), caption, smooth=True)])
            )
        if self.figures:
            sections.append(self._likeness())
        lead = f"{len(self.windows)} windows of {self.windows.shape[1]} rows by {model}."
        Page("Generated series", lead, sections).write(folder / "index.html")

    def _likeness(self) -> Section:
        part = self.figures["training"]
        rows = [
            [name, told, f"{part['model'][name]:.3g}", f"{part['floor'][name]:.3g}"]
            for name, told in FIGURES.items()
            if name in part["model"] and name in part["floor"]
        ]
        kurtosis = self.figures["kurtosis"]
        rows.append(
            [
                "kurtosis",
                "tails of steps (3: normal)",
                *[f"{kurtosis[k]:.3g}" for k in ("model", "train")],
            ]
        )
        ratio = self.figures["memorisation"]
        rows.append(
            ["memorisation", "1: as far from training windows as new ones are", f"{ratio:.3g}", "1"]
        )
        text = (
            "Beside the windows that the model was trained on. The floor is that of one half of "
            "them against the other: no model can be better without copying."
        )
        return Section(
            "Likeness", text, "", (), [Table(("figure", "what it is", "generated", "floor"), rows)]
        )


def generated(
    chosen: Chosen, n: int, *, figures: bool, seed: int, steps: int | None
) -> GeneratedSeries:
    """Draw windows of which nothing is known.

    Args:
        chosen: the model.
        n: how many.
        figures: whether to measure.
        seed: of the samples.
        steps: of the solver.

    Raises:
        InputError: the model is of other things, or has not learned to generate.
    """
    model, domain = chosen.model, chosen.model.domain
    tasks = model.config.data.parameters.get("task") or {"generate": 1}
    if not isinstance(domain, TimeSeries) or domain.framing.single or not tasks.get("generate"):
        raise InputError(
            f"{chosen.name} has not learned to generate whole windows: train one with --like FILE"
        )
    real = _real(chosen)
    with progress_bar("generating", n) as bar:
        drawn = sample_bulk(
            model,
            n,
            condition=None if real is None else real.train.given(n),
            seed=seed,
            steps=steps,
            batch_size=256,
            advance=bar.advance,
        )
    windows = drawn.decoded.cpu()
    found: Mapping[str, Any] = {}
    if figures and real is not None and min(n, len(real.windows)) >= LEAST:
        found = evaluate_windows(windows, real.test, real.train, seed=seed)
    return GeneratedSeries(domain, windows, real and real.windows, found, drawn.nfe)


class _Real(NamedTuple):
    """Complete windows of the training data, in no order, and both splits."""

    windows: Tensor
    train: Any
    test: Any


def _real(chosen: Chosen) -> _Real | None:
    """The data of a model; None where they are gone, or too few for a test."""
    data = chosen.model.config.data
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # told before the training
            train, test = data.build(split="train"), data.build(split="test")
    except InputError:
        return None
    some = np.random.default_rng(0).permutation(len(train.windows))[:SHOWN]
    windows = train.windows.take(torch.from_numpy(some))[0].double()
    return _Real(windows[~windows.isnan().flatten(1).any(1)], train, test)
