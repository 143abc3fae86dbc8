"""Bits per dimension of the shipped images model, on pictures of the test split.

The model beside two that cost nothing, fitted on the training pictures: every pixel on its own (its
histogram), and one Gaussian with the full covariance. Then, on fewer pictures, how far the figure
depends on the noise level where the flow ends, on the steps and on the number of probes. Needs the
data: ``sicore data fetch images/fashion-mnist``.
"""

from __future__ import annotations

from typing import Any

from common import arguments, record

MODEL = "images/fashion-mnist"
LEVELS = (0.1, 12**-0.5, 1.0, 4.0)


def variations(model: Any, n: int) -> list[dict[str, Any]]:
    """The same pictures under other settings; the first is the one of the main figures."""
    from sicore.likelihood import HutchinsonDivergence
    from sicore_images.likelihood import NOISE_LEVEL, STEPS, bits_per_dim, some_of

    pictures, _ = some_of(model.config.data.build(split="test"), n)
    settings = [
        (NOISE_LEVEL, STEPS, 1),
        (NOISE_LEVEL, 2 * STEPS, 1),
        (NOISE_LEVEL, STEPS, 4),
        *((level, STEPS, 1) for level in LEVELS if level != NOISE_LEVEL),
    ]
    results = []
    for level, steps, probes in settings:
        found = bits_per_dim(
            model,
            pictures,
            noise_level=level,
            steps=steps,
            divergence=HutchinsonDivergence(probes),
            progress=True,
        )
        chosen = {"noise level in grey levels": round(level, 4), "probes": probes}
        results.append({**chosen, "nfe": found.nfe, **found.summary()})
        print(results[-1], flush=True)
    return results


def main() -> None:
    options = arguments(__doc__)
    import sicore
    from sicore_images.likelihood import evaluate_likelihood

    model = sicore.load(MODEL, device="cpu")
    few, many = (4, 8) if options.quick else (32, 128)
    figures = {
        "test pictures": evaluate_likelihood(model, n=many, progress=True),
        f"settings, on the first {few} of them": variations(model, few),
    }
    record("likelihood", options, figures)


if __name__ == "__main__":
    main()
