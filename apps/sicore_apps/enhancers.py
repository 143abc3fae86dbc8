"""Which model enhances: by name, by folder, or what is shipped. Light to import: no torch."""

from __future__ import annotations

from sicore.errors import InputError, did_you_mean
from sicore.plugins import get_registry

FAMILY = "speech/"
DEFAULT = "enhance"
DEREVERB = "dereverb"


def chosen_model(model: str | None, method: str | None, dereverb: bool) -> str:
    """The name or the folder of the model.

    Args:
        model: any model of speech, by name or folder.
        method: one of the installed models of the speech plugin, with or without ``speech/``.
        dereverb: the one that removes reverberation.

    Raises:
        InputError: when two of them are given, or no such model is installed.
    """
    given = {"--model": model, "--method": method, "--dereverb": dereverb or None}
    flags = [flag for flag, value in given.items() if value is not None]
    if len(flags) > 1:
        raise InputError(f"{' and '.join(flags)} exclude each other: each chooses the model")
    if model is not None:
        return model
    name = FAMILY + (DEREVERB if dereverb else method or DEFAULT).removeprefix(FAMILY)
    registry = get_registry()
    if name in registry.names("model"):
        return name
    if name in registry.names("preset"):
        raise InputError(f"no trained model '{name}' is installed; {_training(name)}")
    short = [known.removeprefix(FAMILY) for known in _known("model")]
    hint = did_you_mean(name.removeprefix(FAMILY), short)
    raise InputError(
        f"--method: no model '{method}'{hint}; installed: {'; '.join(listed_models())}"
    )


def listed_models() -> list[str]:
    """Lines: the installed models of speech with their summaries, and presets without a model."""
    registry = get_registry()
    lines = [
        f"{name.removeprefix(FAMILY)}: {registry.entry('model', name).summary}"
        for name in _known("model")
    ]
    lines += [
        f"{name.removeprefix(FAMILY)}: not trained; {_training(name)}"
        for name in _known("preset")
        if name not in _known("model")
    ]
    return lines


def _known(group: str) -> list[str]:
    return [name for name in get_registry().names(group) if name.startswith(FAMILY)]


def _training(preset: str) -> str:
    folder = f"runs/{preset.removeprefix(FAMILY)}"
    return f"train it with 'sicore train {preset} -o {folder}' and pass '--model {folder}'"
