"""Train the feature network: ``python -m sicore_images.train_features -o FILE``.

Six minutes on one CPU core. Training pictures are shifted by up to two pixels, mirrored,
and given faint noise, so that the features see the clothes and not the last grey levels.
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import torch
import torch.nn.functional as F
from rich.progress import track
from safetensors.torch import save_file
from torch import Tensor

from sicore.errors import InputError
from sicore.files import write_atomically
from sicore_images.data.fashion_mnist import FashionMNIST
from sicore_images.features import WEIGHTS, FeatureNetwork


@click.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), default=WEIGHTS, show_default=True)
@click.option("--epochs", default=3, show_default=True)
@click.option("--batch-size", default=128, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
def main(output: Path, epochs: int, batch_size: int, seed: int, overwrite: bool) -> None:
    """Train on Fashion-MNIST's training split and write half-precision weights."""
    if output.exists() and not overwrite:
        raise click.ClickException(f"{output} exists: add --overwrite to replace it")
    try:
        train, test = FashionMNIST("train"), FashionMNIST("test")
    except InputError as error:
        raise click.ClickException(str(error)) from error
    network = fit(train, epochs, batch_size, seed)
    # The figures belong to the weights as stored.
    state = {k: v.half() if v.is_floating_point() else v for k, v in network.state_dict().items()}
    network.load_state_dict({k: v.float() for k, v in state.items()})
    right = accuracy(network.eval(), test)
    card = {
        "task": "10 classes of Fashion-MNIST (MIT), its 55,000 training pictures",
        "classes": 10,
        "colours": 1,
        "parameters": sum(p.numel() for p in network.parameters()),
        "test_accuracy": right,
        "recipe": f"python -m sicore_images.train_features --epochs {epochs} --seed {seed}",
    }
    write_atomically(output, lambda scratch: save_file(state, scratch, {"card": json.dumps(card)}))
    click.echo(f"{output}: test accuracy {right:.2%}, {card['parameters']:,} parameters")


def fit(data: FashionMNIST, epochs: int, batch_size: int, seed: int) -> FeatureNetwork:
    """Cross-entropy with Adam under a one-cycle learning rate."""
    torch.manual_seed(seed)
    network = FeatureNetwork()
    steps = epochs * (len(data) // batch_size)
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=6e-3, total_steps=steps)
    order = torch.cat([torch.randperm(len(data)) for _ in range(epochs)])
    for step in track(range(steps), description="feature network"):
        pictures, condition = data.batch(order[step * batch_size : (step + 1) * batch_size])
        loss = F.cross_entropy(network(jitter(pictures)), condition["class"])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return network


def jitter(pictures: Tensor, reach: int = 2, noise: float = 0.05) -> Tensor:
    """uint8 pictures to floats in [0, 1]: the batch shifted together, each mirrored or not.

    Noise of a deviation up to ``noise`` is added to each.
    """
    down, right = torch.randint(-reach, reach + 1, (2,)).tolist()
    moved = F.pad(pictures.float() / 255, (reach,) * 4)
    height, width = pictures.shape[-2:]
    moved = moved[..., reach + down :, reach + right :][..., :height, :width]
    mirror = torch.rand(len(moved), 1, 1, 1) < 0.5
    moved = torch.where(mirror, moved.flip(-1), moved)
    level = noise * torch.rand(len(moved), 1, 1, 1)
    return (moved + level * torch.randn_like(moved)).clamp(0, 1)


@torch.no_grad()
def accuracy(network: FeatureNetwork, data: FashionMNIST) -> float:
    """Share of pictures whose class is found."""
    pictures, condition = data.batch(torch.arange(len(data)))
    found = torch.cat([network(part.float() / 255).argmax(-1) for part in pictures.split(500)])
    return (found == condition["class"]).double().mean().item()


if __name__ == "__main__":
    main()
