"""Encoders of windows for sequential VAEs: from values and their times to a state at each moment.

They share one small interface::

    encoder(values (B, T, C), times (B, T)) -> (B, T, encoder.width)

Values that are missing are NaN; nothing that is written in their place has any influence.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sicore_timeseries.generators.neural_cde import NeuralCDE


class RecurrentEncoder(nn.Module):
    """Gated recurrent units in both directions, for complete windows of regular times.

    Args:
        channels: C.
        hidden: numbers of each direction's state; ``width`` is twice that.
        layers: how many.
    """

    def __init__(self, channels: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.width = 2 * hidden
        self.cells = nn.GRU(channels, hidden, layers, batch_first=True, bidirectional=True)

    def forward(self, values: Tensor, times: Tensor) -> Tensor:
        """States ``(B, T, width)`` of windows ``(B, T, C)``; the times are not looked at."""
        return self.cells(values)[0]


class GapEncoder(nn.Module):
    """The same for windows with gaps and irregular times: units that see values, masks and gaps.

    A missing value is replaced by the last one that was seen, which is forgotten as time passes
    (GRU-D's decay of the input),

    ``x̂ = r + (x_last − r) exp(−max(0, w δ + b))``,  δ the time since it was seen,

    with w, b and the resting value r learned for each channel; and, since a window is known as a
    whole, by the next one in the same way. The units see both, the mask, and both gaps. There is
    no differential equation.

    Source: Che, Purushotham, Cho, Sontag and Liu, "Recurrent neural networks for multivariate time
    series with missing values", 2018, equations 10 and 11. Its decay of the hidden state is left
    to the units, which see the gaps.

    Args:
        channels: C.
        hidden: numbers of each direction's state; ``width`` is twice that.
        layers: how many.
    """

    def __init__(self, channels: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.width = 2 * hidden
        self.rest = nn.Parameter(torch.zeros(2, channels))
        self.decay = nn.Parameter(torch.ones(2, channels))
        self.delay = nn.Parameter(torch.zeros(2, channels))
        self.cells = nn.GRU(5 * channels, hidden, layers, batch_first=True, bidirectional=True)

    def forward(self, values: Tensor, times: Tensor) -> Tensor:
        """States ``(B, T, width)`` of windows ``(B, T, C)`` at increasing times ``(B, T)``."""
        seen = ~values.isnan()
        last, since = self._filled(0, values, seen, times)
        following, until = self._filled(1, values.flip(1), seen.flip(1), -times.flip(1))
        parts = (last, following.flip(1), seen.to(values), since, until.flip(1))
        return self.cells(torch.cat(parts, -1))[0]

    def _filled(
        self, side: int, values: Tensor, seen: Tensor, times: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Values with the last seen one in gaps, decayed, and the time since (1: never seen)."""
        moments = torch.arange(values.shape[1], device=values.device).unsqueeze(-1)
        last = torch.where(seen, moments, -1).cummax(1).values
        any_seen, last = last >= 0, last.clamp(min=0)
        stamps = times.unsqueeze(-1).expand_as(values)
        since = torch.where(any_seen, stamps - stamps.gather(1, last), 1.0)
        known = torch.where(any_seen, values.gather(1, last), self.rest[side])
        forgotten = torch.exp(-torch.relu(self.decay[side] * since + self.delay[side]))
        kept = torch.where(seen, 1.0, forgotten)
        return self.rest[side] + (known - self.rest[side]) * kept, since


class ControlledEncoder(nn.Module):
    """A neural CDE driven by what was observed, read at each moment, and recurrent units after it.

    The equation is causal; the units run in both directions, as in the paper. It is solved with
    two Runge–Kutta steps from moment to moment, on a smooth path: the error is then about 0.01
    even for white noise of variance 1 (and 0.15 with one step).

    Args:
        channels: C.
        hidden: numbers of the CDE's state and of each direction's; ``width`` is twice that.
        layers: of the recurrent units.
    """

    def __init__(self, channels: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.width = 2 * hidden
        self.equation = NeuralCDE(channels, hidden, 2 * hidden)
        self.cells = nn.GRU(hidden, hidden, layers, batch_first=True, bidirectional=True)

    def forward(self, values: Tensor, times: Tensor) -> Tensor:
        """States ``(B, T, width)`` of windows ``(B, T, C)``, all at the same increasing times."""
        return self.cells(self.equation.path(times, values, times[0]))[0]


Encoder = RecurrentEncoder | GapEncoder | ControlledEncoder

ENCODERS: dict[str, type[Encoder]] = {
    "recurrent": RecurrentEncoder,
    "gaps": GapEncoder,
    "cde": ControlledEncoder,
}
