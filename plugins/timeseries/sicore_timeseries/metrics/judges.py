r"""Small recurrent networks, many side by side: the judges of TimeGAN's protocol.

One gated recurrent unit per judge, as the published figures were computed with,

    ``(r, u) = σ([x, h] W + 1)``, ``c = tanh([x, r ⊙ h] V)``, ``h ← u ⊙ h + (1 − u) ⊙ c``,

and a linear read-out. All judges run as one batch of matrix products. Adam acts number by number,
so each of them is trained as if it were alone, in a fraction of the time.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from sicore.errors import InputError

BATCH = 128


class Judges(nn.Module):
    """J independent units of H hidden numbers with one output each.

    Args:
        count: J.
        inputs: C, columns of the input.
        hidden: H.
        generator: of the first weights: Glorot's uniform ones; biases of gates are 1, others 0, as
            TensorFlow has it.
    """

    def __init__(self, count: int, inputs: int, hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        rows = inputs + hidden

        def weights(fan_in: int, fan_out: int) -> nn.Parameter:
            bound = (6 / (fan_in + fan_out)) ** 0.5
            drawn = torch.rand(count, fan_in, fan_out, generator=generator)
            return nn.Parameter((2 * drawn - 1) * bound)

        self.inputs, self.hidden = inputs, hidden
        self.gates = weights(rows, 2 * hidden)
        self.gates_bias = nn.Parameter(torch.ones(count, 1, 2 * hidden))
        self.candidate = weights(rows, hidden)
        self.candidate_bias = nn.Parameter(torch.zeros(count, 1, hidden))
        self.readout = weights(hidden, 1)
        self.readout_bias = nn.Parameter(torch.zeros(count, 1, 1))

    def states(self, x: Tensor) -> Tensor:
        """Hidden states after each moment, ``(J, T, B, H)``, of inputs ``(J, B, T, C)``."""
        judges, batch, length, _ = x.shape
        flat = x.transpose(1, 2).reshape(judges, length * batch, self.inputs)
        from_x, from_h = self.gates.split((self.inputs, self.hidden), dim=1)
        new_x, new_h = self.candidate.split((self.inputs, self.hidden), dim=1)
        gates = torch.baddbmm(self.gates_bias, flat, from_x).unflatten(1, (length, batch))
        news = torch.baddbmm(self.candidate_bias, flat, new_x).unflatten(1, (length, batch))
        h = x.new_zeros(judges, batch, self.hidden)
        states = []
        for gate, new in zip(gates.unbind(1), news.unbind(1), strict=True):
            r, u = torch.baddbmm(gate, h, from_h).sigmoid().chunk(2, dim=-1)
            c = torch.baddbmm(new, r * h, new_h).tanh()
            h = torch.lerp(c, h, u)
            states.append(h)
        return torch.stack(states, 1)

    def last(self, x: Tensor) -> Tensor:
        """The output after the last moment, ``(J, B)``, of inputs ``(J, B, T, C)``."""
        return torch.baddbmm(self.readout_bias, self.states(x)[:, -1], self.readout).squeeze(-1)

    def every(self, x: Tensor) -> Tensor:
        """The output after each moment, ``(J, B, T)``."""
        states = self.states(x)
        out = torch.baddbmm(self.readout_bias, states.flatten(1, 2), self.readout)
        return out.view(states.shape[:3]).transpose(1, 2)


def train(judges: Judges, loss: Callable[[], Tensor], iterations: int) -> None:
    """Adam at the rate .001 on the losses of all judges, ``(J,)``.

    Raises:
        InputError: for fewer than one iteration.
    """
    if iterations < 1:
        raise InputError(f"judges: expected at least one iteration, got {iterations}")
    optimiser = torch.optim.Adam(judges.parameters(), lr=1e-3)
    for _ in range(iterations):
        optimiser.zero_grad()
        loss().sum().backward()
        optimiser.step()


def draw(judges: int, size: int, generator: torch.Generator) -> Tensor:
    """Places of a batch for each judge, ``(J, min(128, size))``: different ones below the size."""
    places = [torch.randperm(size, generator=generator)[:BATCH] for _ in range(judges)]
    return torch.stack(places)
