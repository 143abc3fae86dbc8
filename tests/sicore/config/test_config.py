from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import pytest
import yaml

from sicore import config
from sicore.config import Component, In, dump_config, load_config, parse_config
from sicore.config.component import parameters_model
from sicore.errors import ConfigError, InputError, PluginError, UnknownName
from sicore.plugins import Registrar, Registry

if TYPE_CHECKING:
    from sicore.hub import Domain


@dataclass(frozen=True)
class Grid:
    rho: float = 7.0


@dataclass(frozen=True)
class Solver:
    churn: float = 0.0


UNWRITABLE = object()


class Shape(Protocol):
    """A type that YAML cannot express."""

    rho: float


class Net:
    runtime = ("domain",)

    def __init__(
        self,
        domain: "Domain",
        channels: int = 48,
        sizes: tuple[int, ...] = (1, 2),
        grid: Shape = Grid(),
        other: Annotated[Any, In("grid")] = Grid(),
        activation: Shape = UNWRITABLE,
        folder: Path | None = None,
    ):
        self.given = (domain, channels, sizes, grid, other, folder)


class Space:
    def __init__(self, shape: tuple[int, ...], mean: list[float] | None = None):
        self.shape, self.mean = shape, mean


class Plain:
    pass


class Unconfigurable:
    def __init__(self, activation: Shape):
        pass


class Unresolvable:
    def __init__(self, x: "NoSuchType"):  # noqa: F821
        pass


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    """A registry of small parts that need no other part of sicore."""
    module = ModuleType("small_parts")
    for part in (Grid, Solver, Net, Space, Plain, Unresolvable, Unconfigurable):
        setattr(module, part.__name__, part)
    module.VELOCITY = object()
    monkeypatch.setitem(__import__("sys").modules, "small_parts", module)
    registrar, made = Registrar("test"), Registry()
    parts = {
        "domain": {"plane": "Space"},
        "dataset": {"moons": "Plain"},
        "backbone": {
            "net": "Net",
            "broken": "Missing",
            "odd": "Unresolvable",
            "shut": "Unconfigurable",
        },
        "interpolant": {"linear": "Plain"},
        "kind": {"velocity": "VELOCITY"},
        "preconditioning": {"none": "Plain"},
        "time_law": {"uniform": "Plain"},
        "weight": {"uniform": "Plain"},
        "coupling": {"independent": "Plain"},
        "solver": {"heun": "Solver", "euler": "Solver"},
        "grid": {"uniform": "Grid"},
    }
    for group, names in parts.items():
        for name, target in names.items():
            registrar.add(group, name, f"small_parts:{target}")
    made.commit(registrar)
    monkeypatch.setattr(config.component, "get_registry", lambda: made)
    monkeypatch.setattr(config.files, "get_registry", lambda: made)
    parameters_model.cache_clear()
    yield made
    parameters_model.cache_clear()


@pytest.fixture
def preset(tmp_path):
    path = tmp_path / "preset.yaml"
    path.write_text("domain: plane\ndata: moons\nnetwork: {name: net, channels: 8}\n")
    return path


def test_defaults_and_overrides(preset):
    made = load_config(
        preset,
        ["network.channels=16", "training.learning_rate=1e-4", "sampling.solver.churn=2"],
    )
    assert made.network.parameters["channels"] == 16
    assert made.network.parameters["sizes"] == (1, 2)
    assert made.training.learning_rate == 1e-4
    assert made.sampling.solver == Component("solver", "heun", {"churn": 2.0})
    assert made.interpolant.name == "linear"


def test_choosing_another_component_starts_from_its_defaults(preset):
    first = load_config(preset, ["sampling.solver.churn=2", "sampling.solver=euler"])
    assert first.sampling.solver == Component("solver", "euler", {"churn": 0.0})


def test_overrides_of_shorthand_entries(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("domain: plane\ndata: moons\nnetwork: net\nsampling: {solver: heun}\n")
    made = load_config(path, ["sampling.solver.churn=1", "network.channels=3"])
    assert made.sampling.solver.parameters == {"churn": 1.0}
    assert made.network.parameters["channels"] == 3


def test_interpolation_between_keys(preset):
    made = load_config(preset, ["training.batch_size=${network.channels}"])
    assert made.training.batch_size == 8


@pytest.mark.parametrize("value", ["no", "'no'", "false"])
def test_precision_no_is_not_a_boolean(preset, value):
    assert load_config(preset, [f"training.precision={value}"]).training.precision == "no"


@pytest.mark.parametrize(
    "overrides",
    [[], ["network.grid={name: uniform, rho: 3}", "domain.shape=[2]", "training.precision=no"]],
)
def test_round_trip(preset, overrides):
    made = load_config(preset, overrides)
    text = dump_config(made)
    assert "\nprediction: velocity\n" in text
    assert parse_config(yaml.safe_load(text)) == made
    assert dump_config(parse_config(yaml.safe_load(text))) == text


def test_model_folder_and_file_and_dump_are_the_same(preset, tmp_path):
    made = load_config(preset)
    (tmp_path / "config.yaml").write_text(dump_config(made))
    assert load_config(tmp_path) == load_config(tmp_path / "config.yaml") == made


ERRORS = {
    "training.learning_rat=3": (
        "unknown key 'training.learning_rat': did you mean 'training.learning_rate'?"
    ),
    "trainin.steps=3": "unknown key 'trainin': did you mean 'training'?",
    "network.chanels=3": "unknown key 'network.chanels': did you mean 'network.channels'?",
    "network.grid={name: uniform, rh: 3}": (
        "unknown key 'network.grid.rh': did you mean 'network.grid.rho'?"
    ),
    "domain.shap=[2]": "unknown key 'domain.shap': did you mean 'domain.shape'?",
    "data.folder=x": "unknown key 'data.folder'; known here: it has no parameters",
    "training.steps=abc": "'training.steps': expected a valid integer, got 'abc'",
    "training.steps=0": "'training.steps': expected greater than or equal to 1, got 0",
    "network.channels=many": "'network.channels': expected a valid integer, got 'many'",
    "domain.shape=3": "'domain.shape': expected a valid tuple, got 3",
    "training.precision=bf17": "'training.precision': expected 'no', 'bf16' or 'fp16', got 'bf17'",
    "sampling.solver=huen": "'sampling.solver': unknown solver 'huen': did you mean 'heun'?",
    "sampling.solver.name=huen": "'sampling.solver': unknown solver 'huen'",
    "prediction=velocty": "unknown kind 'velocty': did you mean 'velocity'?",
    "prediction.x=1": "unknown key 'prediction.x'",
    "sampling.solver=[1]": "'sampling.solver': expected a registered name or {name: …}, got [1]",
    "network=broken": "backbone 'broken' of plugin 'test' cannot be loaded",
    "network=odd": "the type hints of backbone 'odd' cannot be resolved",
    "network=shut": "no configuration can express 'activation'",
    "network.activation=x": "unknown key 'network.activation'",
    "objective=3": "'objective': expected `key: value` pairs, got 3",
    "steps": "'steps' is no override: write key=value",
    "=3": "is no override",
    "training.steps={": "is not valid YAML",
    "training.steps=${nothing}": "nothing",
}


@pytest.mark.parametrize("override", ERRORS)
def test_errors_name_the_key(preset, override):
    with pytest.raises(ConfigError) as caught:
        load_config(preset, [override])
    assert ERRORS[override] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_problems_are_told_at_once(preset):
    with pytest.raises(ConfigError) as caught:
        load_config(preset, ["training.steps=x", "network.chanels=3", "colour=red"])
    for key in ("training.steps", "network.chanels", "colour"):
        assert f"'{key}'" in str(caught.value)


def test_missing_section():
    with pytest.raises(ConfigError, match="'network': is missing"):
        parse_config({"domain": "plane", "data": "moons"})


def test_unknown_preset_and_missing_files(tmp_path):
    with pytest.raises(UnknownName, match="unknown preset 'moon'"):
        load_config("moon")
    with pytest.raises(InputError, match="no such file"):
        load_config(tmp_path / "absent.yaml")
    with pytest.raises(InputError, match=r"has no config\.yaml"):
        load_config(tmp_path)


@pytest.mark.parametrize(
    ("text", "says"),
    [("a: [", "not valid YAML"), ("- 1\n- 2\n", "is no configuration"), ("\xff", "cannot read")],
)
def test_files_that_are_no_configuration(tmp_path, text, says):
    path = tmp_path / "a.yaml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=says):
        load_config(path)


def test_partial_domain_is_filled_by_the_data(preset):
    made = load_config(preset, ["domain.mean=[3]"])
    with pytest.raises(ConfigError, match=r"'domain\.shape': is missing"):
        made.domain.build()
    whole = made.domain.filled({"name": "plane", "shape": [2, 2], "mean": [0.0]})
    assert whole.parameters == {"shape": (2, 2), "mean": [3.0]}  # one's own value wins
    assert whole.build().shape == (2, 2)
    with pytest.raises(ConfigError, match=r"unknown key 'domain\.shap'"):
        made.domain.filled({"shap": [2]})


def test_runtime_parameters_are_no_configuration(preset):
    with pytest.raises(ConfigError, match=r"unknown key 'network\.domain'"):
        load_config(preset, ["network.domain=plane"])


def test_build_nests_components_and_keeps_unwritable_defaults(preset):
    made = load_config(
        preset,
        ["network.grid={name: uniform, rho: 3}", "network.other=uniform", "network.folder=a/b"],
    ).network
    domain = object()
    given = made.build(domain=domain).given
    assert given == (domain, 8, (1, 2), Grid(3.0), Grid(7.0), Path("a/b"))
    assert "activation" not in made.parameters
    assert made.plain()["folder"] == str(Path("a/b"))


def test_build_arguments_win_over_the_configuration():
    assert Component.parse("solver", {"name": "heun", "churn": 1}).build(churn=5.0) == Solver(5.0)


def test_only_the_chosen_component_is_imported(preset):
    load_config(preset)  # would fail if 'broken' or 'odd' were looked at
    with pytest.raises(PluginError):
        Component("backbone", "broken").target()


def test_values_that_yaml_cannot_hold_are_refused():
    part = Component("backbone", "net", {"activation": object()})
    with pytest.raises(ConfigError, match="cannot be written"):
        part.plain()


def test_schema_lists_the_registered_parts():
    schema = config.config_schema()
    solver = schema["$defs"]["SamplingConfig"]["properties"]["solver"]["anyOf"]
    assert solver[0] == {"enum": ["euler", "heun"]}
    names = [option["properties"]["name"]["const"] for option in solver[1:]]
    assert names == ["euler", "heun"]
    assert "churn" in solver[1]["properties"]
    networks = schema["properties"]["network"]["anyOf"]
    assert {"broken", "net", "odd", "shut"} == set(networks[0]["enum"])
