r"""Gradients through a solve, in four ways: ``solve(..., gradient=...)``.

==============  ======================  =============  ============================================
way             memory                  network        gradient
==============  ======================  =============  ============================================
``direct``      all N graphs            1 + 1          of the solver's result
``checkpoint``  N states, one graph     2 + 1          the same, bit for bit
``adjoint``     one graph               2 + 1          of the exact solution, up to the solver's
                                                       error, see ``sicore.solvers.adjoint``
``reversible``  one graph               2 + 1          of the solver's result, up to rounding; for
                                                       reversible Heun, see
                                                       ``sicore.solvers.reconstruction``
==============  ======================  =============  ============================================

The third column counts evaluations and pullbacks for each evaluation of the solve. Gradients flow
to the initial state and to everything that the drift is made of: parameters, conditions, an
observed x0. ``Solution.nfe`` and ``status`` are those of the solve itself in all ways.

The last two have no callbacks, no recorded path, no second derivatives, and take the coefficients
of the path as given. The last three evaluate the drift again in the backward pass, where it must
come out the same: the random state of dropout is restored by ``checkpoint`` only.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from torch.utils.checkpoint import checkpoint

from sicore.errors import InputError, did_you_mean
from sicore.solvers.adjoint import adjoint
from sicore.solvers.reconstruction import reversible
from sicore.states import State

if TYPE_CHECKING:
    from sicore.solvers.solve import Made, Run

Mode = Callable[["Run", State], "Made"]


def direct(run: Run, x: State) -> Made:
    """Through the loop itself: every operation is kept for the backward pass."""
    return run(x)


def checkpointed(run: Run, x: State) -> Made:
    """Keep what is passed from step to step, and make each step again in the backward pass.

    Source: Chen, Xu, Zhang and Guestrin, "Training deep nets with sublinear memory cost", 2016;
    here with a segment for each step, since the graph of a network is far larger than a state.
    """
    return run(x, partial(checkpoint, run.solver.step, use_reentrant=False))


MODES: dict[str, Mode] = {
    "direct": direct,
    "checkpoint": checkpointed,
    "adjoint": adjoint,
    "reversible": reversible,
}
ENDS_ONLY = ("adjoint", "reversible")


def gradient_mode(name: str, run: Run) -> Mode:
    """The mode of a name, for a run.

    Raises:
        InputError: if there is none, or it cannot serve the callbacks or the record of the run.
    """
    if name not in MODES:
        raise InputError(
            f"gradient: expected one of {', '.join(MODES)}, got '{name}'{did_you_mean(name, MODES)}"
        )
    if name in ENDS_ONLY and (run.callbacks or run.record):
        raise InputError(
            f"gradient: '{name}' keeps nothing of the steps between, so it has no callbacks and no "
            f"record; use gradient='checkpoint'"
        )
    return MODES[name]
