import subprocess
import sys

import pytest

from sicore.plugins import GROUPS, builtin, get_registry, hookspecs

ENTRIES = [
    (entry.group, entry.name)
    for group in GROUPS
    for entry in get_registry().entries(group)
    if entry.plugin == "sicore"
]


@pytest.mark.parametrize(("group", "name"), ENTRIES)
def test_every_built_in_part_loads_and_has_a_summary(group, name):
    assert get_registry().resolve(group, name) is not None
    assert get_registry().entry(group, name).summary


def test_built_ins_use_the_public_hook():
    assert builtin.sicore_register.sicore_impl


@pytest.mark.parametrize("hook", [h for h in vars(hookspecs) if h.startswith("sicore_")])
def test_every_hook_is_documented(hook):
    assert len(getattr(hookspecs, hook).__doc__) > 80


@pytest.mark.parametrize(
    "module", ["sicore", "sicore.plugins", "sicore.config", "sicore.cli", "sicore.errors"]
)
def test_import_without_torch(module):
    code = f"import sys, {module}; from sicore.plugins import get_registry; get_registry();"
    code += "sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
