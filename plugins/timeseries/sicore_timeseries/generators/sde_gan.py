r"""SDE-GAN: a neural SDE that makes windows, and a neural CDE that tells them from real ones.

``generator:  Z_0 = ζ(v),  dZ = μ(t, Z) dt + σ(t, Z) ∘ dW,  Y = α Z + β``
``critic:     H_0 = ξ(Y_0),  dH = F(t, H) d(t, Y),  D = m · H_1``

Both are Stratonovich and are solved by reversible Heun; the critic runs along the polygon through
the values. With ``E D(real) − E D(made)`` the critic is as high as it can, the generator as low.
The critic is Lipschitz by its construction (LipSwish, tanh, and weights that are clipped after each
step), as the Wasserstein distance asks; there is no gradient penalty. Where real entries are
missing, those of the made windows are hidden too, and both are filled with the last value seen.

Weights are averaged over training by ``fit`` (``ema_decay``), in place of the paper's average over
its second half.

Sources: Kidger, Foster, Li, Oberhauser and Lyons, "Neural SDEs as infinite-dimensional GANs", 2021;
Kidger, Foster, Li and Lyons, "Efficient and accurate gradients for neural SDEs", 2021. Adam without
momentum stands in for their Adadelta: it needs fewer steps.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sicore.errors import InputError
from sicore.states import Noise
from sicore_timeseries.generators.base import Generator
from sicore_timeseries.generators.reversible_heun import solve
from sicore_timeseries.generators.vector_fields import Grid, clip_weights, perceptron
from sicore_timeseries.networks.control_paths import forward_filled, intensity


class Critic(nn.Module):
    """D, of windows ``(B, T, C)``.

    Args:
        channels: C.
        hidden: numbers of H.
        width: units of its layers.
    """

    def __init__(self, channels: int, hidden: int, width: int) -> None:
        super().__init__()
        inputs = 1 + 2 * channels
        self.start = perceptron(inputs, width, hidden)
        self.field = perceptron(
            1 + hidden, width, hidden * inputs, nn.Tanh(), nn.Unflatten(1, (hidden, inputs))
        )
        self.read = nn.Linear(hidden, 1)
        clip_weights(self)

    def forward(self, windows: Tensor, times: Tensor) -> Tensor:
        """A number for each window, ``(B,)``; times are ``(B, T)``, missing entries NaN."""
        parts = [times.unsqueeze(-1), forward_filled(windows), intensity(windows)]
        knots = torch.cat(parts, -1)

        def field(n: int, h: Tensor) -> Tensor:
            made: Tensor = self.field(torch.cat((times[:, n : n + 1], h), -1))
            return made

        increments = knots.diff(dim=1).transpose(0, 1)
        weights = self.field.parameters()
        path = solve(field, self.start(knots[:, 0]), increments, [len(increments)], weights)
        return self.read(path[:, 0]).squeeze(-1)


class Source(nn.Module):
    """The generator's half: ζ, μ, σ, and the line to the values.

    Args:
        channels: C.
        hidden: numbers of Z.
        width: units of the layers.
        initial: numbers of v.
        brownian: channels of W.
    """

    def __init__(self, channels: int, hidden: int, width: int, initial: int, brownian: int) -> None:
        super().__init__()
        self.initial, self.brownian = initial, brownian
        self.start = perceptron(initial, width, hidden)
        shape = (hidden, 1 + brownian)
        self.field = perceptron(
            1 + hidden, width, hidden * (1 + brownian), nn.Tanh(), nn.Unflatten(1, shape)
        )
        self.log_scale = nn.Parameter(torch.zeros(hidden, 1 + brownian))
        self.read = nn.Linear(hidden, channels)

    def forward(self, grid: Grid, noise: Noise) -> Tensor:
        """Windows ``(B, T, C)`` at the moments of the grid."""
        times = grid.times

        def field(n: int, z: Tensor) -> Tensor:
            bounded = self.field(torch.cat((times[:, n : n + 1], z), -1))
            return self.log_scale.exp() * bounded

        z = self.start(noise.named("start").normal((self.initial,), times.dtype))
        weights = [self.log_scale, *self.field.parameters()]
        made: Tensor = self.read(
            solve(field, z, grid.driving(noise, self.brownian), grid.keep, weights)
        )
        return made


class SDEGAN(Generator):
    """An SDE-GAN of windows ``(B, T, C)`` at any rising times, of which any may be missing.

    Args:
        channels: C.
        hidden: numbers of Z.
        width: units of the layers of the generator.
        initial: numbers of v.
        brownian: channels of W.
        critic_hidden: numbers of H.
        critic_width: units of the layers of the critic.
        critic_rate: the critic's learning rate over the generator's.
        substeps: steps of the generator from a moment to the next.

    Raises:
        InputError: for numbers that are not above 0.
    """

    def __init__(
        self,
        channels: int,
        hidden: int = 16,
        width: int = 64,
        initial: int = 8,
        brownian: int = 4,
        critic_hidden: int = 16,
        critic_width: int = 32,
        critic_rate: float = 5.0,
        substeps: int = 1,
    ) -> None:
        super().__init__()
        if min(hidden, width, initial, brownian, critic_rate, substeps) <= 0:
            raise InputError("SDE-GAN: expected widths, rates and substeps above 0")
        self.channels, self.hidden, self.width = channels, hidden, width
        self.initial, self.brownian = initial, brownian
        self.critic_hidden, self.critic_width = critic_hidden, critic_width
        self.critic_rate, self.substeps = critic_rate, substeps
        self.source = Source(channels, hidden, width, initial, brownian)
        self.critic = Critic(channels, critic_hidden, critic_width)

    def optimizer(self, learning_rate: float) -> torch.optim.Optimizer:
        """Adam without momentum, with a group for each side."""
        groups = [
            {"params": list(self.source.parameters()), "lr": learning_rate},
            {"params": list(self.critic.parameters()), "lr": learning_rate * self.critic_rate},
        ]
        return torch.optim.Adam(groups, betas=(0.0, 0.99))

    def update(
        self, optimizer: torch.optim.Optimizer, windows: Tensor, times: Tensor, noise: Noise
    ) -> dict[str, Tensor]:
        """Both sides step at once, on one pass; the figure is what they fight over."""
        made = self.generate(times, noise)
        hidden = torch.where(windows.isnan(), torch.nan, made)
        both = torch.cat((windows, hidden))
        stamps = times.expand(windows.shape[:2]).repeat(2, 1)
        real, fake = self.critic(both, stamps).chunk(2)
        distance = real.mean() - fake.mean()
        optimizer.zero_grad(set_to_none=True)
        distance.backward()
        for weight in self.critic.parameters():  # up, where the source goes down
            weight.grad = None if weight.grad is None else -weight.grad
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        clip_weights(self.critic)
        return {"loss": distance.detach()}

    def generate(self, times: Tensor, noise: Noise) -> Tensor:
        """Windows ``(B, T, C)``."""
        made: Tensor = self.source(Grid.of(times, len(noise.index), self.substeps), noise)
        return made
