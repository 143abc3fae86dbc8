import sys
from pathlib import Path

import pytest

from sicore.errors import PluginError, UnknownName
from sicore.plugins import GROUPS, Registrar, Registry


def registry_of(*entries, plugin="p"):
    registrar, registry = Registrar(plugin), Registry()
    for group, name, target in entries:
        registrar.add(group, name, target)
    registry.commit(registrar)
    return registry


@pytest.mark.parametrize("name", ["Heun", "", "a b", "/a", "a/", "a//b", "../x"])
def test_bad_names_are_refused(name):
    with pytest.raises(PluginError, match="valid solver name"):
        Registrar("p").add("solver", name, "m:A")


@pytest.mark.parametrize(
    ("group", "target"), [("solver", "m"), ("solver", "m:"), ("preset", "m"), ("solver", "m/a:B")]
)
def test_bad_targets_are_refused(group, target):
    with pytest.raises(PluginError, match="is not '"):
        Registrar("p").add(group, "x", target)


def test_unknown_group_names_the_nearest():
    with pytest.raises(UnknownName, match="did you mean 'backbone'"):
        Registrar("p").add("backbon", "x", "m:A")


def test_adding_twice_is_refused():
    with pytest.raises(PluginError, match="added twice"):
        registry_of(("solver", "a", "m:A"), ("solver", "a", "m:B"))


def test_same_name_in_two_groups_is_fine():
    registry = registry_of(("solver", "a", "m:A"), ("grid", "a", "m:B"))
    assert registry.names("solver") == registry.names("grid") == ["a"]


def test_resolving_is_lazy_and_follows_attributes():
    registry = registry_of(("solver", "a", "no_such_module:A"), ("solver", "b", "pathlib:Path.cwd"))
    assert registry.resolve("solver", "b") == Path.cwd
    with pytest.raises(PluginError, match=r"solver 'a' of plugin 'p'.*no_such_module"):
        registry.resolve("solver", "a")


def test_missing_attribute_names_plugin_and_target():
    registry = registry_of(("solver", "a", "pathlib:Nothing"))
    with pytest.raises(PluginError, match=r"plugin 'p'.*'pathlib:Nothing'"):
        registry.resolve("solver", "a")


def test_unknown_name_says_the_nearest():
    registry = registry_of(("time_law", "uniform", "m:A"))
    with pytest.raises(UnknownName, match="unknown time law 'unifrm': did you mean 'uniform'"):
        registry.resolve("time_law", "unifrm")


def test_commit_takes_all_or_nothing():
    registry = registry_of(("solver", "taken", "m:A"), plugin="first")
    late = Registrar("second")
    late.add("grid", "free", "m:B")
    late.add("solver", "taken", "m:C")
    with pytest.raises(PluginError, match=r"'second' is already provided by plugin 'first'"):
        registry.commit(late)
    assert registry.names("grid") == []


def test_resource_is_found_without_importing(tmp_path, monkeypatch):
    package = tmp_path / "resourceful"
    (package / "presets").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "presets" / "a.yaml").write_text("{}")
    monkeypatch.syspath_prepend(str(tmp_path))
    registry = registry_of(
        ("preset", "a", "resourceful:presets/a.yaml"),
        ("preset", "b", "resourceful:presets/b.yaml"),
        ("preset", "c", "no_such_package:c.yaml"),
    )
    assert registry.resource("preset", "a") == package / "presets" / "a.yaml"
    assert "resourceful" not in sys.modules
    for name in "bc":
        with pytest.raises(PluginError, match=f"preset '{name}' of plugin 'p' is missing"):
            registry.resource("preset", name)


def test_every_group_has_a_meaning():
    assert all(group.meaning for group in GROUPS.values())
