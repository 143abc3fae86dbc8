"""Ego-small: neighbourhoods of papers in a graph of citations.

Sources: Sen et al., "Collective classification in network data", 2008 (Citeseer); the file is that
of Yang et al., "Revisiting semi-supervised learning with graph embeddings", 2016 (Planetoid).
"""

from __future__ import annotations

import pickletools
from pathlib import Path
from typing import Any

import networkx as nx

from sicore.downloads import Archive, digest_of, obtain
from sicore.errors import InputError
from sicore_molecules.data.places import cache_folder
from sicore_molecules.data.splitting import Pair, SplitGraphs, plain

GRAPH = Archive(
    "https://raw.githubusercontent.com/kimiyoung/planetoid/af6abf468a772cc055bec88c52e4d6f51b7c37e3/"
    "data/ind.citeseer.graph",
    "a01dca663d0103c130f525017a4a9c313037e286",
    "git",
)
COUNT = 200
SIZES = range(4, 19)


class EgoSmall(SplitGraphs):
    """200 graphs of a paper and those that it cites or that cite it, 4 to 17 nodes.

    Args:
        split: ``train`` (160), ``test`` (40) or ``all``.
        folder: where ``ind.citeseer.graph`` is; by default the cache.

    Raises:
        InputError: for an unknown split, or when the file is missing or another one.
    """

    title = "Ego-small: 200 neighbourhoods of the citation graph Citeseer, 4 to 17 nodes"
    licence = "MIT, © 2016 Zhilin Yang (Planetoid)"
    source = "https://github.com/kimiyoung/planetoid"

    def __init__(self, split: str = "train", folder: str | None = None) -> None:
        place = Path(folder).expanduser() if folder else cache_folder()
        super().__init__(neighbourhoods(read_citations(place / GRAPH.file)), split, self.title)

    @classmethod
    def available(cls) -> bool:
        """Whether the file is in the cache."""
        return (cache_folder() / GRAPH.file).is_file()

    @classmethod
    def fetch(cls, folder: Path | None = None, source: str = "url") -> Path:
        """Fetch and verify the file (60 kB); ``source`` may be a folder that has it.

        Raises:
            InputError: when it cannot be had or is not the published one.
        """
        return obtain(GRAPH, source, folder or cache_folder())


def neighbourhoods(citations: dict[int, list[int]]) -> list[Pair]:
    """The graphs around the first nodes of the largest component that have a fitting one."""
    graph = nx.Graph(nx.from_dict_of_lists(citations))
    graph.remove_edges_from(list(nx.selfloop_edges(graph)))
    largest = max(nx.connected_components(graph), key=len)
    found = []
    for node in sorted(largest):
        around = nx.ego_graph(graph, node, radius=1)
        if len(around) in SIZES:
            found.append(plain(nx.to_numpy_array(around)))
    return found[:COUNT]


def read_citations(path: Path) -> dict[int, list[int]]:
    """Each node's neighbours, of the published file.

    The file is a pickle. It is not loaded: its instructions are read as data, and all that would
    call anything is passed over.

    Raises:
        InputError: when the file is missing, or is another one.
    """
    if not path.is_file() or digest_of(path, GRAPH.algorithm) != GRAPH.digest:
        raise InputError(
            f"{path}: is missing or not the published file; get it with 'sicore data fetch "
            "graphs/ego-small'"
        )
    return lists_of_numbers(path.read_bytes())


def lists_of_numbers(content: bytes) -> dict[int, list[int]]:
    """The dictionary of lists of whole numbers that a pickle of one would make."""
    stack: list[Any] = []
    marks: list[int] = []
    found: dict[int, list[int]] = {}
    for instruction, argument, _ in pickletools.genops(content):
        match instruction.name:
            case "BININT" | "BININT1" | "BININT2":
                stack.append(argument)
            case "EMPTY_LIST":
                stack.append([])
            case "MARK":
                marks.append(len(stack))
            case "APPEND":
                number = stack.pop()
                stack[-1].append(number)
            case "APPENDS":
                start = marks.pop()
                numbers, stack = stack[start:], stack[:start]
                stack[-1].extend(numbers)
            case "SETITEMS":
                start = marks.pop()
                items, stack = stack[start:], stack[:start]
                found.update(zip(items[::2], items[1::2], strict=True))
    return found
