"""Ten thousand molecules of a model beside the test set: validity, FCD, NSPDK; steps; time.

The model is a registered one, a model folder, or the folder of a training that still goes on. The
floor of each figure is that of as many training molecules.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch
from common import arguments, record
from speech import load

from sicore.hub import Model
from sicore.hub.bulk import sample_bulk
from sicore.solvers import CategoricalLeap
from sicore_molecules.chemistry.validity import validity
from sicore_molecules.data.places import cache_folder
from sicore_molecules.domain import whole
from sicore_molecules.graphs import GraphBatch
from sicore_molecules.metrics.evaluation import evaluate

STEPS = (10, 25, 50, 100)
RATES = (0.0, 10.0, 30.0)
BATCH = 250


def drawn(model: Model, n: int, seed: int = 0, **options: Any) -> tuple[GraphBatch, int, float]:
    """Molecules, calls of the network for each, and CPU seconds."""
    start = time.process_time()
    made = sample_bulk(model, n, batch_size=BATCH, seed=seed, **options)
    graphs: GraphBatch = made.decoded
    return graphs, made.nfe, time.process_time() - start


def shares(model: Model, graphs: GraphBatch) -> dict[str, float]:
    """The three validities."""
    state = validity(graphs, model.domain.vocabulary)  # type: ignore[attr-defined]
    return {
        "strict": float(state.strict.mean()),
        "relaxed": float(state.relaxed.mean()),
        "connected": float(state.connected.mean()),
        "strict_and_connected": float((state.strict & state.connected).mean()),
    }


def main() -> None:
    """Measure, and write ``molecules.json``."""
    options = arguments(__doc__, model=Path("molecules/qm9"))
    torch.set_num_threads(1)
    model, step = load(options.model)
    n, few = (1000, 500) if options.quick else (10_000, 2000)
    train, test = (model.config.data.build(split=split) for split in ("train", "test"))
    graphs, nfe, seconds = drawn(model, n)
    sets = (graphs, whole(test), whole(train), model.domain.vocabulary)  # type: ignore[attr-defined]
    figures: dict[str, Any] = {
        "checkpoint": step,
        "nfe": nfe,
        "cpu_seconds": round(seconds, 1),
        **evaluate(*sets, cache=cache_folder()),
    }
    ways: dict[str, Any] = {}
    if isinstance(model.config.sampling.solver.build(), CategoricalLeap):
        for count in STEPS:
            for rate in RATES:
                how = {"steps": count, "solver": CategoricalLeap(rate)}
                ways[f"{count} steps, eta {rate:g}"] = shares(model, drawn(model, few, 1, **how)[0])
    record("molecules", options, {**figures, "ways": {"n": few, **ways}})


if __name__ == "__main__":
    main()
