"""Pictures of graphs that are no molecules: nodes are dots, placed by their distances."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from sicore.errors import InputError
from sicore_molecules.graphs import GraphBatch

PANEL, MARGIN, COLUMNS = 200, 22, 5  # pixels
NODE, EDGE = "#2f5fd0", "#9aa5b8"
_FINER = 4  # drawn larger, then made smaller: smooth lines
_ROUNDS = 60


def layout(edges: np.ndarray) -> np.ndarray:
    """Places ``(n, 2)`` whose distances are near the numbers of steps between nodes.

    The stress ``Σ (‖x_i − x_j‖ − d_ij)² / d_ij²`` is lowered by majorisation, from classical
    scaling: the same graph gets the same picture, and a grid looks like one. Parts that are not
    connected lie beside each other.

    Args:
        edges: symmetric, zero diagonal ``(n, n)``, not 0 where nodes are joined.

    Source: Gansner, Koren and North 2004.
    """
    n = len(edges)
    if n < 2:
        return np.zeros((n, 2))
    d = _steps(np.asarray(edges) > 0)
    centre = np.eye(n) - 1 / n
    values, vectors = np.linalg.eigh(-centre @ d**2 @ centre / 2)
    x = vectors[:, [-1, -2]] * np.sqrt(np.maximum(values[[-1, -2]], 0))
    # Nodes alike would stay together for ever: a little off, the same for every graph.
    x = x + 0.05 * np.random.default_rng(0).normal(size=(n, 2))
    weights = 1 / (d + np.eye(n)) ** 2 - np.eye(n)
    inverse = np.linalg.pinv(np.diag(weights.sum(1)) - weights)
    for _ in range(_ROUNDS):
        apart = np.linalg.norm(x[:, None] - x, axis=-1)
        pull = -weights * d / np.maximum(apart, 1e-9)
        x = inverse @ ((pull - np.diag(pull.sum(1))) @ x)
    return x


def graphs_png(graphs: GraphBatch, columns: int = COLUMNS, *, limit: int = 100) -> bytes:
    """A grid of graphs as the bytes of a PNG file; padding is not drawn.

    Args:
        graphs: to draw.
        columns: in a row.
        limit: how many are drawn at most, the first ones.

    Raises:
        InputError: when there is nothing to draw.
    """
    panels, size = _panels(graphs, columns, limit)
    sheet = Image.new("RGB", (size[0] * _FINER, size[1] * _FINER), "white")
    pen = ImageDraw.Draw(sheet)
    for places, ends, radius in panels:
        fine = places * _FINER
        for i, j in ends:
            line = [*fine[i].tolist(), *fine[j].tolist()]
            pen.line(line, fill=EDGE, width=round(1.3 * _FINER))
        for x, y in fine:
            r = radius * _FINER
            pen.ellipse([x - r, y - r, x + r, y + r], fill=NODE)
    buffer = io.BytesIO()
    sheet.resize(size, Image.Resampling.LANCZOS).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def graphs_svg(graphs: GraphBatch, columns: int = COLUMNS, *, limit: int = 100) -> str:
    """The same as an SVG file's text.

    Raises:
        InputError: when there is nothing to draw.
    """
    panels, (width, height) = _panels(graphs, columns, limit)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for places, ends, radius in panels:
        path = "".join(
            f"M{places[i, 0]:.1f} {places[i, 1]:.1f}L{places[j, 0]:.1f} {places[j, 1]:.1f}"
            for i, j in ends
        )
        lines.append(f'<g fill="{NODE}">')
        if path:
            lines.append(f'<path d="{path}" stroke="{EDGE}" stroke-width="1.3" fill="none"/>')
        lines += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}"/>' for x, y in places]
        lines.append("</g>")
    return "\n".join([*lines, "</svg>", ""])


Panel = tuple[np.ndarray, Sequence[tuple[int, int]], float]
"""Places of the nodes in the picture, which are joined, and the radius of a dot."""


def _panels(graphs: GraphBatch, columns: int, limit: int) -> tuple[list[Panel], tuple[int, int]]:
    graphs = graphs[:limit]
    if not len(graphs) or columns < 1:
        raise InputError(
            f"picture: expected graphs and a column for them, got {len(graphs)} and {columns}"
        )
    columns = min(columns, len(graphs))
    panels: list[Panel] = []
    for number in range(len(graphs)):
        nodes = np.flatnonzero(graphs.atoms[number].numpy())
        edges = graphs.bonds[number].numpy()[np.ix_(nodes, nodes)]
        row, column = divmod(number, columns)
        corner = np.array([column, row]) * PANEL
        ends = [(int(i), int(j)) for i, j in zip(*np.nonzero(np.triu(edges)), strict=True)]
        radius = max(1.6, 5.5 - len(nodes) / 20)
        panels.append((corner + _fitted(layout(edges)), ends, radius))
    return panels, (columns * PANEL, -(-len(graphs) // columns) * PANEL)


def _fitted(x: np.ndarray) -> np.ndarray:
    """Scaled and moved into a panel; the shape is kept."""
    if not len(x):
        return x
    low, high = x.min(0), x.max(0)
    scale = (PANEL - 2 * MARGIN) / max((high - low).max(), 1e-9)
    scale = min(scale, (PANEL - 2 * MARGIN) / 2)  # two nodes need not fill it
    fitted: np.ndarray = PANEL / 2 + (x - (low + high) / 2) * scale
    return fitted


def _steps(edges: np.ndarray) -> np.ndarray:
    """Numbers of steps between nodes; between parts, as far as about two parts are wide."""
    n = len(edges)
    reached = np.eye(n, dtype=bool)
    d = np.zeros((n, n))
    for step in range(1, n):
        further = (edges.astype(np.float32) @ reached > 0) | reached
        if (further == reached).all():
            break
        d[further & ~reached] = step
        reached = further
    d[~reached] = max(2.0, d.max() / 2 + 2)
    return d
