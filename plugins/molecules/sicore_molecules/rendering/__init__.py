"""What people look at: pictures of molecules and graphs, tables, files, and a page."""

from sicore_molecules.rendering.files import (
    Row,
    describe,
    write_picture,
    write_sdf,
    write_smiles,
    write_table,
)
from sicore_molecules.rendering.graphs import graphs_png, graphs_svg, layout
from sicore_molecules.rendering.histograms import histogram_png
from sicore_molecules.rendering.molecules import molecules_png, molecules_svg
from sicore_molecules.rendering.page import molecules_page

__all__ = [
    "Row",
    "describe",
    "graphs_png",
    "graphs_svg",
    "histogram_png",
    "layout",
    "molecules_page",
    "molecules_png",
    "molecules_svg",
    "write_picture",
    "write_sdf",
    "write_smiles",
    "write_table",
]
