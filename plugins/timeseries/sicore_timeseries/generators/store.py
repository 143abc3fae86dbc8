"""Generators on disk: their arguments as JSON and their weights as safetensors; never a pickle."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from sicore.errors import InputError, UnknownName
from sicore.files import read_json, write_json
from sicore.hub.folder import WEIGHTS, read_tensors, write_tensors
from sicore_timeseries.generators.base import Generator

CONFIG = "generator.json"

# A folder names its kind, and this closed list says what is imported for it.
KINDS = {
    "koopman-vae": "koopman_vae:KoopmanVAE",
    "latent-sde": "latent_sde:LatentSDE",
    "sde-gan": "sde_gan:SDEGAN",
    "directed-chain": "directed_chain:DirectedChain",
}


def generator_class(kind: str) -> type[Generator]:
    """The class of a name of ``KINDS``.

    Raises:
        UnknownName: if there is none.
    """
    if kind not in KINDS:
        raise UnknownName("generator", kind, KINDS)
    module, name = KINDS[kind].split(":")
    found: type[Generator] = getattr(import_module(f"sicore_timeseries.generators.{module}"), name)
    return found


def new_generator(kind: str, arguments: Mapping[str, Any], seed: int = 0) -> Generator:
    """A generator with fresh weights, which are a function of the seed.

    Args:
        kind: a name of ``KINDS``.
        arguments: those of its constructor.
        seed: of the weights; the global random state is left as it was.

    Raises:
        UnknownName: for a kind that is not known.
        InputError: if the arguments do not fit.
    """
    make = generator_class(kind)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            return make(**arguments)
        except TypeError as error:
            raise InputError(f"generator '{kind}': {error}") from None


def save_generator(generator: Generator, folder: Path | str) -> None:
    """Write ``generator.json`` and ``model.safetensors`` into a folder.

    Raises:
        InputError: for a class that is not one of ``KINDS``.
    """
    folder = Path(folder)
    write_tensors(folder / WEIGHTS, generator.state_dict())
    content = {"kind": _kind(generator), "arguments": generator.configuration}
    write_json(folder / CONFIG, content)


def load_generator(folder: Path | str, device: torch.device | str = "cpu") -> Generator:
    """The generator of a folder, ready to draw.

    Raises:
        InputError: if a file is missing or broken, or the weights do not fit the arguments.
        UnknownName: for a kind that is not known.
    """
    folder = Path(folder)
    content = read_json(folder / CONFIG)
    try:
        kind, arguments = content["kind"], content["arguments"]
    except (KeyError, TypeError):
        raise InputError(f"{folder / CONFIG}: expected the keys 'kind' and 'arguments'") from None
    try:
        generator = generator_class(kind)(**arguments)
        generator.load_state_dict(read_tensors(folder / WEIGHTS))
    except (TypeError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{folder}: does not hold a generator '{kind}' ({reason})") from None
    return generator.eval().to(device)


def _kind(generator: Generator) -> str:
    wanted = type(generator).__name__
    for kind, target in KINDS.items():
        if target.split(":")[1] == wanted:
            return kind
    raise InputError(f"generator: {wanted} cannot be stored; kinds are {', '.join(KINDS)}")
