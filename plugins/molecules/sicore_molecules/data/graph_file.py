"""The user's own graphs: one file, or a folder of them."""

from __future__ import annotations

import gzip
import hashlib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import networkx as nx
import torch

from sicore.errors import InputError
from sicore_molecules.data.graph_data import GraphData, choose_split
from sicore_molecules.data.splitting import Pair, plain
from sicore_molecules.data.store import GraphStore
from sicore_molecules.data.tudataset import read_tudataset

SPLITS = ("train", "validation", "test")
BOUNDS = (80, 90, 100)
"""Where each split ends, in hundredths of the hash of a graph's name."""
SHOWN = 5

READERS: dict[str, Callable[[bytes], list[nx.Graph]]] = {
    ".graphml": lambda content: [nx.parse_graphml(content.decode("utf-8"))],
    ".gml": lambda content: [nx.parse_gml(content.decode("utf-8"), label=None)],
    ".edgelist": lambda content: [_edge_list(content)],
    ".edges": lambda content: [_edge_list(content)],
    ".txt": lambda content: [_edge_list(content)],
    ".g6": lambda content: [nx.from_graph6_bytes(line) for line in content.split()],
    ".s6": lambda content: [nx.from_sparse6_bytes(line) for line in content.split()],
}
"""By the ending of the file. Edge lists have two names of nodes on each line, then what may be."""


class GraphFile(GraphData):
    """Graphs of a file, or of all files in a folder; only nodes and edges are used.

    ``.graphml``, ``.gml`` and edge lists (``.edgelist``, ``.edges``, ``.txt``) hold one graph,
    ``.g6`` and ``.s6`` one on each line; each may end in ``.gz``. A folder with files
    ``NAME_A.txt`` and ``NAME_graph_indicator.txt`` is read as a TUDataset. Directions, weights and
    loops are left out. What cannot be used is told in a warning; the rest is used.

    Args:
        file: the file or folder.
        split: ``train`` (about 80 %), ``validation`` or ``test`` (about 10 % each), or ``all``;
            which one a graph belongs to is decided by its name alone.
        size: the most nodes that are allowed; by default those of the largest graph.

    Raises:
        InputError: when nothing is named, nothing can be used, or the split is empty.
    """

    title = "Your own graphs"
    licence = "yours"
    source = "data.file=PATH"

    def __init__(self, file: str = "", split: str = "train", size: int | None = None) -> None:
        if not file:
            raise InputError("the data set graphs/file needs your graphs: data.file=PATH")
        number = choose_split(split, (*SPLITS, "all"), "a file")
        path = Path(file).expanduser()
        self.problems: list[str] = []
        """What was left out, and why."""
        named = [
            (name, graph)
            for name, graph in self._graphs(path)
            if not size or len(graph[0]) <= size or self._leave_out(name, len(graph[0]), size)
        ]
        told = "; ".join(self.problems[:SHOWN])
        if not named:
            raise InputError(f"{path}: holds no graph that can be used: {told or 'it is empty'}")
        if self.problems:
            warnings.warn(
                f"{path}: {len(named)} graphs are used, {len(self.problems)} left out: {told}"
                + (" …" if len(self.problems) > SHOWN else ""),
                stacklevel=2,
            )
        rows = [i for i, (name, _) in enumerate(named) if number in (_split_of(name), len(SPLITS))]
        if not rows:
            raise InputError(
                f"{path}: no graph in the split '{split}', {len(named)} in all; 'all' has them"
            )
        whole = GraphStore.of(graph for _, graph in named)
        super().__init__(whole.subset(torch.tensor(rows)), size or whole.largest)
        self.names = tuple(named[row][0] for row in rows)

    @classmethod
    def available(cls) -> bool:
        """Not before the user names a file."""
        return False

    def _leave_out(self, name: str, n: int, size: int) -> bool:
        self.problems.append(f"{name}: {n} nodes, at most {size} are allowed")
        return False

    def _graphs(self, path: Path) -> Iterator[tuple[str, Pair]]:
        """Names and graphs."""
        for edges in sorted(path.glob("*_A.txt")) if path.is_dir() else ():
            name = edges.name.removesuffix("_A.txt")
            if (path / f"{name}_graph_indicator.txt").is_file():
                graphs, _ = read_tudataset(path, name)
                yield from ((f"{name} {i + 1}", graph) for i, graph in enumerate(graphs))
                return
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for file in files:
            if path.is_dir() and _ending(file) not in READERS:
                continue
            try:
                found = read_graphs(file)
            except InputError as error:
                self.problems.append(str(error))
                continue
            name = str(file.relative_to(path)) if path.is_dir() else file.name
            for number, graph in enumerate(found, 1):
                label = f"{name} {number}" if len(found) > 1 else name
                if len(graph) == 0:
                    self.problems.append(f"{label}: has no node")
                    continue
                yield label, plain(nx.to_numpy_array(nx.Graph(graph), weight=None))


def read_graphs(path: Path) -> list[nx.Graph]:
    """The graphs of one file.

    Raises:
        InputError: when it cannot be read, or is of another kind.
    """
    reader = READERS.get(_ending(path))
    if reader is None:
        raise InputError(f"{path}: expected a file of graphs: {', '.join(READERS)}, or with .gz")
    try:
        content = path.read_bytes()
        return reader(gzip.decompress(content) if path.suffix == ".gz" else content)
    except Exception as error:  # networkx's readers raise whatever they stumble over
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: cannot be read as a graph ({reason})") from None


def _edge_list(content: bytes) -> nx.Graph:
    graph = nx.Graph()
    for number, line in enumerate(content.decode("utf-8-sig").splitlines(), 1):
        words = line.split("#")[0].replace(",", " ").split()
        if len(words) == 1:
            raise ValueError(f"line {number}: expected two nodes, got '{line.strip()}'")
        if words:
            graph.add_edge(*words[:2])
    return graph


def _ending(path: Path) -> str:
    return Path(path.name.removesuffix(".gz")).suffix.lower()


def _split_of(name: str) -> int:
    hundredth = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % 100
    return next(number for number, end in enumerate(BOUNDS) if hundredth < end)
