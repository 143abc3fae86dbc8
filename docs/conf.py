"""Sphinx configuration: `make docs` builds offline, and a warning is an error."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version as distribution_version
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "sicore"
author = "The sicore authors"
project_copyright = "The sicore authors, Apache License 2.0"
version = release = distribution_version("sicore-platform")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "cli_reference",
    "feature_table",
    "frontier_figure",
    "speech_figure",
    "gallery",
    "gap_figure",
    "mathml",
    "measurements",
    "plugin_example",
    "registry_tables",
    "solver_table",
]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
maximum_signature_line_length = 80
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = f"sicore {release}"
html_static_path = ["_static"]
html_css_files = ["style.css"]
html_math_renderer = "mathml"
html_show_sphinx = False
pygments_style = "friendly"
pygments_dark_style = "native"
