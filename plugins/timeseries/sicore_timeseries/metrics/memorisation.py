"""Are samples copies of training windows?"""

from __future__ import annotations

import torch
from torch import Tensor

from sicore_timeseries.metrics.inputs import Values, pair_of, standardised

PART = 1024


def neighbour_ratio(samples: Values, train: Values, held_out: Values) -> float:
    """How near samples lie to training windows, relative to windows that the model has not seen.

    ``median_s min_i ‖s − x_i‖ / median_h min_i ‖h − x_i‖``, in units of each column's standard
    deviation in the training windows. 1 for samples that are as new as held-out windows, 0 for
    copies. Where the series has moved on by the time of the held-out windows, a ratio below 1 is
    no sign of copies.

    Args:
        samples: ``(n, T, C)``.
        train: ``(m, T, C)``, all that the model was trained on.
        held_out: ``(k, T, C)``.

    Raises:
        InputError: as `pair_of` does.
    """
    pair_of(samples, held_out)
    new, known = standardised(samples, train)
    other, _ = standardised(held_out, train)
    return float(_nearest(new, known).median() / _nearest(other, known).median())


def _nearest(windows: Tensor, known: Tensor) -> Tensor:
    """The distance of each window to the nearest known one, ``(n,)``."""
    points = known.flatten(1)
    parts = (torch.cdist(part, points).amin(1) for part in windows.flatten(1).split(PART))
    return torch.cat(list(parts))
