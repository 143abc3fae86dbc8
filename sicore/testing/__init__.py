"""Conformance checks that any plugin's tests can call; they raise ``AssertionError``.

``check_plugin("my-plugin")`` runs all that can be found out from what the plugin registers; the
finer functions check one object each.
"""

from sicore.testing.data import check_dataset, check_domain
from sicore.testing.install import install_plugin
from sicore.testing.network import check_backbone
from sicore.testing.numerics import check_operator, check_solver
from sicore.testing.paths import check_interpolant
from sicore.testing.plugin import check_lazy_import, check_plugin, check_preset

__all__ = [
    "check_backbone",
    "check_dataset",
    "check_domain",
    "check_interpolant",
    "check_lazy_import",
    "check_operator",
    "check_plugin",
    "check_preset",
    "check_solver",
    "install_plugin",
]
