"""The feature network behind the figures: a small classifier of Fashion-MNIST, trained here.

Distances between its 128 features play the part that Inception's play in the usual FID. They are
no Inception figures: they are comparable only between runs that name the same network, so every
figure carries its hash.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import Tensor, nn

from sicore.errors import InputError

WEIGHTS = Path(__file__).parent / "features" / "fashion-mnist.safetensors"


class FeatureNetwork(nn.Module):
    """Six 3×3 convolutions, 28² → 14² → 7², averaged to 128 features, then a linear classifier.

    Args:
        classes: number of classes.
        colours: channels of the pictures.
    """

    def __init__(self, classes: int = 10, colours: int = 1) -> None:
        super().__init__()
        widths = (colours, 32, 32, 64, 64, 96, 128)
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 3, padding=1, bias=False) for a, b in itertools.pairwise(widths)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in widths[1:])
        self.classifier = nn.Linear(widths[-1], classes)

    def features(self, pictures: Tensor) -> Tensor:
        """Pictures ``(B, C, H, W)`` in [0, 1] to features ``(B, 128)``."""
        h = 2 * pictures - 1
        for layer, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            h = F.relu(norm(conv(h)))
            if layer in (1, 3):
                h = F.max_pool2d(h, 2)
        return h.mean((-2, -1))

    def forward(self, pictures: Tensor) -> Tensor:
        """The classes' logits ``(B, classes)``."""
        logits: Tensor = self.classifier(self.features(pictures))
        return logits


@dataclass(frozen=True)
class Extractor:
    """A trained feature network and where it comes from.

    Args:
        network: in float32, in evaluation mode.
        digest: the first 12 hexadecimal digits of its file's SHA-256.
        accuracy: on the test pictures.
    """

    network: FeatureNetwork
    digest: str
    accuracy: float

    @torch.no_grad()
    def __call__(self, pictures: Tensor, batch_size: int = 500) -> tuple[Tensor, Tensor]:
        """Features ``(N, 128)`` and classes ``(N,)`` of pictures, uint8 or floats in [0, 1].

        Floats are rounded to the 256 grey levels that a file would hold, as real pictures are.
        """
        features, classes = [], []
        for part in pictures.split(batch_size):
            levels = part if part.dtype == torch.uint8 else (part.clamp(0, 1) * 255).round()
            h = self.network.features(levels.float() / 255)
            features.append(h)
            classes.append(self.network.classifier(h).argmax(-1))
        return torch.cat(features), torch.cat(classes)


@cache
def load_extractor(path: Path = WEIGHTS) -> Extractor:
    """The network that ships with the package.

    Raises:
        InputError: when its file is not there.
    """
    if not path.is_file():
        raise InputError(f"{path}: no feature network; python -m sicore_images.train_features")
    with safe_open(path, framework="pt") as file:
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        card = json.loads(file.metadata()["card"])
    network = FeatureNetwork(card["classes"], card["colours"])
    network.load_state_dict(
        {k: v.float() if v.is_floating_point() else v for k, v in state.items()}
    )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return Extractor(network.eval().requires_grad_(False), digest, card["test_accuracy"])
