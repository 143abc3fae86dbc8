"""What is wrong in a configuration, in the user's words: the key, what was expected, what came."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import BaseModel, ValidationError

from sicore.errors import did_you_mean


class Problem(NamedTuple):
    """One thing that is wrong, at a dotted place.

    Args:
        path: the keys from the outside in.
        text: what is wrong; unused when ``known`` is given.
        known: for an unknown key, the keys that would have been right in its place.
    """

    path: tuple[str, ...]
    text: str = ""
    known: tuple[str, ...] | None = None

    def under(self, *outer: str) -> Problem:
        """The same problem, seen from further outside."""
        return self._replace(path=(*outer, *self.path))

    def __str__(self) -> str:
        key = ".".join(self.path)
        if self.known is None:
            return f"'{key}': {self.text}"
        outer = self.path[:-1]
        near = did_you_mean(key, [".".join((*outer, known)) for known in self.known])
        listing = ", ".join(self.known) or "it has no parameters"
        return f"unknown key '{key}'" + (near or f"; known here: {listing}")


def problems(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Translate pydantic's errors.

    Args:
        error: what validating ``model`` raised.
        model: the outermost model, for the keys that would have been right.
    """
    found = []
    for detail in error.errors(include_url=False):
        path = tuple(str(part) for part in detail["loc"])
        kind = detail["type"]
        if kind == "component":
            found += [problem.under(*path) for problem in detail["ctx"]["problems"]]
        elif kind == "extra_forbidden":
            found.append(Problem(path, known=_keys(model, path[:-1])))
        elif kind == "missing":
            found.append(Problem(path, "is missing"))
        else:
            expected = detail["msg"].replace("Input should be", "expected").split(", unable")[0]
            if kind == "model_type":
                expected = "expected `key: value` pairs"
            found.append(Problem(path, f"{expected}, got {_short(detail['input'])}"))
    return found


def _keys(model: type[BaseModel], path: tuple[str, ...]) -> tuple[str, ...]:
    for part in path:
        field = model.model_fields.get(part)
        if field is None or not _is_model(field.annotation):
            return ()
        model = field.annotation  # type: ignore[assignment]
    return tuple(model.model_fields)


def _is_model(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
