"""Presets, files and overrides into a `RunConfig`, and back into YAML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard, cast

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel, ValidationError

from sicore.config.component import Component, Schema
from sicore.config.messages import problems
from sicore.config.sections import RunConfig
from sicore.errors import ConfigError, InputError, UnknownName
from sicore.plugins import get_registry


def load_config(preset_or_path: str | Path, overrides: Sequence[str] = ()) -> RunConfig:
    """Read a preset, a YAML file or a model folder, apply overrides, validate.

    Args:
        preset_or_path: a registered preset (``"images/fashion-mnist"``), or a path.
        overrides: dotted ``"training.steps=100"``; ``"sampling.solver=euler"`` chooses another
            component, whose parameters then start from their defaults.

    Raises:
        InputError: no such file, or it cannot be read.
        UnknownName: no such preset.
        ConfigError: it does not validate; names the keys.
    """
    config = OmegaConf.create(_long_form(_read(config_path(preset_or_path)), RunConfig))
    try:
        for override in overrides:
            _apply(config, override)
        content = cast("dict[str, Any]", OmegaConf.to_container(config, resolve=True))
    except OmegaConfBaseException as error:
        raise ConfigError(f"{preset_or_path}: {str(error).splitlines()[0]}") from error
    return parse_config(content)


def config_path(preset_or_path: str | Path) -> Path:
    """The YAML file that a preset's name, a file's path or a model folder's path stands for.

    Raises:
        InputError: no such file.
        UnknownName: no such preset.
    """
    path = Path(preset_or_path)
    if (folder := path / "config.yaml").is_file():
        return folder
    if path.is_file():
        return path
    try:
        return get_registry().resource("preset", str(preset_or_path))
    except UnknownName:
        if path.is_dir():
            raise InputError(f"the folder '{path}' has no config.yaml") from None
        if path.suffix in (".yaml", ".yml") or path.is_absolute():
            raise InputError(f"no such file: '{path}'") from None
        raise


def parse_config(content: Mapping[str, Any]) -> RunConfig:
    """Validate nested dictionaries, as YAML gives them.

    Raises:
        ConfigError: names each wrong key, what was expected, and what came.
    """
    try:
        return RunConfig.model_validate(content)
    except ValidationError as error:
        found = "; ".join(str(problem) for problem in problems(error, RunConfig))
        raise ConfigError(found) from error


def dump_config(config: RunConfig) -> str:
    """The whole configuration as YAML; `parse_config` reads it back to an equal one."""
    return yaml.dump(
        config.model_dump(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100
    )


def config_schema() -> dict[str, Any]:
    """The JSON schema of `RunConfig`, with every registered component; imports all of them."""
    return RunConfig.model_json_schema(schema_generator=Schema)


class _Dumper(yaml.SafeDumper):
    """Lists on one line, sections one key per line."""

    def represent_list(self, data: Any) -> yaml.SequenceNode:
        """A list between brackets."""
        return self.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=True)


_Dumper.add_representer(list, _Dumper.represent_list)


def _read(path: Path) -> dict[Any, Any]:
    try:
        content = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read '{path}': {error}") from error
    except (yaml.YAMLError, OmegaConfBaseException) as error:
        lines = " ".join(str(error).split())
        raise InputError(f"'{path}' is not valid YAML: {lines}") from error
    if not isinstance(content, dict):
        raise InputError(f"'{path}' is no configuration: expected sections, `key: value`")
    return content


def _apply(config: DictConfig, override: str) -> None:
    key, equals, text = (part.strip() for part in override.partition("="))
    if not equals or not key:
        raise ConfigError(f"'{override}' is no override: write key=value, e.g. training.steps=100")
    try:
        parsed = OmegaConf.to_container(OmegaConf.from_dotlist([f"value={text}"]), resolve=False)
    except yaml.YAMLError:
        raise ConfigError(f"the value in '{override}' is not valid YAML") from None
    value = cast("dict[str, Any]", parsed)["value"]
    if isinstance(value, str) and key in _components(RunConfig):
        value = {"name": value}
    OmegaConf.update(config, key, value, merge=False)


def _long_form(content: Any, model: type[BaseModel]) -> Any:
    """Write every component as ``{name: …}``, so that overrides can reach its parameters."""
    if not isinstance(content, Mapping):
        return content  # an error, which validation tells
    long = dict(content)
    for key, field in model.model_fields.items():
        if field.annotation is Component:
            entry = content.get(key, field.default)
            if isinstance(entry, str):
                long[key] = {"name": entry}
        elif _is_section(field.annotation):
            long[key] = _long_form(content.get(key, {}), field.annotation)
    return long


def _components(model: type[BaseModel], outer: str = "") -> list[str]:
    """The dotted keys of the components of a section."""
    keys = []
    for key, field in model.model_fields.items():
        if field.annotation is Component:
            keys.append(outer + key)
        elif _is_section(field.annotation):
            keys += _components(field.annotation, f"{outer}{key}.")
    return keys


def _is_section(annotation: Any) -> TypeGuard[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
