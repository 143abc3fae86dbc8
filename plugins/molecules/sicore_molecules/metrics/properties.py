"""Do two sets of molecules have the same law of QED, logP, SA and weight?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from sicore.errors import InputError
from sicore.evaluation import wasserstein_1d

NAMES = ("qed", "logp", "sa", "weight")


def wasserstein_distances(
    a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """``W1 = ∫ |F_a(x) − F_b(x)| dx`` of each property of ``a``, in its own unit.

    Args:
        a: values ``(n,)`` by name.
        b: values ``(m,)`` of the same names.

    Raises:
        InputError: when a name is missing in ``b``, or there are no values.

    Source: Polykovskiy et al. 2020 (MOSES).
    """
    for name in a:
        if name not in b or not len(a[name]) or not len(b[name]):
            raise InputError(f"property '{name}': expected values of it in both sets")
    return {name: float(wasserstein_1d(_column(a[name]), _column(b[name]), 1)) for name in a}


def _column(values: np.ndarray) -> torch.Tensor:
    return torch.as_tensor(values, dtype=torch.float64).unsqueeze(1)
