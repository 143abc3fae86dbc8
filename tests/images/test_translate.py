"""Translation with the shipped model: another class, and what is kept of the picture."""

from pathlib import Path

import torch

import sicore
import sicore_images
from sicore.hub.translate import read_inputs, translate
from sicore_images.features import load_extractor

PICTURES = Path(sicore_images.__file__).parent / "samples"


def test_pictures_change_their_class_and_keep_the_rest():
    """Beside samples of the class from other noise, they are nearer to what they were made from."""
    model = sicore.load("images/fashion-mnist", device="cpu")
    names = ("sneaker-1", "sneaker-2", "pullover-1")
    x = torch.cat([read_inputs(PICTURES / f"{name}.png", model.domain) for name in names])
    old, new = ["Sneaker", "Sneaker", "Pullover"], ["Ankle boot", "Ankle boot", "T-shirt/top"]
    made = translate(
        model, model, x, condition={"class": old}, target_condition={"class": new}, steps=20
    )
    classes = model.domain.conditions["class"]
    _, found = load_extractor()(made.decoded)
    assert found.tolist() == [classes.index(name) for name in new]
    others = model.sample(3, {"class": new}, solver="ddim", steps=20, seed=5).x
    kept, chance = ((x - y).square().mean((1, 2, 3)) for y in (made.x, others))
    assert (kept < 0.8 * chance).all()


def test_a_folder_of_pictures_is_read_whole_and_nothing_else():
    model = sicore.load("images/fashion-mnist", device="cpu")
    states = read_inputs(PICTURES, model.domain)  # a README and a file of tensors lie there, too
    assert len(states) == len(list(PICTURES.glob("*.png")))
