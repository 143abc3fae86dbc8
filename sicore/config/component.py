"""A configured part: a registered name, and the parameters of what it names.

The parameters' types and defaults are those of the constructor that the name stands for: only
the chosen one is imported, and a plugin writes nothing but that constructor.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    PydanticUserError,
    TypeAdapter,
    ValidationError,
    create_model,
)
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind
from pydantic_core import PydanticCustomError, core_schema

from sicore.config.messages import Problem, problems
from sicore.errors import ConfigError, SicoreError
from sicore.plugins import GROUPS, get_registry


@dataclass(frozen=True)
class Component:
    """A registered name with validated parameters (defaults included, unless ``partial``).

    Args:
        group: the registry's group, e.g. ``"solver"``.
        name: the registered name, e.g. ``"heun"``.
        parameters: keyword arguments of the constructor, in their declared types.
        partial: required parameters may be missing until `filled`.
    """

    group: str
    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    partial: bool = field(default=False, compare=False)

    @classmethod
    def parse(cls, group: str, entry: Any, *, partial: bool = False) -> Component:
        """Validate a config entry: a name, or ``{name: …, **parameters}``.

        Raises:
            ConfigError: unknown name, unknown or missing parameter, wrong type.
        """
        try:
            return _validate(entry, In(group, partial))
        except Unfit as unfit:
            raise ConfigError("; ".join(str(p.under(group)) for p in unfit.found)) from unfit

    def target(self) -> Any:
        """The class, function or object that the name stands for (imported now)."""
        return get_registry().resolve(self.group, self.name)

    def build(self, offer: Mapping[str, Any] | None = None, /, **runtime: Any) -> Any:
        """Call the constructor.

        Args:
            offer: for the parts inside this one: each gets what its class lists in ``runtime``.
            runtime: what the program supplies, e.g. ``domain=…``; wins over the configuration.

        Raises:
            ConfigError: required parameters are still missing.
        """
        target = self.target()
        if GROUPS[self.group].form == "object":
            return target
        whole = self.filled({}) if self.partial else self
        arguments = {key: _built(value, offer or {}) for key, value in whole.parameters.items()}
        return target(**(arguments | runtime))

    def assembled(self, offer: Mapping[str, Any]) -> Any:
        """Call the constructor; it and the parts inside get what each class lists in ``runtime``.

        Args:
            offer: what the program supplies, such as the domain.

        Raises:
            ConfigError: required parameters are still missing.
        """
        return _built(self, offer)

    def filled(self, values: Mapping[str, Any]) -> Component:
        """A whole component: own parameters first, then ``values``, then defaults.

        Raises:
            ConfigError: a value does not fit, or a required parameter is in neither.
        """
        values = {key: value for key, value in values.items() if key != "name"}
        return Component.parse(self.group, {"name": self.name, **values, **self.parameters})

    def plain(self) -> str | dict[str, Any]:
        """The entry as YAML and JSON write it."""
        if GROUPS[self.group].form == "object":
            return self.name
        return {"name": self.name, **plain(self.parameters)}


@dataclass(frozen=True)
class In:
    """Marks a field as a component: ``solver: Annotated[Component, In("solver")]``.

    A constructor's parameter receives the built object: mark it so, or give it the name of its
    group and the type of the object (``gamma: Gamma``).
    """

    group: str
    partial: bool = False

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Validate with the registry; serialise as a plain entry."""
        return core_schema.no_info_plain_validator_function(
            self._validate,
            serialization=core_schema.plain_serializer_function_ser_schema(Component.plain),
        )

    def _validate(self, entry: Any) -> Component:
        try:
            return _validate(entry, self)
        except Unfit as unfit:
            raise PydanticCustomError(
                "component", "does not fit", {"problems": unfit.found}
            ) from None

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        """One alternative for each registered name, with its parameters."""
        registry = get_registry()
        names = registry.names(self.group)
        options: list[dict[str, Any]] = [{"enum": names}]
        if GROUPS[self.group].form != "object":
            options += [_entry_schema(self.group, name) for name in names]
        return {"anyOf": options}


@cache
def parameters_model(group: str, name: str) -> type[BaseModel]:
    """The pydantic model of a component's parameters, from its constructor's signature.

    Raises:
        UnknownName: nothing is registered under this name.
        PluginError: the target cannot be imported.
        ConfigError: the constructor's annotations cannot be understood.
    """
    target = get_registry().resolve(group, name)
    fields: dict[str, Any] = {}
    if GROUPS[group].form != "object":
        runtime = getattr(target, "runtime", ())
        wanted = {
            key: parameter
            for key, parameter in inspect.signature(target).parameters.items()
            if key not in runtime
            and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        }
        hints = _hints(target, wanted, f"{group} '{name}'")
        for key, parameter in wanted.items():
            default = ... if parameter.default is parameter.empty else parameter.default
            hint = hints[key] if _expressible(hints[key]) else _named_part(key, hints[key])
            if hint is None and default is ...:
                raise ConfigError(f"{group} '{name}': no configuration can express '{key}'")
            if hint is not None:
                fields[key] = (hint, default)
    settings = ConfigDict(extra="forbid", protected_namespaces=())
    return create_model(name, __config__=settings, **fields)


def _expressible(hint: Any) -> bool:
    """Whether pydantic can read the type from YAML's numbers, strings, lists and dictionaries."""
    try:
        TypeAdapter(hint)
    except PydanticUserError:
        return False
    return True


def _named_part(key: str, hint: Any) -> Any:
    """A parameter of any other type is a component when it is called like a group.

    One that is a mapping and called like the plural is a component for each key.
    """
    if get_origin(hint) is Mapping and key.removesuffix("s") in GROUPS:
        return dict[str, Annotated[Any, In(key.removesuffix("s"))]]
    if key not in GROUPS:
        return None
    part = Annotated[Any, In(key)]
    return part | None if type(None) in get_args(hint) else part


def _hints(target: Any, wanted: Mapping[str, inspect.Parameter], what: str) -> dict[str, Any]:
    # Only the wanted annotations: those of runtime parameters may exist for type checkers alone.
    function = target.__init__ if inspect.isclass(target) else target
    names = {
        key: Any if parameter.annotation is parameter.empty else parameter.annotation
        for key, parameter in wanted.items()
    }
    try:
        return get_type_hints(
            SimpleNamespace(__annotations__=names),
            globalns=getattr(function, "__globals__", {}),
            include_extras=True,
        )
    except (NameError, TypeError) as error:
        raise ConfigError(f"the type hints of {what} cannot be resolved: {error}") from error


class Schema(GenerateJsonSchema):
    """JSON schemas in which a default that JSON cannot express is left out."""

    ignored_warning_kinds: set[JsonSchemaWarningKind] = {  # noqa: RUF012 (as its parent)
        "non-serializable-default",
        "skipped-choice",
    }


class Unfit(Exception):
    """A config entry does not fit; carries what is wrong, in places relative to the entry."""

    def __init__(self, *found: Problem) -> None:
        self.found = found


def _validate(entry: Any, spec: In) -> Component:
    if isinstance(entry, Component):
        entry = {"name": entry.name, **entry.parameters}
    if isinstance(entry, str):
        entry = {"name": entry}
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
        raise Unfit(Problem((), f"expected a registered name or {{name: …}}, got {entry!r}"))
    name = entry["name"]
    given = {str(key): value for key, value in entry.items() if key != "name"}
    try:
        model = parameters_model(spec.group, name)
    except SicoreError as error:
        raise Unfit(Problem((), str(error))) from error
    try:
        validated = model(**given)
    except ValidationError as error:
        found = problems(error, model)
        missing = [
            (str(detail["loc"][0]),)
            for detail in error.errors(include_url=False)
            if detail["type"] == "missing" and len(detail["loc"]) == 1
        ]
        if spec.partial:
            found = [problem for problem in found if problem.path not in missing]
        if found:
            raise Unfit(*found) from None
        return Component(spec.group, name, given, partial=True)
    values = {key: getattr(validated, key) for key in model.model_fields}
    kept = {
        key: value
        for key, value in values.items()
        if key in given or (_writable(value) and not spec.partial)
    }
    return Component(spec.group, name, kept, spec.partial)


def plain(value: Any) -> Any:
    """A parameter as YAML and JSON write it: numbers, strings, lists, dictionaries.

    Raises:
        ConfigError: it has no such form.
    """
    match value:
        case Component():
            return value.plain()
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case Path():
            return str(value)
        case None | bool() | int() | float() | str():
            return value
    raise ConfigError(f"a {type(value).__name__} cannot be written into a configuration")


def _writable(value: Any) -> bool:
    try:
        plain(value)
    except ConfigError:
        return False
    return True


def _built(value: Any, offer: Mapping[str, Any]) -> Any:
    match value:
        case Component():
            wanted = getattr(value.target(), "runtime", ())
            return value.build(offer, **{key: offer[key] for key in wanted if key in offer})
        case Mapping():
            return {key: _built(item, offer) for key, item in value.items()}
    return value


def _entry_schema(group: str, name: str) -> dict[str, Any]:
    try:
        schema = parameters_model(group, name).model_json_schema(schema_generator=Schema)
    except (SicoreError, PydanticUserError):  # not importable, or a type that JSON cannot express
        return {"type": "object", "properties": {"name": {"const": name}}, "required": ["name"]}
    schema["properties"] = {"name": {"const": name}, **schema.get("properties", {})}
    schema["required"] = ["name", *schema.get("required", [])]
    return schema
