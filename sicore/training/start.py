"""Start a training from trained weights: to fine-tune, or to put a trained part into a network."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from sicore.errors import InputError
from sicore.hub.folder import WEIGHTS, read_tensors
from sicore.hub.model import model_folder


def start_from(network: nn.Module, models: Mapping[str, str]) -> None:
    """Put the weights of trained models into a network, in place.

    Args:
        network: what will be trained.
        models: for each part of the network, by its attribute's name (the empty one is the whole),
            a registered model or a model folder whose network is built alike.

    Raises:
        UnknownName, InputError: for no such part or model, or weights of other names or shapes.
    """
    for part, name in models.items():
        try:
            target = network.get_submodule(part)
        except AttributeError:
            known = ", ".join(name for name, _ in network.named_children())
            raise InputError(
                f"training.start_from: the network has no part '{part}'; it has {known}"
            ) from None
        tensors = read_tensors(model_folder(name) / WEIGHTS)
        own = target.state_dict()
        wrong = sorted(
            key
            for key in own.keys() | tensors.keys()
            if key not in own or key not in tensors or own[key].shape != tensors[key].shape
        )
        if wrong:
            raise InputError(
                f"training.start_from: the weights of '{name}' do not fit "
                f"{f'the part {part!r}' if part else 'the network'}: {len(wrong)} of {len(own)} "
                f"differ in name or shape, the first is '{wrong[0]}'; its config.yaml says how it "
                f"was built"
            )
        target.load_state_dict(tensors)
