"""A command line as it was typed, for pages and manifests. Light to import: no torch."""

from __future__ import annotations

import shlex

import click


def command_line(ctx: click.Context) -> str:
    """The command line again; options at their defaults are left out."""
    words = ctx.command_path.split()
    for parameter in ctx.command.params:
        value, flag = ctx.params[parameter.name or ""], parameter.opts[0]
        if isinstance(parameter, click.Argument):
            words.append(str(value))
        elif value is True:
            words.append(flag)
        elif isinstance(value, tuple):
            words += [word for each in value for word in (flag, str(each))]
        elif value not in (None, False) and value != parameter.default:
            words += [flag, str(value)]
    return shlex.join(words)
