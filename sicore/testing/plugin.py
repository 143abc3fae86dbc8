"""Checks of a whole installed plugin."""

from __future__ import annotations

import subprocess
import sys

import torch
import yaml

from sicore.config import Component, RunConfig, dump_config, load_config, parse_config
from sicore.config.component import parameters_model
from sicore.hub.build import build_coupling
from sicore.interpolants import Interpolant
from sicore.plugins import GROUPS, Entry, loaded
from sicore.states import Noise
from sicore.testing.data import check_dataset, check_domain
from sicore.testing.network import check_backbone
from sicore.testing.numerics import check_solver
from sicore.testing.paths import check_interpolant
from sicore.testing.require import require


def check_plugin(name: str) -> None:
    """Check an installed plugin: it works, imports lazily, names and parts are right.

    Every registered part is loaded; each preset is checked with the data, domain and network that
    it names (when the data are on this machine); interpolants and solvers whose parameters all
    have defaults are checked too. Operators need arguments: call `check_operator` for those.

    Args:
        name: the name of its entry point in the group ``sicore``.
    """
    state = loaded()
    status = {s.name: s for s in state.statuses}.get(name)
    if status is None:
        known = ", ".join(s.name for s in state.statuses)
        raise AssertionError(f"no plugin '{name}' is installed; there are: {known}")
    require(status.status == "ok", f"plugin '{name}' is {status.status}: {status.reason}")
    check_lazy_import(state.modules[name].__name__)
    entries = [
        entry for group in GROUPS for entry in state.registry.entries(group) if entry.plugin == name
    ]
    require(bool(entries), f"plugin '{name}' registers nothing")
    for entry in entries:
        _check_entry(entry)
    for entry in entries:
        if entry.group == "preset":
            check_preset(entry.name)
        elif entry.group == "interpolant" and _ready(entry):
            check_interpolant(_path(entry))
        elif entry.group == "solver" and _ready(entry):
            check_solver(Component.parse(entry.group, entry.name).build())


def check_lazy_import(module: str, heavy: str = "torch") -> None:
    """Check that importing a plugin's module does not import torch.

    Args:
        module: the dotted name that the entry point gives.
        heavy: the package that must stay out.
    """
    code = f"import sys, importlib; importlib.import_module({module!r}); {heavy!r} in sys.modules"
    probe = [sys.executable, "-c", f"{code} and sys.exit(77)"]
    done = subprocess.run(probe, capture_output=True, text=True, check=False)
    require(
        done.returncode != 77,
        f"importing '{module}' imports {heavy}: import it where it is used, and register strings",
    )
    require(done.returncode == 0, f"'{module}' cannot be imported: {done.stderr.strip()[-300:]}")


def check_preset(name: str) -> None:
    """Check a preset: it is valid, survives a round trip, and its parts fit each other.

    Args:
        name: the registered name of the preset.
    """
    config = load_config(name)
    _check_round_trip(name, config)
    dataset_class = config.data.target()
    if not getattr(dataset_class, "available", lambda: True)():
        return
    dataset = config.data.build()
    check_dataset(dataset)
    whole = config.model_copy(update={"domain": config.domain.filled(dataset.domain_config())})
    _check_round_trip(f"{name} with its data", whole)
    domain = whole.domain.build()
    items, labels = dataset.batch(torch.arange(min(128, len(dataset))))
    encoded = getattr(dataset, "encoded", False)  # items that are states already
    check_domain(domain, domain.decode(items) if encoded else items)
    observed = build_coupling(whole, domain).observed
    for key in set(labels) - {observed}:
        known = ", ".join(domain.conditions) or "none"
        require(
            key in domain.conditions,
            f"preset '{name}': the data have a condition '{key}', the domain has {known}",
        )
    check_backbone(whole.network.assembled({"domain": domain}), domain, observed=observed)


def _check_round_trip(name: str, config: RunConfig) -> None:
    again = parse_config(yaml.safe_load(dump_config(config)))
    require(again == config, f"preset '{name}': writing and reading it again changes it")


def _check_entry(entry: Entry) -> None:
    what = f"{entry.group} '{entry.name}'"
    require(bool(entry.summary), f"{what}: it has no summary")
    own = entry.name == entry.plugin or entry.name.startswith(f"{entry.plugin}/")
    free = entry.group == "command" or entry.plugin == "sicore"
    require(own or free, f"{what}: names of plugin '{entry.plugin}' begin with '{entry.plugin}/'")
    registry = loaded().registry
    form = GROUPS[entry.group].form
    if form == "resource":
        registry.resource(entry.group, entry.name)
        return
    registry.resolve(entry.group, entry.name)
    if form == "class":
        parameters_model(entry.group, entry.name)


def _ready(entry: Entry) -> bool:
    fields = parameters_model(entry.group, entry.name).model_fields.values()
    return not any(field.is_required() for field in fields)


def _path(entry: Entry) -> Interpolant:
    """A registered path with its defaults, made from some data where it needs them."""
    target = loaded().registry.resolve(entry.group, entry.name)
    numbers = not getattr(target, "categorical", False)  # the cloud has no kinds
    completed = getattr(target, "completed", None) if numbers else None
    cloud = Noise.of(0, 100).named("data").normal((2,))
    parameters = completed({}, lambda n: cloud[:n]) if completed else {}
    path: Interpolant = Component.parse(entry.group, {"name": entry.name, **parameters}).build()
    return path
