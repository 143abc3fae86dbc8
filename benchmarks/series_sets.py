"""Generated windows of Sines, Stocks and Energy: the published protocol, and strict tests.

The presets ``timeseries/sines``, ``stocks`` and ``energy`` are trained on all windows of 24, as the
protocol wants it (``data.split=all``), into folders ``MODELS/NAME``; models and figures that are
there are not made again. As many samples as there are windows, at most 10,000, are compared with
the windows that the model was trained on. Floors compare one half of these, in turn twenty blocks
of time, with the other. The published figures are those of the papers' tables.

Then a part of the rows is dropped at random before a model is trained (``data.dropped``), and drawn
anew (``data.fill``); its samples are whole, and are compared with the whole windows.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import arguments, record
from torch import Tensor

import sicore
from sicore.config import load_config
from sicore.files import read_json, write_json
from sicore.hub import Model
from sicore.hub.bulk import sample_bulk
from sicore.training import train
from sicore_timeseries.data.scaling import MinMax
from sicore_timeseries.metrics import (
    autocorrelation_distance,
    classifier_test,
    convolution_frechet,
    correlational_score,
    discriminative_floor,
    discriminative_score,
    kurtosis,
    marginal_wasserstein,
    prediction_error,
    quantile_error,
)
from sicore_timeseries.metrics.inputs import overlap, standardised

SETS = ("stocks", "energy", "sines")
MOST = 10_000  # windows of a side
TESTED = 3_000  # of a side, by strict tests
BLOCKS = 20
PUBLISHED = {
    "TimeGAN": (0.102, 0.236, 0.011),
    "TimeVAE": (0.145, 0.499, 0.041),
    "DiffTime": (0.097, 0.445, 0.013),
    "Diffusion-TS": (0.067, 0.122, 0.006),
    "ImagenTime": (0.037, 0.040, None),
    "ST-Diff": (0.015, 0.009, 0.004),
}
"""Discriminative scores of Stocks, Energy and Sines, windows of 24."""
DROPPED = ("0", "0.3", "0.5", "0.7")
FILL = {"stocks": "log", "energy": "quantile", "sines": "standard"}


def trained(name: str, dropped: str, folder: Path, steps: int | None) -> Model:
    """The model of a set; one that lies in the folder is taken from it."""
    if not (folder / "config.yaml").exists():
        changes = ["data.split=all", *([f"training.steps={steps}"] if steps else [])]
        if dropped != "0":
            changes += [f"data.dropped={dropped}", f"data.fill={FILL[name]}"]
        config = load_config(f"timeseries/{name}", changes)
        train(config, folder, device="cpu", progress=False, overwrite=True)
    return sicore.load(folder, device="cpu")


def strict(made: Tensor, real: Tensor, unit: Tensor) -> dict[str, float]:
    """What the published protocol does not see; real windows in order of time."""
    told = classifier_test(made, real)
    steps, real_steps = made.diff(dim=1), real.diff(dim=1)
    figures = {
        "c2st": told.accuracy,
        "c2st_auc": told.auc,
        "convolution_frechet": convolution_frechet(made, real, unit=unit),
        "correlational": correlational_score(made, real),
        "autocorrelation_of_differences": autocorrelation_distance(steps, real_steps),
        "prediction_error": prediction_error(made, real, unit=unit),
        "marginal_w1": marginal_wasserstein(made, real, unit=unit),
        "quantile_error_of_differences": quantile_error(made, real, differences=True, unit=unit),
    }
    return {key: round(value, 4) for key, value in figures.items()}


def memorisation(made: Tensor, real: Tensor, count: int = 1000) -> float:
    """How near samples lie to real windows, relative to real windows that share no row with them.

    The nearest of these lies at another time: a model that copies scores far below 1, and one that
    is as new as another time of the series 1.
    """
    samples, known = (x.flatten(1).float() for x in standardised(made, real))
    apart = max(overlap(real), 1)
    chosen = torch.linspace(0, len(known) - 1, count).long()
    own = torch.cdist(known[chosen], known)
    own[(chosen[:, None] - torch.arange(len(known))).abs() <= apart] = torch.inf
    to_samples = torch.cdist(samples[:count], known).amin(1)
    return round(float(to_samples.median() / own.amin(1).median()), 3)


def measured(name: str, model: Model, quick: bool) -> dict[str, Any]:
    """All figures of one set."""
    data = model.config.data.build(split="all", dropped=0.0, fill=None)
    real = data.windows.all_values().double()
    n = 200 if quick else min(len(real), MOST)
    begun = time.process_time()
    drawn = sample_bulk(model, n, batch_size=1000, condition=data.given(n))
    seconds = time.process_time() - begun
    made = drawn.decoded.double()
    some = real[np.arange(min(len(real), TESTED)) * len(real) // min(len(real), TESTED)]
    block = torch.arange(len(some)) * BLOCKS // len(some)
    half, other = some[block % 2 == 0], some[block % 2 == 1]
    scale = MinMax.fit(real.flatten(0, 1).numpy())
    pair = [scale.encode(x[: len(made)]) for x in (made, real[np.arange(n) * len(real) // n])]
    told = discriminative_score(*pair, iterations=50 if quick else 2000)
    return {
        "windows": len(real),
        "samples": n,
        "network calls": drawn.nfe,
        "seconds of processor for the samples": round(seconds, 1),
        "parameters": sum(p.numel() for p in model.network.parameters()),
        "megabytes": round(sum(p.nbytes for p in model.network.parameters()) / 1e6, 2),
        "training": model.config.training.model_dump(include={"steps", "batch_size", "precision"}),
        "discriminative": {
            "mean": round(float(told.mean()), 4),
            "deviation": round(float(told.std()), 4),
            "floor of judges that toss a coin": round(discriminative_floor(n), 4),
        },
        "strict": strict(made[:TESTED], some, some),
        "strict floor": strict(half, other, some),
        "kurtosis of differences": {
            kind: [round(v, 1) for v in kurtosis(x.diff(dim=1)).tolist()]
            for kind, x in {"model": made, "real": real}.items()
        },
        "memorisation": memorisation(made, real),
    }


def main() -> None:
    """Measure, and write ``series_sets.json``."""
    options = arguments(
        __doc__,
        models=Path("runs/series-sets"),
        sets=Path(",".join(SETS)),
        dropped=Path(",".join(DROPPED)),
    )
    torch.set_num_threads(1)
    published = {method: dict(zip(SETS, row, strict=True)) for method, row in PUBLISHED.items()}
    figures: dict[str, Any] = {"published discriminative scores": published}
    for dropped in str(options.dropped).split(","):
        for name in str(options.sets).split(","):
            own = name if dropped == "0" else f"{name}-{dropped}"
            key = name if dropped == "0" else f"{name}, {float(dropped):.0%} dropped"
            kept = options.models / own / "figures.json"
            if not kept.exists():
                steps = 20 if options.quick else None
                model = trained(name, dropped, options.models / own, steps)
                write_json(kept, measured(name, model, options.quick))
            figures[key] = read_json(kept)
            record("series_sets", options, figures)


if __name__ == "__main__":
    main()
