"""The meta-prior w of a sequential VAE on a machine of two symbols, whose truth is known.

A symbol follows the last one with known probabilities, so that there is nothing else to learn. The
VAE (that of the Koopman VAE, its weight of linear dynamics 0) is trained with several weights of
the divergence, and draws; the probabilities are counted in what it drew. With a small w its latents
remember every symbol and the prior cannot follow them; with a large one they say nothing, and the
machine becomes deterministic: the error is least between, as Ahmadi and Tani (2019) found for
PV-RNN.
"""

from __future__ import annotations

import common
import torch
from torch import Tensor

from sicore_timeseries.generators.store import new_generator

TRUTH = {"0": 0.3, "1": 0.8}  # the probability of a 1 after each symbol
LENGTH = 24
METAPRIORS = (0.001, 0.01, 0.1, 0.3, 1.0, 3.0, 10.0)


def machine(count: int, seed: int) -> Tensor:
    """Sequences of ±1, ``(count, LENGTH, 1)``, from the stationary law on."""
    generator = torch.Generator().manual_seed(seed)
    uniform = torch.rand(count, LENGTH, generator=generator)
    after_0, after_1 = TRUTH.values()
    symbols = [uniform[:, 0] < after_0 / (1 + after_0 - after_1)]
    for column in uniform[:, 1:].unbind(1):
        symbols.append(column < torch.where(symbols[-1], after_1, after_0))
    return 2 * torch.stack(symbols, 1).unsqueeze(-1).float() - 1


def counted(windows: Tensor) -> dict[str, float | None]:
    """The probability of a 1 after each symbol, None where that symbol never came."""
    symbols = windows.squeeze(-1) > 0
    before, after = symbols[:, :-1], symbols[:, 1:].float()
    chosen = {"0": after[~before], "1": after[before]}
    return {k: round(float(v.mean()), 4) if len(v) else None for k, v in chosen.items()}


def worst(found: dict[str, float | None]) -> float:
    """The largest error of a probability; 1 where one does not exist."""
    errors = [1.0 if (p := found[k]) is None else abs(p - truth) for k, truth in TRUTH.items()]
    return round(max(errors), 4)


def main() -> None:
    """Train with each weight and each seed, and record the errors."""
    torch.set_num_threads(1)
    options = common.arguments(__doc__)
    steps, seeds = (100, (0,)) if options.quick else (500, (0, 1, 2))
    rows = []
    for w in METAPRIORS:
        errors, divergences = [], []
        for seed in seeds:
            arguments = {"channels": 1, "latent": 2, "hidden": 16, "encoder": "recurrent"}
            model = new_generator("koopman-vae", {**arguments, "w_kl": w, "w_pred": 0.0}, seed)
            history = model.fit(
                machine(4000, seed), steps=steps, learning_rate=1e-2, seed=seed, progress=False
            )
            errors.append(worst(counted(model.sample(4000, LENGTH, seed=seed))))
            divergences.append(round(history[-1]["divergence"], 2))
        rows.append({"w": w, "errors": errors, "divergence, nats": divergences})
    floor = worst(counted(machine(4000, 9)))
    common.record("meta_prior", options, {"truth": TRUTH, "error of the truth": floor, "w": rows})


if __name__ == "__main__":
    main()
