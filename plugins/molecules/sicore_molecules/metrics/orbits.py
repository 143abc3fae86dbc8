"""In which role, and how often, each node is part of small connected subgraphs."""

from __future__ import annotations

import numpy as np

from sicore.errors import InputError

# How often, in a graph where the node has the column's orbit, a spanning subgraph of the row's
# kind has it in the row's place. Subgraphs that need not be induced are counted first; the orbits
# follow from them. Orbits 4 to 14, numbered as by Pržulj (2007):
# path 4 (end), 5 (middle); star 6 (leaf), 7 (centre); cycle 8; triangle with a tail 9 (tail),
# 10, 11 (where the tail hangs); cycle with a chord 12 (not on it), 13 (on it); complete 14.
_CONTAINED = np.array(
    [
        [1, 0, 0, 0, 2, 2, 1, 0, 4, 2, 6],
        [0, 1, 0, 0, 2, 0, 1, 2, 2, 4, 6],
        [0, 0, 1, 0, 0, 1, 1, 0, 2, 1, 3],
        [0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 1],
        [0, 0, 0, 0, 1, 0, 0, 0, 1, 1, 3],
        [0, 0, 0, 0, 0, 1, 0, 0, 2, 0, 3],
        [0, 0, 0, 0, 0, 0, 1, 0, 2, 2, 6],
        [0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 3],
        [0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 3],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    ]
)


def orbit_counts(edges: np.ndarray) -> np.ndarray:
    """Numbers of the 15 orbits of graphlets of 2 to 4 nodes, int64 ``(n, 15)``, exact.

    A graphlet is a connected induced subgraph; an orbit is a place in it. Products of n × n
    matrices give them all: n³ steps.

    Args:
        edges: symmetric, zero diagonal, 0 or 1 (or bool) ``(n, n)``.

    Raises:
        InputError: for another matrix.

    Source: Pržulj 2007; Hočevar and Demšar 2014 count by equations, too.
    """
    a = np.asarray(edges).astype(np.int64)
    if a.ndim != 2 or (a != a.T).any() or a.diagonal().any() or not np.isin(a, (0, 1)).all():
        raise InputError(
            f"orbits: expected a symmetric matrix of 0 and 1 with zero diagonal, got {a.shape}"
        )
    d, two = a.sum(1), a @ a
    shared = a * two  # for each edge, in how many triangles it is
    triangles = shared.sum(1) // 2
    orbits = np.zeros((len(a), 15), np.int64)
    orbits[:, 0] = d
    orbits[:, 1] = a @ (d - 1) - 2 * triangles
    orbits[:, 2] = _pairs(d) - triangles
    orbits[:, 3] = triangles
    paths_of_two = two - np.diag(d)
    several = [
        a @ (a @ (d - 1)) - d * (d - 1) - 2 * triangles,
        (d - 1) * (a @ (d - 1)) - 2 * triangles,
        a @ _pairs(d - 1),
        d * (d - 1) * (d - 2) // 6,
        _pairs(paths_of_two).sum(1),
        a @ triangles - 2 * triangles,
        shared @ (d - 2),
        triangles * (d - 2),
        ((a @ shared) * a).sum(1) // 2 - triangles,
        (a * _pairs(shared)).sum(1),
        _complete(a),
    ]
    # An upper triangle of whole numbers with a diagonal of ones: solved without rounding.
    for row in reversed(range(len(several))):
        above = _CONTAINED[row, row + 1 :]
        orbits[:, 4 + row] = several[row] - orbits[:, 5 + row :] @ above
    return orbits


def _pairs(k: np.ndarray) -> np.ndarray:
    """K over 2; also for −1, where it stands beside a factor that is 0."""
    return k * (k - 1) // 2


def _complete(a: np.ndarray) -> np.ndarray:
    """Triangles among each node's neighbours."""
    among = (a[np.ix_(near, near)] for near in (np.flatnonzero(row) for row in a))
    return np.array([((part @ part) * part).sum() // 6 for part in among], np.int64)
