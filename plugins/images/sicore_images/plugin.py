"""What this plugin offers, as names and import paths: nothing is imported before its use."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from sicore.plugins import hookimpl

if TYPE_CHECKING:
    from sicore.plugins import Registrar

SICORE_API = 1


@hookimpl
def sicore_register(registry: Registrar) -> None:
    """Register the domain, its data sets, its network, its presets and its trained model."""
    registry.add(
        "domain", "images", "sicore_images.domain:Images", summary="Pictures, grey or colour"
    )
    registry.add(
        "dataset",
        "images/fashion-mnist",
        "sicore_images.data.fashion_mnist:FashionMNIST",
        summary="70,000 grey 28×28 pictures of clothes in 10 classes (MIT)",
    )
    registry.add(
        "dataset",
        "images/clothes-sample",
        "sicore_images.data.sample:ClothesSample",
        summary="300 of them that ship with the package, for trying things out",
    )
    registry.add(
        "dataset",
        "images/folder",
        "sicore_images.data.folder:ImageFolder",
        summary="Your own pictures: data.folder=PATH, sub-folders are classes",
    )
    registry.add(
        "backbone",
        "images/unet",
        "sicore_images.unet:UNet",
        summary="U-Net with time and class conditioning",
    )
    registry.add(
        "preset",
        "images/fashion-mnist",
        "sicore_images:presets/fashion-mnist.yaml",
        summary="Class-conditional Fashion-MNIST, about 1.8 M parameters",
    )
    registry.add(
        "preset",
        "images/folder",
        "sicore_images:presets/folder.yaml",
        summary="Your own folder of pictures, 32×32 unless data.size says otherwise",
    )
    registry.add(
        "model",
        "images/fashion-mnist",
        "sicore_images:models/fashion-mnist",
        summary="Trained by the preset of the same name",
    )


@hookimpl
def sicore_doctor() -> list[tuple[str, bool, str]]:
    """Whether pictures can be read, and whether Fashion-MNIST is on this machine."""
    from sicore_images.data.places import find_fashion_mnist

    pillow = importlib.util.find_spec("PIL") is not None
    return [
        ("Pillow", pillow, "" if pillow else "pip install pillow"),
        (
            "Fashion-MNIST",
            find_fashion_mnist() is not None,
            "optional, for training and evaluation: sicore data fetch images/fashion-mnist",
        ),
    ]
