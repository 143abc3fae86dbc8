"""Configuration: YAML presets and dotted overrides into typed, validated sections."""

from sicore.config.component import Component, In
from sicore.config.files import config_path, config_schema, dump_config, load_config, parse_config
from sicore.config.sections import (
    ObjectiveConfig,
    RunConfig,
    SamplingConfig,
    TrainingConfig,
)

__all__ = [
    "Component",
    "In",
    "ObjectiveConfig",
    "RunConfig",
    "SamplingConfig",
    "TrainingConfig",
    "config_path",
    "config_schema",
    "dump_config",
    "load_config",
    "parse_config",
]
