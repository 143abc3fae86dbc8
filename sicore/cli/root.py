"""The ``sicore`` command: finds subcommands in the registry, turns errors into one line."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

import click

from sicore import __version__
from sicore.errors import SicoreError, did_you_mean
from sicore.plugins import get_registry, plugin_status

OF_APPS = ("restore", "enhance", "generate", "regressor", "demo")
ELSEWHERE = dict.fromkeys(OF_APPS, "apps")  # commands that a plugin of ours brings


class Commands(click.Group):
    """Subcommands from the registry: listed without importing, imported to run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The registered names."""
        return get_registry().names("command")

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import one command."""
        registry = get_registry()
        if name not in registry.names("command"):
            return None
        command: click.Command = registry.resolve("command", name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by their registered summaries."""
        with formatter.section("Commands"):
            formatter.write_dl([(e.name, e.summary) for e in get_registry().entries("command")])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is asked for, or say which one was meant."""
        names = self.list_commands(ctx)
        if args[0] not in names and not args[0].startswith("-"):
            raise click.UsageError(_unknown(args[0], names))
        return super().resolve_command(ctx, args)


def _unknown(name: str, names: Sequence[str]) -> str:
    if plugin := ELSEWHERE.get(name):
        for status in plugin_status():
            if status.name == plugin and status.status != "ok":
                why = f"{status.status} ({status.reason})"
                return f"the plugin '{plugin}', which brings the command '{name}', is {why}"
        return f"the command '{name}' comes with the distribution sicore-{plugin}: install it"
    return f"unknown command '{name}'" + (
        did_you_mean(name, names) or f"; known: {', '.join(names)}"
    )


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    invoke_without_command=True,
    epilog="\b\nExample:\n  sicore models\n  sicore sample images/fashion-mnist -n 16 -o samples",
)
@click.option("--debug", is_flag=True, help="Show a traceback with every error.")
@click.version_option(__version__, prog_name="sicore")
@click.pass_context
def root(ctx: click.Context, debug: bool) -> None:
    """Generative models on stochastic interpolants: train, sample, restore."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def run(arguments: Sequence[str]) -> int:
    """Run one command line.

    Args:
        arguments: without the program's name.

    Returns:
        The exit status: 0, 1 for a `SicoreError`, 2 for wrong usage, 130 when interrupted.
    """
    debug = False
    try:
        with root.make_context("sicore", list(arguments)) as context:
            debug = context.params["debug"]
            root.invoke(context)
            sys.stdout.flush()
        return 0
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except (KeyboardInterrupt, click.Abort):
        _say("interrupted")
        return 130
    except BrokenPipeError:  # `sicore … | head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except click.ClickException as error:
        usage = isinstance(error, click.UsageError)
        command = (
            error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else ""
        )
        message = _one_line(error.format_message())
        return _fail(
            message + (f" (see `{command or 'sicore'} --help`)" if usage else ""), debug, 2
        )
    except SicoreError as error:
        return _fail(_one_line(str(error)), debug, 1)
    except Exception as error:
        what = _one_line(f"{type(error).__name__}: {error}")
        return _fail(f"unexpected {what} (where: `sicore --debug …`)", debug, 1)


def _fail(message: str, debug: bool, status: int) -> int:
    if debug:
        traceback.print_exc()
    _say(f"error: {message}")
    return status


def _say(message: str) -> None:
    click.echo(message, err=True)


def _one_line(message: str) -> str:
    return " ".join(message.split())


def main() -> None:
    """The console script."""
    sys.exit(run(sys.argv[1:]))
