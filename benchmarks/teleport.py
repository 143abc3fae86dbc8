"""Teleport on the shipped images model: quality against network calls, with the jump and without.

The jump takes the noise to the level σ by the Gaussians of the training data, one for each class.
σ is chosen for each number of calls on validation pictures, with a seed of its own; the figures
that are reported are of other seeds, against test pictures. Needs the data: ``sicore data fetch
images/fashion-mnist``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from common import arguments, record

MODEL = "images/fashion-mnist"
SOLVER = "midpoint"  # two calls a step
FIGURES = ("f_fid", "sliced_wasserstein")
LEVELS = (16.0, 8.0, 4.0, 2.0)
TOO_LOW = (1.0, 0.5)  # at TOO_LOW_STEPS
TOO_LOW_STEPS = 2
STEPS = (1, 2, 3, 4)
WITHOUT = (1, 2, 3, 4, 5, 10)
CHOOSING, REPORTING = (0,), (1, 2)  # seeds


@dataclass(frozen=True)
class Late:
    """Equal steps from a late time on, without the jump: the prior takes the place of the data."""

    start: float

    def times(self, steps: int, interpolant: Any, start: float = 0.0, end: float = 1.0) -> Any:
        """``steps + 1`` times."""
        from sicore.solvers import UniformGrid

        return UniformGrid().times(steps, interpolant, self.start, end)


class Bench:
    """A model, and real pictures of one split."""

    def __init__(self, model: Any, split: str, n: int, seeds: tuple[int, ...]) -> None:
        from sicore_images.metrics import Reference, balanced_classes

        self.model, self.n, self.seeds = model, n, seeds
        self.reference = Reference(model.config.data.build(split=split), n, 0)
        self.wanted = balanced_classes(model, n)

    def figures(self, steps: int, sigma: float | None, jump: bool = True) -> dict[str, Any]:
        """Each figure of each seed, and its mean; from pure noise where sigma is None."""
        drawn = [self.one(steps, sigma, jump, seed) for seed in self.seeds]
        result: dict[str, Any] = {"steps": steps, "calls": drawn[0]["calls"], "sigma": sigma}
        for name in FIGURES:
            values = [figures[name] for figures in drawn]
            result[name] = round(sum(values) / len(values), 5)
            result[f"{name} by seed"] = [round(value, 5) for value in values]
        print(result, flush=True)
        return result

    def one(self, steps: int, sigma: float | None, jump: bool, seed: int) -> dict[str, Any]:
        """The figures of one seed."""
        from sicore.evaluation import frechet_distance, sliced_wasserstein
        from sicore.hub.moments import Teleport
        from sicore_images.metrics import unit

        grid: Any = "uniform"
        if sigma is not None and not jump:
            grid = Late(Teleport(self.model.moments, sigma).time(self.model.interpolant))
        samples = self.model.sample(
            self.n,
            {"class": self.wanted},
            solver=SOLVER,
            grid=grid,
            steps=steps,
            teleport=sigma if jump else None,
            guidance=1.0,
            seed=seed,
            batch_size=125,
            progress=True,
        )
        features, _ = self.reference.extract(samples.decoded)
        real = self.reference.features, unit(self.reference.pictures)
        return {
            "calls": samples.nfe,
            "f_fid": frechet_distance(features, real[0]),
            "sliced_wasserstein": sliced_wasserstein(unit(samples.decoded), real[1]),
        }


def needed(value: float, curve: list[tuple[int, float]]) -> float | None:
    """Calls at which a curve (calls, figure) first gets down to a value; None if it never does.

    Between two measured points the logarithm of the figure is taken to be linear.
    """
    before: tuple[int, float] | None = None
    for calls, figure in curve:
        if figure <= value:
            if before is None:
                return float(calls)
            part = math.log(before[1] / value) / math.log(before[1] / figure)
            return before[0] + part * (calls - before[0])
        before = (calls, figure)
    return None


def saved(made: list[dict[str, Any]], without: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each run with the jump, the calls that it takes without to be as good."""
    rows = []
    for run in made:
        row: dict[str, Any] = {"calls": run["calls"], "sigma": run["sigma"]}
        for name in FIGURES:
            calls = needed(run[name], [(other["calls"], other[name]) for other in without])
            row[f"{name}: calls without"] = None if calls is None else round(calls, 1)
            row[f"{name}: saved"] = None if calls is None else round(calls - run["calls"], 1) + 0.0
        rows.append(row)
    return rows


def main() -> None:
    options = arguments(__doc__)
    import sicore
    from sicore.hub.moments import fit_moments

    model = sicore.load(MODEL, device="cpu")
    model.moments = fit_moments(model.domain, model.config.data.build(), progress=True)
    ranks = [len(g.eigenvalues) for g in (model.moments.pooled, *model.moments.classes.values())]
    few, many = (60, 60) if options.quick else (1000, 2000)

    bench = Bench(model, "validation", few, CHOOSING)
    tried = [bench.figures(steps, sigma) for steps in STEPS for sigma in LEVELS]
    chosen = {
        steps: min((run for run in tried if run["steps"] == steps), key=lambda run: run["f_fid"])
        for steps in STEPS
    }

    bench = Bench(model, "test", many, REPORTING)
    without = [bench.figures(steps, None) for steps in WITHOUT]
    made = [bench.figures(steps, chosen[steps]["sigma"]) for steps in STEPS]
    late = [bench.figures(steps, chosen[steps]["sigma"], jump=False) for steps in STEPS]
    low = [bench.figures(TOO_LOW_STEPS, sigma) for sigma in TOO_LOW]
    figures = {
        "model": MODEL,
        "solver": SOLVER,
        "ranks": ranks,
        "n": many,
        "reference": "F-FID: 10000 test pictures; sliced Wasserstein: n of them",
        "choosing": {"n": few, "reference": "validation pictures", "by": "F-FID", "tried": tried},
        "without": without,
        "teleport": made,
        "late start without the jump": late,
        "too low": low,
        "calls saved at equal quality": saved(made, without),
    }
    record("teleport", options, figures)


if __name__ == "__main__":
    main()
