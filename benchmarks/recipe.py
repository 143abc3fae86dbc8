"""The basic recipe on real pictures: DDIM, DDPM or Heun, guided or not, with 10 or 20 steps.

Samples of the shipped model ``images/fashion-mnist``, the classes in equal numbers, several seeds
pooled, against the test set: Fréchet distance of the features of a classifier (f-FID), and the
share of samples that the classifier puts in the class that was asked for, with its 95 % interval
from the bootstrap over samples. Few samples raise f-FID, and resampling raises it once more, so it
has the range over the seeds instead, each seed beside the same number of samples. *floor* is as
many training pictures. Needs the data: ``sicore data fetch images/fashion-mnist``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common import arguments, record

if TYPE_CHECKING:
    from torch import Tensor

MODEL = "images/fashion-mnist"
SEEDS = (0, 1, 2)
STEPS = (10, 20)
GUIDANCE = (1.0, 2.0)


def solvers() -> dict[str, Any]:
    """By the name in the table."""
    from sicore.solvers import DDIM, Heun

    return {"ddim": DDIM(), "ddpm": DDIM(eta=1.0), "heun": Heun()}


class Judge:
    """The classifier's view of pictures beside that of the test set."""

    def __init__(self, model: Any) -> None:
        import torch

        from sicore_images.features import load_extractor

        self.extract = load_extractor()
        self.train, test = (model.config.data.build(split=split) for split in ("train", "test"))
        self.real = self.extract(test.batch(torch.arange(len(test)))[0])[0]

    def figures(self, pictures: Tensor, wanted: Tensor) -> dict[str, Any]:
        """Both figures; pictures of one seed after the other."""
        from sicore.evaluation import bootstrap_interval, frechet_distance

        features, seen = self.extract(pictures)
        each = [frechet_distance(part, self.real) for part in features.chunk(len(SEEDS))]
        right = (seen == wanted).double()
        share = bootstrap_interval(lambda x: float(x.mean()), right)
        return {
            "f-FID": round(frechet_distance(features, self.real), 4),
            "f-FID of one seed": [round(min(each), 3), round(max(each), 3)],
            "class agreement": round(share.value, 4),
            "its interval": [round(share.low, 4), round(share.high, 4)],
        }

    def floor(self, n: int) -> dict[str, Any]:
        """Those of n training pictures."""
        import torch

        picks = torch.randperm(len(self.train), generator=torch.Generator().manual_seed(0))[:n]
        pictures, condition = self.train.batch(picks)
        return self.figures(pictures, condition["class"])


def sampled(model: Any, solver: Any, steps: int, guidance: float, n: int) -> tuple[Any, Any, int]:
    """Pictures of all seeds, their classes, and network calls for each."""
    import torch

    wanted = torch.arange(n) % model.domain.conditions["class"].size
    drawn = [
        model.sample(n, {"class": wanted}, solver=solver, steps=steps, guidance=guidance, seed=seed)
        for seed in SEEDS
    ]
    return torch.cat([d.decoded for d in drawn]), wanted.repeat(len(SEEDS)), drawn[0].nfe


def main() -> None:
    import sicore

    options = arguments(__doc__)
    model = sicore.load(MODEL, device="cpu")
    judge, n = Judge(model), 10 if options.quick else 150
    rows = []
    for name, solver in solvers().items():
        for guidance in GUIDANCE:
            for steps in STEPS:
                pictures, wanted, calls = sampled(model, solver, steps, guidance, n)
                row = {"solver": name, "guidance": guidance, "steps": steps, "network calls": calls}
                rows.append({**row, **judge.figures(pictures, wanted)})
                print(rows[-1], flush=True)
    figures = {
        "model": MODEL,
        "samples": n * len(SEEDS),
        "seeds": list(SEEDS),
        "floor": judge.floor(n * len(SEEDS)),
        "grid": rows,
    }
    record("recipe", options, figures)


if __name__ == "__main__":
    main()
