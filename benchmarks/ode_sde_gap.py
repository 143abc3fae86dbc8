"""The gap between ODE and SDE samples, and how the Fokker–Planck residual closes it.

Potentials on a checkerboard are trained with weights w of the residual, and sampled by the ODE and
by the SDE. Distances are total variations between histograms of 32 × 32 cells; *floor* is that of
two sets of true samples of the same size.

After Deveney et al., "Closing the ODE–SDE gap in score-based diffusion models through the
Fokker–Planck equation", 2023: their process, data, layers, loss and weights. To take
minutes on one core rather than hours on a GPU, this is smaller: 16 000 steps (theirs: 100 000) of
400 draws and 400 collocation points (200 000 and 50 000), importance sampling of times, Muon for
the square matrices, softplus with β = 30 (100), and the logarithm of time as the network's input.
What was trained is kept in ``benchmarks/.cache``, and goes on from there.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from common import arguments, record
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from sicore.dynamics import PathDynamics, constant
from sicore.files import write_atomically
from sicore.interpolants import InterpolantSample, OneSided, Point
from sicore.objectives import Objective, TimeLaw
from sicore.objectives.fokker_planck import FokkerPlanckRegulariser, potential_residual
from sicore.predictions import Condition, Kind
from sicore.predictions.potential import PotentialPrediction
from sicore.progress import progress_bar
from sicore.solvers import EulerMaruyama, Midpoint, solve
from sicore.states import Noise, TensorSpace

SPAN = 10.0  # T, the length of the process
SHORTEST = 1e-5  # the first time of training
BOX = 3.5  # half the side of the square of collocation and of the histograms
CELLS = 32
WEIGHTS = (0.0, 0.1, 1.0, 10.0)
STEPS, BATCH, COLLOCATION, RATE = 16_000, 400, 400, 4e-3
SOFTPLUS = 30.0
ODE_STEPS, SDE_STEPS = 30, 160
CACHE = Path(__file__).parent / ".cache" / "ode_sde_gap"


@dataclass(frozen=True)
class OrnsteinUhlenbeck(OneSided):
    """``dX = −X dτ + dW`` from the data at τ = 0 to τ = T, with ``τ = T (1 − t)``.

    ``β = e^{−τ}, γ² = (1 − e^{−2τ})/2``.
    """

    def coefficients(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``0, β, γ``."""
        tau = SPAN * (1 - t)
        return torch.zeros_like(t), torch.exp(-tau), (-torch.expm1(-2 * tau) / 2).sqrt()

    def derivatives(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``0, T β, −T β²/2``."""
        beta = torch.exp(-SPAN * (1 - t))
        return torch.zeros_like(t), SPAN * beta, -SPAN * beta**2 / 2

    def time_at(self, sigma: Tensor) -> Tensor:
        """``τ = log(1 + 2σ²)/2``."""
        return 1 - torch.log1p(2 * sigma**2) / (2 * SPAN)


@dataclass(frozen=True)
class LogUniform(TimeLaw):
    """``log(τ + shift)`` uniform, corrected to the paper's laws.

    The weight 1/γ² ≈ 1/(2τ) of its loss, and residuals that grow towards the data, would leave most
    of the loss to few draws of its own laws.
    """

    shift: float

    @property
    def range(self) -> float:
        """Of the logarithm."""
        return math.log((SPAN + self.shift) / (SHORTEST + self.shift))

    def quantile(self, u: Tensor, interpolant: object) -> Tensor:
        """From the noise to the data."""
        return 1 - ((SPAN + self.shift) * torch.exp(-u * self.range) - self.shift) / SPAN

    def correction(self, t: Tensor) -> Tensor:
        """The density of ``T · Beta(1, 2)``, that of its scores, over the one here."""
        return 2 * t * self.correction_to_uniform(t)

    def correction_to_uniform(self, t: Tensor) -> Tensor:
        """The uniform density, that of its residuals, over the one here."""
        return (1 - t + self.shift / SPAN) * self.range


SCORES, RESIDUALS = LogUniform(0.0), LogUniform(0.02)


class ScoreWeight:
    """``1/γ²``: the plain squared error of the score."""

    def __call__(self, p: Point, kind: Kind) -> Tensor:
        """On the residual ``γ s + z``."""
        return p.gamma**-2


class Potential(nn.Module):
    """3 → 80 → 80 → 80 → 1."""

    def __init__(self) -> None:
        super().__init__()
        hidden = [
            nn.Sequential(nn.Linear(*pair), nn.Softplus(SOFTPLUS))
            for pair in pairwise((3, 80, 80, 80))
        ]
        self.layers = nn.Sequential(*hidden, nn.Linear(80, 1))

    def forward(self, x: Tensor, t: Tensor, condition: Condition = None) -> Tensor:
        """``φ``, ``(B,)``."""
        clock = 0.4 * torch.log(SPAN * (1 - t) + 0.02)
        return self.layers(torch.cat((clock.unsqueeze(1), x), 1)).squeeze(1)


def checkerboard(noise: Noise) -> Tensor:
    """Eight squares of side 1.5 in ``[−3, 3]²``: every second of 4 × 4."""
    square = (8 * noise.uniform()).long()
    row = square // 2
    column = 2 * (square % 2) + row % 2
    corner = torch.stack((column, row), 1)
    return (1.5 * (corner + noise.at(1).uniform((2,))) - 3).float()


class Training:
    """One potential on its way; it goes on from its file, if there is one."""

    def __init__(self, weight: float, steps: int) -> None:
        torch.manual_seed(0)
        self.weight, self.steps, self.done, self.seconds = weight, steps, 0, 0.0
        self.network = Potential()
        self.potential = PotentialPrediction(self.network, OrnsteinUhlenbeck())
        parameters = list(self.network.parameters())
        square = [p for p in parameters if p.ndim == 2 and p.shape[0] == p.shape[1]]
        rest = [p for p in parameters if p.ndim == 1 or p.shape[0] != p.shape[1]]
        muon = torch.optim.Muon(square, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")
        self.optimisers = [muon, torch.optim.Adam(rest)]
        self.file = CACHE / f"w{weight:g}-{steps}x{BATCH}.safetensors"
        if self.file.exists():
            self._load(load_file(self.file))

    def run(self) -> None:
        """To the last step."""
        objective = Objective(OrnsteinUhlenbeck(), SCORES, ScoreWeight())
        # The path crosses T in t ∈ [0, 1], so its residual is T times that of the paper.
        penalty = FokkerPlanckRegulariser(self.weight / SPAN**2, BOX)
        with progress_bar(f"w = {self.weight:g}", self.steps, done=self.done) as bar:
            while self.done < self.steps:
                start = time.process_time()
                noise = Noise.of(0, BATCH).named(f"step {self.done}")
                loss = objective.loss(self.potential, checkerboard(noise), None, noise).mean()
                if self.weight:
                    loss = loss + self._penalty(penalty, noise)
                self._step(loss)
                self.seconds += time.process_time() - start
                bar.advance()
                if self.done % 250 == 0 or self.done == self.steps:
                    write_atomically(self.file, lambda path: save_file(self._state(), path))

    def _penalty(self, penalty: FokkerPlanckRegulariser, noise: Noise) -> Tensor:
        streams = noise.take(slice(0, COLLOCATION)).named("collocation")
        t = RESIDUALS.sample(streams, self.potential.interpolant)
        nowhere = torch.zeros(COLLOCATION, 2)  # the regulariser draws the places
        sample = InterpolantSample(t, nowhere, None, nowhere, nowhere)
        squares = penalty(self.potential, sample, None, streams)
        return (RESIDUALS.correction_to_uniform(t) * squares).mean()

    def _step(self, loss: Tensor) -> None:
        rate = RATE * (1 + math.cos(math.pi * self.done / self.steps)) / 2
        self.network.zero_grad()
        loss.backward()
        for optimiser in self.optimisers:
            optimiser.param_groups[0]["lr"] = rate
            optimiser.step()
        self.done += 1

    def _state(self) -> dict[str, Tensor]:
        moments = {
            f"moments.{n}.{i}.{key}": value
            for n, optimiser in enumerate(self.optimisers)
            for i, entry in optimiser.state_dict()["state"].items()
            for key, value in entry.items()
        }
        counts = {"done": torch.tensor(self.done), "seconds": torch.tensor(self.seconds)}
        return {**self.network.state_dict(), **moments, **counts}

    def _load(self, tensors: dict[str, Tensor]) -> None:
        self.done, self.seconds = int(tensors.pop("done")), float(tensors.pop("seconds"))
        states: list[dict[int, dict[str, Tensor]]] = [{} for _ in self.optimisers]
        for name in [name for name in tensors if name.startswith("moments.")]:
            _, n, i, key = name.split(".")
            states[int(n)].setdefault(int(i), {})[key] = tensors.pop(name)
        self.network.load_state_dict(tensors)
        for optimiser, state in zip(self.optimisers, states, strict=True):
            groups = optimiser.state_dict()["param_groups"]
            optimiser.load_state_dict({"state": state, "param_groups": groups})


def samples(potential: PotentialPrediction, n: int, steps: int, *, stochastic: bool) -> Tensor:
    """Ends of the ODE, or of the paper's SDE, at the data.

    Steps are equal in ``log(τ + 0.02)``. The last is an ODE step for both, as noise that is added
    last is never removed.
    """
    path = OrnsteinUhlenbeck()
    clock = torch.linspace(math.log(SPAN + 0.02), math.log(0.021), steps, dtype=torch.float64)
    most = (1 - (clock.exp() - 0.02) / SPAN).clamp(min=0)
    last = torch.tensor([float(most[-1]), 1.0], dtype=torch.float64)
    flow = PathDynamics(potential)
    first, solver = (
        (PathDynamics(potential, constant(SPAN / 2)), EulerMaruyama())
        if stochastic
        else (flow, Midpoint())
    )
    parts = []
    for start in range(0, n, 10_000):
        noise = Noise.of(1 + stochastic, min(10_000, n - start), start)
        x = path.prior(noise, TensorSpace((2,)), torch.float32)
        with torch.no_grad():
            x = solve(first, x, most, solver, noise).x
            parts.append(solve(flow, x, last, Midpoint(), noise).x)
    return torch.cat(parts)


def histogram(x: Tensor) -> Tensor:
    """Counts in the cells, row by row from below, and outside of the square."""
    inside = x[(x.abs() < BOX).all(1)]
    cell = ((inside + BOX) * CELLS / (2 * BOX)).long().clamp(max=CELLS - 1)
    counts = torch.bincount(cell[:, 1] * CELLS + cell[:, 0], minlength=CELLS**2)
    return torch.cat((counts, torch.tensor([len(x) - len(inside)])))


def total_variation(a: Tensor, b: Tensor) -> float:
    """Half the sum of the differences of the shares."""
    return round(float((a / a.sum() - b / b.sum()).abs().sum() / 2), 4)


def mean_square(potential: PotentialPrediction) -> float:
    """``E R²`` at uniform times and places, in the paper's clock."""
    noise = Noise.of(5, 20_000)
    t = (1 - SHORTEST / SPAN) * noise.uniform()
    x = (BOX * (2 * noise.at(1).uniform((2,)) - 1)).float()
    with torch.no_grad():
        residual = potential_residual(potential, t, x) / SPAN
    return round(float(residual.square().mean()), 5)


def rows(counts: Tensor) -> list[str]:
    """A histogram for the record: a line of counts for each row of cells."""
    return [" ".join(map(str, row)) for row in counts[:-1].reshape(CELLS, CELLS).tolist()]


def main() -> None:
    options = arguments(__doc__)
    torch.set_num_threads(1)
    steps, n = (200, 5000) if options.quick else (STEPS, 50_000)
    truth, other = (histogram(checkerboard(Noise.of(seed, n))) for seed in (3, 4))
    table, pictures = {}, {"truth": rows(truth)}
    for weight in WEIGHTS:
        training = Training(weight, steps)
        training.run()
        ode, sde = (
            histogram(samples(training.potential, n, count, stochastic=stochastic))
            for count, stochastic in ((ODE_STEPS, False), (SDE_STEPS, True))
        )
        table[f"w = {weight:g}"] = {
            "ODE–SDE": total_variation(ode, sde),
            "SDE–truth": total_variation(sde, truth),
            "ODE–truth": total_variation(ode, truth),
            "mean R²": mean_square(training.potential),
            "training, CPU s": round(training.seconds),
        }
        pictures |= {f"ODE, w = {weight:g}": rows(ode), f"SDE, w = {weight:g}": rows(sde)}
        print(table[f"w = {weight:g}"], flush=True)
    figures = {
        "samples": n,
        "training steps": steps,
        "total variation of two sets of true samples": total_variation(truth, other),
        "weights": table,
        "box": BOX,
        "histograms": pictures,
    }
    record("ode_sde_gap", options, figures)


if __name__ == "__main__":
    main()
