"""What a model can be asked for, and whether what the user asks for makes sense."""

from __future__ import annotations

from collections.abc import Mapping

from sicore.errors import InputError, did_you_mean
from sicore.hub import Domain, Scalar
from sicore.hub.conditions import FAR

Asked = Mapping[str, float | str]


def asked_for(domain: Domain, given: Mapping[str, str], flag: str) -> dict[str, float | str]:
    """What the model is asked for, checked: numbers, or names of choices.

    Args:
        domain: of the model.
        given: the values as text, by name.
        flag: the option that they come from, for messages.

    Raises:
        InputError: for what this model cannot be asked for.
    """
    known = {name: kind for name, kind in domain.conditions.items() if kind.seen}
    asked: dict[str, float | str] = {}
    for name, text in given.items():
        if name not in known:
            can = "; ".join(f"{key} ({kind.usual()})" for key, kind in known.items())
            told = f"it can be asked for {can}" if can else "it was trained without any property"
            meant = did_you_mean(name, known) or f": it has no condition '{name}';"
            raise InputError(f"{flag} {name}={text}{meant} {told}")
        kind = known[name]
        try:
            kind.coded([text])
        except InputError:
            raise InputError(
                f"{flag} {name}={text}: expected a number, usually {kind.usual()}"
            ) from None
        asked[name] = float(text) if isinstance(kind, Scalar) else text
    return asked


def unusual(domain: Domain, asked: Asked) -> list[str]:
    """Notes on numbers that hardly any of the training data have."""
    return [
        f"{name}={value:g} is rare in the training data, which are mostly {kind.usual()}: expect "
        "fewer valid samples, and values that fall short of it"
        for name, value in asked.items()
        if isinstance(kind := domain.conditions[name], Scalar)
        and isinstance(value, float)
        and abs(value - kind.mean) > FAR * kind.std
    ]
