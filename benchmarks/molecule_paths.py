"""Three ways to the same molecules: one network, one training, another path and sampler.

A small transformer is trained as long on the categorical flow, on straight paths from Gaussian
noise with a categorical end (CatFlow), and on the system of SDEs of GDSS; the figures are those of
as many samples of each, and the CPU time that they took.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from common import arguments, record

import sicore
from sicore.config import load_config, parse_config
from sicore.hub import Model
from sicore.hub.bulk import sample_bulk
from sicore.solvers import Heun
from sicore.training import train
from sicore_molecules.chemistry.vocabulary import QM9_VOCABULARY
from sicore_molecules.data.places import cache_folder
from sicore_molecules.data.qm9 import QM9
from sicore_molecules.domain import whole
from sicore_molecules.metrics.evaluation import Molecules, evaluate

NETWORK = {"name": "graphs/transformer", "d_node": 64, "d_edge": 32, "layers": 4, "heads": 4}
WAYS: dict[str, dict[str, dict[str, Any]]] = {
    "molecules/qm9": {
        "50 steps": {"steps": 50},
        "100 steps": {"steps": 100},
    },
    "molecules/catflow": {
        "25 steps of Heun": {"steps": 25},
        "50 steps of Heun": {"steps": 50},
    },
    "molecules/gdss-transformer": {
        "250 steps, a corrector each": {"steps": 250},
        "1000 steps, a corrector each": {"steps": 1000},
        "ODE, 50 steps of Heun": {"steps": 50, "solver": Heun()},
    },
}


def trained(preset: str, folder: Path, steps: int) -> Model:
    """A small model of a preset, without properties."""
    config = load_config(preset).model_dump()
    config["data"] = {"name": "molecules/qm9"}
    config["network"] = NETWORK
    config["training"] |= {
        "steps": steps,
        "batch_size": 128,
        "optimizer": "muon",
        "learning_rate": 5e-3,
        "warmup_steps": 100,
        "ema_decay": 0.99,
        "checkpoint_every": steps,
    }
    train(parse_config(config), folder, device="cpu", progress=False)
    return sicore.load(folder, device="cpu")


def measured(model: Model, n: int, how: dict[str, Any], known: Sequence[str]) -> dict[str, Any]:
    """Figures of n samples; known are the SMILES of the training molecules."""
    start = time.process_time()
    made = sample_bulk(model, n, batch_size=250, **how)
    seconds = round(time.process_time() - start, 1)
    sets = [whole(model.config.data.build(split=split)) for split in ("test", "train")]
    vocabulary = model.domain.vocabulary  # type: ignore[attr-defined]
    figures = evaluate(made.decoded, *sets, vocabulary, known=known, cache=cache_folder())
    return {"nfe": made.nfe, "cpu_seconds": seconds, **figures}


def main() -> None:
    """Measure, and write ``molecule_paths.json``."""
    options = arguments(__doc__)
    torch.set_num_threads(1)
    steps, n = (60, 100) if options.quick else (1500, 1000)
    figures: dict[str, Any] = {"steps": steps, "n": n}
    data = QM9("train")
    known = Molecules(whole(data), QM9_VOCABULARY, cations=True).smiles
    with tempfile.TemporaryDirectory() as scratch:
        for preset, ways in WAYS.items():
            start = time.process_time()
            model = trained(preset, Path(scratch) / preset.replace("/", "-"), steps)
            seconds = round(time.process_time() - start, 1)
            samples = {name: measured(model, n, how, known) for name, how in ways.items()}
            figures[preset] = {"training_cpu_seconds": seconds, **samples}
    record("molecule_paths", options, figures)


if __name__ == "__main__":
    main()
