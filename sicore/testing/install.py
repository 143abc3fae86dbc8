"""A throw-away installed plugin, for tests of what depends on installed plugins."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent


def install_plugin(
    folder: Path, name: str, source: str, *, distribution: str = "", version: str = "1.0"
) -> str:
    """Write a one-module distribution into a folder, with the metadata that pip would write.

    Whoever has the folder on ``sys.path`` (or in ``PYTHONPATH``) has the plugin.

    Args:
        folder: is made when it does not exist.
        name: of the plugin, that is of its entry point.
        source: Python source of its module.
        distribution: by default ``fake-<name>``.
        version: of the distribution.

    Returns:
        The name of the module.
    """
    distribution = distribution or f"fake-{name}"
    module = distribution.replace("-", "_")
    info = folder / f"{module}-{version}.dist-info"
    info.mkdir(parents=True)
    (folder / f"{module}.py").write_text(dedent(source), encoding="utf-8")
    metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
    (info / "METADATA").write_text(metadata, encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[sicore]\n{name} = {module}\n", encoding="utf-8")
    return module
