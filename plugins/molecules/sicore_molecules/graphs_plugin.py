"""What this plugin offers for graphs that are no molecules; no chemistry is needed for them."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from sicore.plugins import hookimpl

if TYPE_CHECKING:
    from sicore.plugins import Registrar

SICORE_API = 1

DATASETS = (
    ("community-small", "generated:CommunitySmall", "100 graphs of two communities, 12–20 nodes"),
    ("grid", "generated:Grid", "100 grids, 10×10 to 19×19 nodes"),
    ("ego-small", "ego:EgoSmall", "200 neighbourhoods of the citation graph Citeseer, 4–17 nodes"),
    ("enzymes", "enzymes:Enzymes", "587 tertiary structures of enzymes, 10–125 nodes"),
    ("file", "graph_file:GraphFile", "Your own graphs: data.file=PATH, GraphML or edge lists"),
    ("pyg", "pyg:PyGDataset", "Any data set of PyTorch Geometric: data.dataset=TUDataset"),
)


PRESETS = (
    ("community-small", "community-small", "Graphs of two communities, an example"),
    ("file", "graph-file", "Your own graphs: data.file=PATH"),
)


@hookimpl
def sicore_register(registry: Registrar) -> None:
    """Register the domain, its networks and its data sets."""
    registry.add("domain", "graphs", "sicore_molecules.domain:Graphs", "Graphs of any kind")
    registry.add(
        "backbone",
        "graphs/transformer",
        "sicore_molecules.networks.transformer:GraphTransformer",
        "A dense graph transformer",
    )
    registry.add(
        "backbone",
        "graphs/gdss",
        "sicore_molecules.networks.gdss:GDSS",
        "GDSS's pair of score networks: graph convolutions, graph multi-head attention",
    )
    registry.add(
        "model",
        "graphs/community-small",
        "sicore_molecules:models/community-small",
        "Graphs of two communities, to try commands with; 0.2 M parameters",
    )
    for name, file, summary in PRESETS:
        target = f"sicore_molecules:presets/{file}.yaml"
        registry.add("preset", f"graphs/{name}", target, summary)
    for name, target, summary in DATASETS:
        registry.add("dataset", f"graphs/{name}", f"sicore_molecules.data.{target}", summary)


@hookimpl
def sicore_doctor() -> list[tuple[str, bool, str]]:
    """Whether graphs of PyTorch Geometric can be read."""
    return [
        (
            "PyTorch Geometric",
            importlib.util.find_spec("torch_geometric") is not None,
            "optional, for its data sets: pip install 'sicore-molecules[pyg]'",
        )
    ]
