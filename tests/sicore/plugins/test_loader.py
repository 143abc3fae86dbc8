import sys
from importlib import metadata

import pytest

from sicore.errors import PluginError
from sicore.plugins import load_plugins
from sicore.testing import install_plugin

GOOD = """
from sicore.plugins import hookimpl

@hookimpl
def sicore_register(registry):
    registry.add("solver", "{name}/one", "pathlib:Path", "a solver")
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Install sources as plugins in a folder of their own, and load them."""
    monkeypatch.syspath_prepend(str(tmp_path))
    modules = []

    def loading(environment=None, **sources):
        for name, source in sources.items():
            modules.append(install_plugin(tmp_path, name, source))
        points = [
            point
            for distribution in metadata.distributions(path=[str(tmp_path)])
            for point in distribution.entry_points
        ]
        return load_plugins(points, environment or {})

    yield loading
    for module in modules:
        sys.modules.pop(module, None)


def status(loaded, name):
    return {s.name: s for s in loaded.statuses}[name]


def test_good_plugin(load):
    loaded = load(good=GOOD.format(name="good"))
    assert status(loaded, "good").status == "ok"
    assert status(loaded, "good").distribution == "fake-good"
    assert status(loaded, "good").version == "1.0"
    assert loaded.registry.entry("solver", "good/one").plugin == "good"
    assert status(loaded, "sicore").status == "ok"


BROKEN = {
    "import error": ("import no_such_module_at_all", "no_such_module_at_all"),
    "exception": ("1 / 0", "ZeroDivisionError"),
    "syntax": ("def (", "SyntaxError"),
    "exit": ("import sys; sys.exit(0)", "SystemExit"),
    "exit in the hook": (
        GOOD.format(name="x") + "    raise SystemExit(3)\n",
        "SystemExit: 3",
    ),
    "exception in the hook": (GOOD.format(name="x") + "    1 / 0\n", "ZeroDivisionError"),
    "unknown hook": (
        GOOD.format(name="x") + "\n@hookimpl\ndef sicore_docter():\n    return []\n",
        "unknown hook 'sicore_docter': did you mean 'sicore_doctor'",
    ),
    "wrong hook argument": (
        "from sicore.plugins import hookimpl\n@hookimpl\ndef sicore_register(regstry): pass\n",
        "regstry",
    ),
    "unknown group": (
        GOOD.format(name="x") + "    registry.add('solvr', 'b', 'm:A')\n",
        "did you mean 'solver'",
    ),
    "bad name": (GOOD.format(name="x") + "    registry.add('solver', 'B', 'm:A')\n", "lower case"),
    "api of no kind": ("SICORE_API = 'one'", "must be an integer"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_plugin_is_left_out_completely(load, case):
    source, reason = BROKEN[case]
    loaded = load(bad=source, good=GOOD.format(name="good"))
    assert status(loaded, "bad").status == "broken"
    assert reason in status(loaded, "bad").reason
    assert [e for e in loaded.registry.entries("solver") if e.plugin == "bad"] == []
    assert "bad" not in loaded.modules
    assert loaded.registry.entry("solver", "good/one").plugin == "good"


def test_keyboard_interrupt_is_not_swallowed(load):
    with pytest.raises(KeyboardInterrupt):
        load(bad="raise KeyboardInterrupt")


def test_name_clash_names_both_and_keeps_the_first(load):
    clash = GOOD.format(name="b") + "    registry.add('grid', 'a/free', 'm:A')\n"
    loaded = load(a=GOOD.format(name="b"), b=clash)
    assert status(loaded, "a").status == "ok"
    assert status(loaded, "b").status == "duplicate"
    assert "'a'" in status(loaded, "b").reason
    assert "'b'" in status(loaded, "b").reason
    assert "a/free" not in loaded.registry.names("grid")


def test_built_in_names_cannot_be_taken(load):
    source = GOOD.format(name="x").replace("x/one", "heun")
    loaded = load(taker=source)
    assert status(loaded, "taker").status == "duplicate"
    assert loaded.registry.entry("solver", "heun").plugin == "sicore"


def test_two_distributions_of_one_plugin_name(load, tmp_path):
    install_plugin(tmp_path, "same", GOOD.format(name="one"), distribution="first-dist")
    install_plugin(tmp_path, "same", GOOD.format(name="two"), distribution="second-dist")
    loaded = load()
    assert [s.status for s in loaded.statuses if s.name == "same"] == ["ok", "duplicate"]
    reason = loaded.statuses[-1].reason
    assert "first-dist" in reason
    assert "second-dist" in reason
    sys.modules.pop("first_dist", None)


def test_plugin_for_a_newer_api(load):
    loaded = load(new="SICORE_API = 99\n" + GOOD.format(name="new"))
    assert status(loaded, "new").status == "too new"
    assert "99" in status(loaded, "new").reason
    assert "new/one" not in loaded.registry.names("solver")


def test_disable_and_only(load):
    sources = {name: GOOD.format(name=name) for name in "abc"}
    loaded = load(environment={"SICORE_DISABLE": "a, b"}, **sources)
    assert [status(loaded, n).status for n in "abc"] == ["disabled", "disabled", "ok"]
    loaded = load(environment={"SICORE_ONLY": "b"})
    assert [status(loaded, n).status for n in "abc"] == ["disabled", "ok", "disabled"]
    assert status(loaded, "sicore").status == "ok"


def test_a_disabled_plugin_is_not_imported(load):
    loaded = load(environment={"SICORE_DISABLE": "bad"}, bad="1 / 0")
    assert status(loaded, "bad").status == "disabled"
    assert "fake_bad" not in sys.modules


def test_run_time_hooks_fail_loudly_and_name_the_plugin(load):
    source = GOOD.format(name="x") + "\n@hookimpl\ndef sicore_doctor():\n    raise ValueError('no')"
    loaded = load(loud=source)
    assert status(loaded, "loud").status == "ok"
    with pytest.raises(PluginError, match=r"sicore_doctor of plugin 'loud' failed: ValueError: no"):
        loaded.call("loud", "sicore_doctor")


def test_hooks_of_one_plugin_only(load):
    check = "\n@hookimpl\ndef sicore_doctor():\n    return [('{0}', True, '')]"
    loaded = load(**{n: GOOD.format(name=n) + check.format(n) for n in "ab"})
    assert loaded.call("b", "sicore_doctor") == [[("b", True, "")]]
    assert loaded.call("sicore", "sicore_doctor") == []
