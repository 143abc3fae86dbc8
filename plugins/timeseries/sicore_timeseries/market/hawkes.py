r"""Mutually exciting point processes with exponential kernels.

Events of kind i come at rate

    ``λ_i(t) = μ_i + Σ_{t_k < t} A[i, j_k] β exp(−β (t − t_k))``,

with ``j_k`` the kind of event k: one event of kind j causes ``A[i, j]`` events of kind i, on
average and directly.

Sources: Hawkes, "Spectra of some self-exciting and mutually exciting point processes", Biometrika
58, 1971; Ogata, "On Lewis' simulation method for point processes", IEEE Transactions on Information
Theory 27, 1981; Bacry, Mastromatteo and Muzy, "Hawkes processes in finance", Market Microstructure
and Liquidity 1, 2015, equations 6 and 13.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sicore.errors import InputError


@dataclass(frozen=True)
class Hawkes:
    """The process.

    Args:
        mu: μ, events a second without any excitation, ``(D,)``.
        branching: A, ``(D, D)``; the column is the kind of the cause.
        beta: β, the rate at which excitation dies out, a second.

    Raises:
        InputError: for negative numbers, shapes that do not fit, or a spectral radius of A of 1 or
            more, at which the process explodes.
    """

    mu: np.ndarray
    branching: np.ndarray
    beta: float

    def __post_init__(self) -> None:
        d = len(self.mu)
        if np.shape(self.branching) != (d, d):
            got = np.shape(self.branching)
            raise InputError(f"hawkes: expected branching of shape {(d, d)}, got {got}")
        if np.min(self.mu) < 0 or np.min(self.branching) < 0 or not self.beta > 0:
            raise InputError("hawkes: expected mu >= 0, branching >= 0 and beta > 0")
        radius = float(np.abs(np.linalg.eigvals(self.branching)).max())
        if radius >= 1:
            raise InputError(
                f"hawkes: expected a branching matrix of spectral radius below 1, got {radius:g}"
            )

    def rates(self) -> np.ndarray:
        """Events a second in the long run, ``(I − A)⁻¹ μ``, ``(D,)``."""
        return np.linalg.solve(np.eye(len(self.mu)) - self.branching, self.mu)

    def next_event(
        self, excitation: np.ndarray, gain: np.ndarray, random: np.random.Generator
    ) -> tuple[float, int, np.ndarray]:
        r"""Draw the next event by thinning, which is exact.

        Rates are ``gain · (μ + excitation · exp(−β t))`` until the event: they only fall, so that
        of the last candidate bounds them.

        Args:
            excitation: now, ``(D,)``.
            gain: factors of the rates, ``(D,)``; 1 for the plain process.
            random: the stream of random numbers.

        Returns:
            The wait, the kind, and the excitation at the event, without its own.

        Raises:
            InputError: if all rates are 0.
        """
        wait, bound = 0.0, float((gain * (self.mu + excitation)).sum())
        if not bound > 0:
            raise InputError("hawkes: all rates are 0, so that no event will come")
        while True:
            step = random.exponential(1 / bound)
            wait += step
            excitation = excitation * np.exp(-self.beta * step)
            sums = (gain * (self.mu + excitation)).cumsum()
            place = random.uniform(0, bound)
            if place < sums[-1]:
                return wait, int(np.searchsorted(sums, place, side="right")), excitation
            bound = float(sums[-1])

    def jump(self, kind: int) -> np.ndarray:
        """What an event adds to the excitation, ``A[:, kind] β``."""
        return self.branching[:, kind] * self.beta

    def simulate(
        self, horizon: float, random: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """All events from a start without excitation until the horizon.

        Returns:
            Times ``(n,)``, rising, and kinds ``(n,)``.
        """
        times: list[float] = []
        kinds: list[int] = []
        clock = 0.0
        excitation, ones = np.zeros(len(self.mu)), np.ones(len(self.mu))
        while True:
            wait, kind, excitation = self.next_event(excitation, ones, random)
            clock += wait
            if clock > horizon:
                return np.array(times), np.array(kinds, dtype=int)
            times.append(clock)
            kinds.append(kind)
            excitation = excitation + self.jump(kind)

    def intensities(self, times: np.ndarray, kinds: np.ndarray) -> np.ndarray:
        """Rates of all kinds just before each event, ``(n, D)``."""
        _, left = self._traces(times, kinds, times)
        rates: np.ndarray = self.mu + self.beta * left @ self.branching.T
        return rates

    def compensator(self, times: np.ndarray, kinds: np.ndarray, t: np.ndarray) -> np.ndarray:
        r"""``∫_0^t λ``, in closed form, for every kind at every t.

        Between two events of kind i it grows by an Exp(1) number: the test by time rescaling.

        Args:
            times: of the events, rising, ``(n,)``.
            kinds: of the events, ``(n,)``.
            t: times ``(m,)``.

        Returns:
            ``(m, D)``.
        """
        counts, left = self._traces(times, kinds, t)
        whole: np.ndarray = np.asarray(t)[:, None] * self.mu + (counts - left) @ self.branching.T
        return whole

    def _traces(
        self, times: np.ndarray, kinds: np.ndarray, t: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        r"""``Σ 1`` and ``Σ exp(−β (t − t_k))`` over each kind's events before t, ``(m, D)``."""
        after, decay = np.zeros((len(times) + 1, len(self.mu))), np.diff(times, prepend=0.0)
        for k, (factor, kind) in enumerate(zip(np.exp(-self.beta * decay), kinds, strict=True)):
            after[k + 1] = after[k] * factor
            after[k + 1, kind] += 1
        before = np.searchsorted(times, t, side="left")
        last = np.concatenate([[0.0], times])[before]
        counts = np.concatenate(
            [np.zeros((1, len(self.mu))), np.eye(len(self.mu))[kinds].cumsum(0)]
        )
        return counts[before], after[before] * np.exp(-self.beta * (t - last))[:, None]

    def log_likelihood(self, times: np.ndarray, kinds: np.ndarray, horizon: float) -> float:
        r"""``Σ_k log λ_{j_k}(t_k) − Σ_i ∫_0^T λ_i``, of events in ``[0, T]``, T the horizon."""
        rates = self.intensities(times, kinds)[np.arange(len(times)), kinds]
        whole = self.compensator(times, kinds, np.array([horizon]))
        return float(np.log(rates).sum() - whole.sum())
