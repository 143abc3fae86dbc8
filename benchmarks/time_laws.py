"""Time laws: the spread of a batch's loss, for the same loss in the mean.

The noise of a Gaussian mixture in 8 dimensions, predicted with an error of 0.3 sin(x), on the
variance-preserving path with a last blur of 0.03 (without it the likelihood weight has no finite
mean), under three weights. All laws estimate the same integral over t, so their means agree; a
smaller spread means fewer samples for the same certainty. Low-discrepancy times take away only the
part of the spread that comes from the times, not that of the data and of the noise z.
"""

from __future__ import annotations

from typing import Any

from common import arguments, record

DIMENSION, BATCH = 8, 128


def mixture() -> Any:
    """Four components of different shapes."""
    import torch

    from sicore.exact import GaussianMixture
    from sicore.states import Noise

    streams = Noise.of(0, 4)
    root = 0.3 * streams.normal((DIMENSION, DIMENSION), torch.float64)
    eye = 0.05 * torch.eye(DIMENSION, dtype=torch.float64)
    means = streams.at(1).normal((DIMENSION,), torch.float64)
    return GaussianMixture(torch.ones(4, dtype=torch.float64), means, root @ root.mT + eye)


def losses(law: Any, weight: Any, batches: int, warm: int) -> Any:
    """Mean losses of batches, after ``warm`` others from which the law may have learned."""
    import torch

    from sicore.exact import ExactPath
    from sicore.interpolants import VP, Perturbed
    from sicore.objectives import Objective
    from sicore.predictions import NOISE, FunctionPrediction
    from sicore.states import Noise

    exact = ExactPath(Perturbed(VP(), 0.03), mixture())

    def noise_of(t: Any, x: Any) -> Any:
        return exact.value(NOISE, t, x) + 0.3 * torch.sin(x)

    wrong = FunctionPrediction(noise_of, exact.interpolant, NOISE)
    objective, made = Objective(exact.interpolant, law, weight), []
    for i in range(warm + batches):
        noise = Noise.of(0, BATCH, i * BATCH)
        x1 = exact.target.sample(noise.named("data"))
        made.append(objective.loss(wrong, x1, None, noise).mean())
    return torch.stack(made[warm:])


def main() -> None:
    from sicore.objectives import (
        EDMWeight,
        LearnedImportance,
        LikelihoodWeight,
        LowDiscrepancy,
        MinSNRWeight,
        Uniform,
    )

    options = arguments(__doc__)
    batches, warm = (100, 100) if options.quick else (1000, 200)
    figures: dict[str, Any] = {"batch": BATCH, "batches": batches, "dimension": DIMENSION}
    weights = {"edm": EDMWeight(), "min-snr": MinSNRWeight(), "likelihood": LikelihoodWeight()}
    for name, weight in weights.items():
        laws = {
            "uniform": Uniform(),
            "low-discrepancy": LowDiscrepancy(),
            "learned-importance": LearnedImportance(),
            "low-discrepancy of learned-importance": LowDiscrepancy(LearnedImportance()),
        }
        made = {key: losses(law, weight, batches, warm) for key, law in laws.items()}
        plain = made["uniform"].var()
        figures[f"{name} weight"] = {
            key: {
                "mean": round(float(values.mean()), 4),
                "standard error of the mean": round(float(values.std() / batches**0.5), 4),
                "relative spread of a batch": round(float(values.std() / values.mean()), 4),
                "variance of uniform over this": round(float(plain / values.var()), 2),
            }
            for key, values in made.items()
        }
    record("time_laws", options, figures)


if __name__ == "__main__":
    main()
