r"""Learning the path itself: max over the interpolant, min over the drift.

For ``x_t = I(t, x0, x1) + γ z`` and ``ε > 0`` the SDE ``dX = b_F dt + √(2ε) dW`` follows the path
with the forward drift ``b_F = b + ε s``. Since ``b = E[∂_t I + γ̇ z | x_t]`` and
``s = −E[z | x_t]/γ``, it is the conditional expectation of ``u = ∂_t I + (γ̇ − ε/γ) z``, and

    ``min over û of ∫E[½‖û(t, x_t)‖² − u · û(t, x_t)] dt = −½ ∫E‖b_F‖² dt``,

reached at ``û = b_F``. To maximise this over I is to minimise the kinetic energy over all paths of
this form with the given ends. Every process that follows ``dX = b_F dt + √(2ε) dW`` between the
ends takes part in the same minimum, so if the form of I is rich enough, its solution is the
Schrödinger bridge (in the formulation of Benamou and Brenier), ε being its noise. Two Gaussians
always have one of this form.

With ``γ = √(2ε t(1 − t))`` the target is ``∂_t I − √(2ε t/(1 − t)) z``, singular at t = 1 alone,
and over a pair z, −z the loss stays bounded there: û changes by O(γ).

The path enters through u and through x_t, at which û is evaluated; gradients flow through both.

Source: Albergo, Boffi and Vanden-Eijnden, "Stochastic interpolants: a unifying framework for flows
and diffusions", 2023, section 3.4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from sicore.errors import InputError
from sicore.interpolants import BrownianGamma, Fourier, InterpolantSample, Point
from sicore.objectives.couplings import Coupling, Independent
from sicore.predictions import Kind, NetworkPrediction, Row, Value
from sicore.predictions.kinds import weighted
from sicore.progress import progress_bar
from sicore.states import Noise, State, combine, inner, leaves, scale, take
from sicore.states import batch_size as batch_of


@dataclass(frozen=True, repr=False)
class ForwardDrift(Kind):
    """The prediction ``b_F = b + ε s``: the drift of the forward SDE of one ε.

    ``PathDynamics(prediction, constant(epsilon))`` with the same ε integrates it.

    Args:
        epsilon: ε.
    """

    epsilon: float
    name: str = "forward-drift"

    def rows(self, p: Point) -> tuple[Row, ...]:
        """``(α̇, β̇, ε − γγ̇)``."""
        return (Row(p.alpha_dot, p.beta_dot, self.epsilon - p.gamma_gamma_dot),)

    def target(self, p: Point, sample: InterpolantSample) -> State:
        """``α̇ x0 + β̇ x1 + (γγ̇ − ε)/γ z``."""
        of_noise = (p.gamma_gamma_dot - self.epsilon) / p.gamma
        return weighted(sample, p.alpha_dot, p.beta_dot, of_noise)

    def residual(self, p: Point, sample: InterpolantSample, value: Value) -> tuple[State, ...]:
        """The prediction minus its target."""
        (state,) = self.parts(value)
        return (combine(1.0, state, -1.0, self.target(p, sample)),)


@dataclass(frozen=True)
class LearnedPath:
    """What ``learn_path`` found.

    Attributes:
        interpolant: the path, with plain numbers, as a configuration holds it.
        prediction: the forward drift on it, by the network that was given.
        energy: ``∫E‖b_F‖² dt`` as the loss measures it, averaged over the last tenth of the steps;
            too small as far as the network is not the minimiser.
    """

    interpolant: Fourier
    prediction: NetworkPrediction
    energy: float


def learn_path(
    network: nn.Module,
    data: State,
    *,
    epsilon: float,
    coupling: Coupling | None = None,
    terms: int = 4,
    steps: int = 2000,
    batch_size: int = 256,
    learning_rate: float = 1e-2,
    path_rate: float = 1e-3,
    seed: int = 0,
    progress: bool = True,
) -> LearnedPath:
    """Learn a ``Fourier`` path between a source and data, and its forward drift, together.

    Each step draws one batch, with times spread evenly and each noise with its mirror image; by
    Adam the network goes down the gradient of the loss and the path's coefficients go up it. Both
    rates fall to zero as a cosine. The path starts from straight lines.

    Between laws of different means move one first, if only the rest matters: the mean ``β(t)`` of
    the bridge is straight, which leaves its variance to α alone, with a square root at t = 1 that
    few sines follow roughly.

    Args:
        network: the drift û, called with x, times ``(B,)`` in the dtype of x and None; trained in
            place.
        data: ``(n, ...)``, from which batches are drawn with replacement.
        epsilon: ε > 0 of the SDE; γ is ``√(2ε t(1 − t))``.
        coupling: gives the source; by default standard normals, independent of the data.
        terms: sines of each coefficient.
        steps: how many.
        batch_size: samples of a step.
        learning_rate: of the network.
        path_rate: of the path. Much lower than that of the network: for a drift that lags behind,
            the loss has no maximum, and the path runs away from it.
        seed: of all draws; with the same network and data, the result is the same.
        progress: show a bar when standard error is a terminal.

    Raises:
        InputError: if ε is not positive, or the loss is not finite.
    """
    if not epsilon > 0:
        raise InputError(f"learn_path: expected epsilon > 0, got {epsilon}")
    a, b = (torch.zeros(terms, dtype=torch.float64, requires_grad=True) for _ in range(2))
    start = Fourier(gamma=BrownianGamma(2 * epsilon))
    free: Any = (a, b)  # tensors in the place of numbers: coefficients then carry their graph
    path, kind = replace(start, a=free[0], b=free[1]), ForwardDrift(epsilon)
    prediction = NetworkPrediction(network, path, kind)
    groups = [
        {"params": list(network.parameters()), "lr": learning_rate},
        {"params": [a, b], "lr": path_rate, "maximize": True},
    ]
    optimizer = torch.optim.Adam(groups)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    energies: list[Tensor] = []
    device = next(iter(leaves(data).values())).device
    with progress_bar("learning the path", steps, progress) as bar:
        for step in range(steps):
            noise = Noise.of(seed, batch_size, step * batch_size, device).named("learned path")
            loss = _loss(prediction, kind, _batch(data, noise), coupling or Independent(), noise)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            energies.append(-2 * loss.detach())
            bar.advance()
    energy = float(torch.stack(energies[-math.ceil(steps / 10) :]).mean())
    if not math.isfinite(energy):
        raise InputError("learn_path: the loss is not finite; lower learning_rate and path_rate")
    learned = replace(start, a=tuple(a.tolist()), b=tuple(b.tolist()))
    return LearnedPath(learned, replace(prediction, interpolant=learned), energy)


def _batch(data: State, noise: Noise) -> State:
    share = noise.named("data").uniform()
    return take(data, (share * batch_of(data)).long())


def _loss(
    prediction: NetworkPrediction, kind: ForwardDrift, x1: State, coupling: Coupling, noise: Noise
) -> Tensor:
    """``½‖û‖² − u · û``, averaged over times spread evenly, and over z and −z."""
    path, n = prediction.interpolant, len(noise.index)
    t = (torch.arange(n, device=noise.index.device) + noise.named("time").uniform()) / n
    pair = coupling(path, x1, noise, None)
    p = path.at(t)
    loss = torch.zeros(())
    for z in (pair.z, scale(-1.0, pair.z)):
        sample = path.sample(pair.x0, pair.x1, t, z)
        (drift,) = kind.parts(prediction(t, sample.x_t))
        loss = loss + (inner(drift, drift) / 2 - inner(kind.target(p, sample), drift)).mean() / 2
    return loss
