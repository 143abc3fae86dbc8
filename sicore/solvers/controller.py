"""How long the next step is, from the error of the last two: a PI controller, for each sample."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sicore.errors import InputError

SMALLEST = 1e-4  # an error below it says nothing about the next one


@dataclass(frozen=True)
class PIController:
    """``h' = h · safety · e_n^(−1/k + ¾β) · e_{n−1}^β``, within bounds.

    ``e_n`` is the error of a step in units of what is tolerated, and k the order of the local
    error. The first factor alone is the classical rule; the second one, proportional control, keeps
    the length of the steps from swinging. Where the last step was rejected, or is to be, the
    earlier error takes no part; and a step does not grow right after a rejection.

    Args:
        safety: how much shorter than the longest step that should do.
        least: the strongest that a step shrinks by.
        most: the strongest that it grows by.
        beta: β; 0 is the classical rule.

    Raises:
        InputError: unless ``0 < least < 1 < most`` and ``0 < safety < 1``.

    Source: Gustafsson, "Control theoretic techniques for stepsize selection in explicit Runge–Kutta
    methods", 1991; Hairer, Nørsett and Wanner, "Solving ordinary differential equations I", 1993,
    section II.4 (its values are the defaults).
    """

    safety: float = 0.9
    least: float = 0.2
    most: float = 10.0
    beta: float = 0.04

    def __post_init__(self) -> None:
        if not (0 < self.least < 1 < self.most and 0 < self.safety < 1):
            raise InputError(
                f"controller: expected 0 < least < 1 < most and 0 < safety < 1, got least "
                f"{self.least}, most {self.most} and safety {self.safety}"
            )

    def factor(self, error: Tensor, before: Tensor, rejected: Tensor, k: int) -> Tensor:
        """``h'/h``.

        Args:
            error: of the step, ``(B,)``; above 1 it is rejected, infinity where it is not finite.
            before: of the accepted step before it.
            rejected: whether the attempt before it was rejected.
            k: the order of the local error.
        """
        passed = error <= 1
        memory = torch.where(passed, before.clamp(min=SMALLEST) ** self.beta, 1.0)
        wanted = self.safety * error ** (0.75 * self.beta - 1 / k) * memory
        bound = torch.where(rejected, 1.0, self.most)
        return wanted.clamp(min=self.least).minimum(bound.to(wanted))


USUAL = PIController()
