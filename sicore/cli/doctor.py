"""``sicore doctor``."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from importlib import metadata

import click

from sicore.cli.options import example
from sicore.errors import PluginError
from sicore.plugins import GROUPS, Loaded, loaded, names_in

Check = tuple[str, bool, str]


@click.command(epilog=example("sicore doctor"))
@click.pass_context
def command(ctx: click.Context) -> None:
    """Check this installation: versions, devices, plugins, and that every part loads.

    Exits with status 1 when something is broken.
    """
    state = loaded()
    broken = 0
    for checks in (_machine(), _torch(), _plugins(state), _parts(state), _own(state)):
        for what, fine, advice in checks:
            broken += not fine
            click.echo(f"{'ok  ' if fine else 'FAIL'}  {what}" + (f": {advice}" if advice else ""))
    click.echo("everything works" if not broken else f"{broken} broken")
    ctx.exit(1 if broken else 0)


def _machine() -> Iterator[Check]:
    version = platform.python_version()
    yield f"python {version}", sys.version_info >= (3, 11), ""
    for name in ("numpy", "safetensors", "accelerate", "pydantic", "omegaconf"):
        try:
            yield f"{name} {metadata.version(name)}", True, ""
        except metadata.PackageNotFoundError:
            yield name, False, f"not installed: pip install {name}"


def _torch() -> Iterator[Check]:
    try:
        import torch
    except (ImportError, OSError) as error:
        yield "torch", False, f"cannot be imported ({error}): install torch again"
        return
    yield f"torch {torch.__version__}", True, ""
    devices = ["cpu"]
    devices += [
        f"cuda:{i} ({torch.cuda.get_device_name(i)})" for i in range(torch.cuda.device_count())
    ]
    devices += ["mps"] if torch.backends.mps.is_available() else []
    yield f"devices: {', '.join(devices)}", True, ""
    yield f"threads: {torch.get_num_threads()} of {os.cpu_count()} processors", True, ""


def _plugins(state: Loaded) -> Iterator[Check]:
    for status in state.statuses:
        what = f"plugin {status.name}"
        fine = status.status in ("ok", "disabled")
        yield what, fine, "" if status.status == "ok" else f"{status.status}: {status.reason}"
    known = [status.name for status in state.statuses]
    for variable in ("SICORE_DISABLE", "SICORE_ONLY"):
        for name in names_in(variable, os.environ):
            if name not in known:
                yield variable, False, f"no plugin is called '{name}'; known: {', '.join(known)}"


def _parts(state: Loaded) -> Iterator[Check]:
    working = 0
    for group in GROUPS.values():
        find = state.registry.resource if group.form == "resource" else state.registry.resolve
        for entry in state.registry.entries(group.name):
            try:
                find(group.name, entry.name)
                working += 1
            except PluginError as error:
                yield f"{group.name} {entry.name}", False, str(error)
    yield f"{working} registered parts load", True, ""


def _own(state: Loaded) -> Iterator[Check]:
    for name in state.modules:
        try:
            for checks in state.call(name, "sicore_doctor"):
                for what, fine, advice in checks:
                    yield f"{name}: {what}", fine, advice
        except PluginError as error:
            yield name, False, str(error)
