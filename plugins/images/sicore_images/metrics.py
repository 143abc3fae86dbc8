"""How good are a model's pictures? Distances to real ones, beside what would be perfect or cheap.

Each figure is given for the model's samples, for real training pictures of the same number (the
floor: what a perfect model would get) and for one Gaussian per class (the first rung: what costs
nothing). Figures depend on n and on the feature network, so both are part of the result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sicore.evaluation import (
    energy_distance,
    frechet_distance,
    manifold_metrics,
    sliced_wasserstein,
)
from sicore_images.data.fashion_mnist import CLASSES as FASHION
from sicore_images.features import Extractor, load_extractor
from sicore_images.gaussian import class_gaussian_samples

if TYPE_CHECKING:
    from sicore.hub.model import Model


def evaluate(
    model: Model,
    *,
    n: int = 2000,
    seed: int = 0,
    steps: int | Sequence[int] = (5, 10, 25),
    guidance: float | Sequence[float] = 1.0,
    solver: str = "heun",
    batch_size: int = 128,
    progress: bool = False,
) -> dict[str, Any]:
    """Sample, and measure against the data that the model was trained on.

    Args:
        model: a model of this domain.
        n: samples for each figure, the classes in equal numbers.
        seed: of samples and subsets.
        steps: number of solver steps, or several to try.
        guidance: scale of classifier-free guidance, or several to try; 1 is none.
        solver: by name.
        batch_size: of the sampling.
        progress: show bars while sampling.

    Returns:
        ``{"n", "reference", "features", "floor", "class_gaussian", "model": [...]}``, one entry of
        ``model`` for each pair of steps and guidance.
    """
    train, test = (model.config.data.build(split=split) for split in ("train", "test"))
    reference = Reference(test, n, seed)
    real, condition = train.batch(reference.picks(len(train), "floor"))
    result: dict[str, Any] = {
        "n": n,
        "reference": f"{len(test)} test pictures; energy and sliced Wasserstein: {n} of them",
        "features": reference.card(),
        "floor": reference.figures(real, condition.get("class")),
    }
    wanted = balanced_classes(model, n)
    if wanted is not None:
        everything, labels = train.batch(torch.arange(len(train)))
        cheap = class_gaussian_samples(everything, labels["class"], wanted, seed)
        result["class_gaussian"] = reference.figures(cheap, wanted)
    result["model"] = []
    for scale in [guidance] if isinstance(guidance, float | int) else guidance:
        for number in [steps] if isinstance(steps, int) else steps:
            samples = model.sample(
                n,
                condition=None if wanted is None else {"class": wanted},
                solver=solver,
                steps=number,
                guidance=scale,
                seed=seed,
                batch_size=batch_size,
                progress=progress,
            )
            entry = {"solver": solver, "steps": number, "nfe": samples.nfe, "guidance": scale}
            result["model"].append({**entry, **reference.figures(samples.decoded, wanted)})
    return result


def balanced_classes(model: Model, n: int) -> Tensor | None:
    """Classes 0, 1, … in turn, ``(n,)``; None for a model without classes."""
    classes = model.domain.categories("class").size
    return torch.arange(n) % classes if classes else None


class Reference:
    """Real pictures that others are measured against.

    Args:
        test: the data set's test split.
        n: how many pictures each measured set has.
        seed: of the subsets.
    """

    def __init__(self, test: Any, n: int, seed: int) -> None:
        self.n, self.seed = n, seed
        self.pictures = test.batch(self.picks(len(test), "test"))[0]
        # The feature network knows the clothes of Fashion-MNIST, and nothing else.
        known = getattr(test, "classes", ()) == FASHION and self.pictures.shape[1:] == (1, 28, 28)
        self.extract: Extractor | None = load_extractor() if known else None
        if self.extract is not None:
            self.features = self.extract(test.batch(torch.arange(len(test)))[0])[0]

    def picks(self, size: int, use: str) -> Tensor:
        """N different places of a data set of this size, or all when it has fewer."""
        salt = sum(use.encode())
        generator = torch.Generator().manual_seed(self.seed * 1000 + salt)
        return torch.randperm(size, generator=generator)[: self.n]

    def card(self) -> Mapping[str, Any] | None:
        """Which feature network the figures come from."""
        if self.extract is None:
            return None
        return {"sha256": self.extract.digest, "test_accuracy": self.extract.accuracy}

    def figures(self, pictures: Tensor, wanted: Tensor | None) -> dict[str, float]:
        """Every figure of a set of pictures, uint8 or floats in [0, 1].

        Args:
            pictures: ``(n, C, H, W)``.
            wanted: the class that each should show, for the class agreement.
        """
        pixels = unit(pictures)
        real = unit(self.pictures)
        result = {
            "energy_distance": energy_distance(pixels, real),
            "sliced_wasserstein": sliced_wasserstein(pixels, real, seed=self.seed),
        }
        if self.extract is not None:
            features, seen = self.extract(pictures)
            held = self.features[self.picks(len(self.features), "manifold")]
            manifold = manifold_metrics(held, features)
            result["f_fid"] = frechet_distance(features, self.features)
            result |= vars(manifold)
            if wanted is not None:
                result["class_agreement"] = (seen == wanted).double().mean().item()
        return {name: round(value, 5) for name, value in result.items()}


def unit(pictures: Tensor) -> Tensor:
    """uint8 or float pictures to floats in [0, 1] on the CPU."""
    pictures = pictures.cpu()
    return pictures.float() / 255 if pictures.dtype == torch.uint8 else pictures.float()
