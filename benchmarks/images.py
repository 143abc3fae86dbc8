"""The shipped images model: its samples beside real pictures, its restorations beside baselines.

Samples are compared with the test set at several numbers of network calls, with and without
guidance, beside the floor (training pictures) and one Gaussian per class. Restorations of held-out
pictures are compared with what they were, beside the mean picture and the nearest training
pictures. Needs the data: ``sicore data fetch images/fashion-mnist``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from common import arguments, record

MODEL = "images/fashion-mnist"
STEPS = (5, 10, 25)  # of two calls each
METHODS = ("mmps", "pigdm", "replacement")


def sampling(model: Any, n: int) -> dict[str, Any]:
    """Figures of samples, by network calls and guidance."""
    result: dict[str, Any] = model.domain.evaluate(
        model, n=n, steps=STEPS, guidance=(1.0, 2.0), solver="midpoint", progress=True
    )
    return result


def restorations(model: Any, pictures: int) -> list[dict[str, Any]]:
    """Figures of restorations, by method and operator."""
    import torch

    from sicore_apps.measure import OPERATORS, measure
    from sicore_apps.task import Task

    data = model.config.data
    held, train = (data.build(split=split) for split in ("test", "train"))
    truth = model.domain.encode(held.batch(torch.arange(pictures))[0])
    known = model.domain.encode(train.batch(torch.arange(len(train)))[0])
    results = []
    for operator in OPERATORS:
        for method in METHODS:
            task = Task(MODEL, Path(), operator, method=method)
            figures = measure(model, task, truth, known, progress=True)
            results.append({"method": method, **figures})
            print(results[-1], flush=True)
    return results


def main() -> None:
    options = arguments(__doc__)
    import sicore

    model = sicore.load(MODEL, device="cpu")
    figures = {
        "sampling": sampling(model, 100 if options.quick else 2000),
        "restoration": restorations(model, 4 if options.quick else 16),
    }
    record("images", options, figures)


if __name__ == "__main__":
    main()
