import signal
import subprocess
import sys
import time

import click
import pytest

from sicore.cli import root, run
from sicore.errors import InputError
from sicore.plugins import get_registry
from sicore.testing import install_plugin

LOUD = """
import click
from sicore.plugins import hookimpl

@hookimpl
def sicore_register(registry):
    registry.add("command", "loud", "fake_loud:command", "A command of a plugin.")

@click.command()
@click.argument("what")
def command(what):
    if what == "user":
        from sicore.errors import InputError
        raise InputError("wrong\\n   shape")
    if what == "click":
        raise click.BadParameter("no good")
    if what == "sleep":
        import time
        print("ready", flush=True)
        time.sleep(60)
    raise ValueError("a bug")
"""


def test_help_lists_commands_without_importing_torch_or_any_command():
    code = (
        "import sys; from sicore.cli import run; run(['--help']);"
        "heavy = {'torch', 'pydantic', 'omegaconf', 'rich', 'sicore.cli.train'} & set(sys.modules);"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.returncode == 0
    for entry in get_registry().entries("command"):
        assert entry.name in done.stdout
        assert entry.summary[:30] in done.stdout


def test_no_command_shows_help(capsys):
    assert run([]) == 0
    assert "Commands:" in capsys.readouterr().out


def commands(command, path=()):
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from commands(command.get_command(context, name), (*path, name))


BUILT_IN = [
    (path, command)
    for path, command in commands(root)
    if not path or get_registry().entry("command", path[0]).plugin == "sicore"
]


@pytest.mark.parametrize(
    ("path", "command"), BUILT_IN, ids=[" ".join(path) or "root" for path, _ in BUILT_IN]
)
def test_every_command_has_help_with_an_example(path, command, capsys):
    assert run([*path, "--help"]) == 0
    out = capsys.readouterr().out
    assert "Example:" in out
    assert f"sicore {' '.join(path)}".strip() in out.split("Example:")[1]
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["smaple"], "unknown command 'smaple': did you mean 'sample'?"),
        (["xyzzy"], "unknown command 'xyzzy'; known: "),
        (["--nothing"], "--nothing"),
        (["train"], "PRESET"),
        (["train", "x", "-o", "y", "--resume", "--overwrite"], "exclude each other"),
        (["sample", "x", "-n", "0", "-o", "y"], "0"),
        (["data", "fetsch"], "fetsch"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(arguments, says, capsys):
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("error: ")
    assert says in captured.err
    assert "--help" in captured.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["train", "no-such-preset", "-o", "y"], "unknown preset 'no-such-preset'"),
        (["config", "check", "absent.yaml"], "no such file: 'absent.yaml'"),
        (["plugins", "sicor"], "unknown plugin 'sicor': did you mean 'sicore'?"),
        (["data", "fetch", "nothing/here"], "unknown dataset 'nothing/here'"),
        (["new-plugin", "Bad Name"], "'Bad Name' cannot name a plugin"),
        (["new-plugin", "sicore"], "already installed"),
    ],
)
def test_bad_input_is_one_line_and_status_1(arguments, says, capsys):
    assert run(arguments) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("error: ")
    assert says in captured.err


def test_commands_of_plugins_and_their_errors(sicore, tmp_path):
    install_plugin(tmp_path, "loud", LOUD)
    status, out, _ = sicore("--help")
    assert status == 0
    assert "A command of a plugin." in out
    assert sicore("loud", "user") == (1, "", "error: wrong shape\n")
    status, _, err = sicore("loud", "click")
    assert (status, err) == (2, "error: Invalid value: no good (see `sicore loud --help`)\n")
    status, _, err = sicore("loud", "bug")
    assert status == 1
    assert err == "error: unexpected ValueError: a bug (where: `sicore --debug …`)\n"
    for what in ("user", "bug"):
        status, _, err = sicore("--debug", "loud", what)
        assert status == 1
        assert "Traceback" in err
        assert err.splitlines()[-1].startswith("error: ")


def test_a_broken_plugin_leaves_everything_else_working(sicore, tmp_path):
    install_plugin(tmp_path, "bad", "import sys; sys.exit(0)")
    install_plugin(tmp_path, "worse", "import no_such_module")
    install_plugin(tmp_path, "loud", LOUD)
    assert sicore("loud", "user")[2] == "error: wrong shape\n"
    status, out, _ = sicore("plugins")
    assert status == 0
    rows = {line.split()[0]: line for line in out.splitlines()}
    assert "broken" in rows["bad"]
    assert "SystemExit" in rows["bad"]
    assert "broken" in rows["worse"]
    assert "no_such_module" in rows["worse"]
    assert " ok " in rows["loud"]
    status, out, _ = sicore("doctor")
    assert status == 1
    assert "FAIL  plugin bad" in out


def test_a_command_whose_module_fails_names_its_plugin(sicore, tmp_path):
    install_plugin(tmp_path, "loud", LOUD.replace("fake_loud:command", "fake_loud:nothing"))
    assert sicore("--help")[0] == 0
    status, _, err = sicore("loud", "x")
    assert status == 1
    assert "command 'loud' of plugin 'loud' cannot be loaded" in err
    assert err.count("\n") == 1


def test_restore_without_the_apps_says_where_it_is(sicore):
    status, _, err = sicore("restore", "x", SICORE_ONLY="nothing")
    assert status == 2
    assert "apps" in err
    assert err.count("\n") == 1


def test_interrupt_says_so_and_exits_130(tmp_path):
    install_plugin(tmp_path, "loud", LOUD)
    # In the background a shell's children ignore Ctrl-C, and theirs would, too.
    listening = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"{listening}; from sicore.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "loud", "sleep"],
        env={"PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert err == "interrupted\n"


def test_plugins_lists_what_one_brings(capsys):
    assert run(["plugins", "sicore"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split()[:2] == ["solver", "heun"] for line in lines)


def test_input_error_is_a_value_error():
    assert issubclass(InputError, ValueError)
