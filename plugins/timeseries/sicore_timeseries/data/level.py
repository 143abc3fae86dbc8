"""Values relative to what was seen last: for series that wander, such as prices and rates.

A network that is given absolute values knows those of the training years only; the steps from the
last known value on are alike in all years.
"""

from __future__ import annotations

import torch
from torch import Tensor


def last_known(observed: Tensor) -> Tensor:
    """The last value that is known of each channel, ``(B, 1, C)``.

    Args:
        observed: ``(B, T, C)``, NaN where values are not known; 0 comes out for a channel of which
            nothing is.
    """
    moments = torch.arange(1, observed.shape[1] + 1, device=observed.device).unsqueeze(-1)
    last = (moments * ~observed.isnan()).argmax(1, keepdim=True)
    return observed.gather(1, last).nan_to_num(0.0)
