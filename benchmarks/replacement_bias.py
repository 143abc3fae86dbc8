"""The bias of replacement, on a Gaussian random field whose missing part has a known law.

A field of 8 × 8 numbers with covariance ``exp(−distance/3)`` is observed but for its middle 4 × 4.
Given what is observed, the middle is Gaussian, with a mean and a covariance in closed form. Each
method samples it with the exact denoiser, for several observed fields; beside it *floor*, as many
exact samples, and *prior*, which ignores the observation. Of the missing part:

* mean error: root mean square over fields and positions, in conditional standard deviations,
* variance: mean over the positions, divided by the exact one,
* covariance error: Frobenius norm, relative to the exact covariance's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from common import arguments, record

if TYPE_CHECKING:
    from torch import Tensor

    from sicore.predictions import FunctionPrediction

SIDE, LENGTH = 8, 3.0
STEPS = (10, 20, 50, 100, 200)
CORRECTIONS = (1, 2, 4, 8, 16, 32)


@dataclass(frozen=True)
class Field:
    """The field, its observed positions, and truths to observe.

    Args:
        covariance: ``(d, d)``, variance 1.
        seen: bool ``(d,)``.
        truths: ``(M, d)``.
        samples: how many for each truth.
    """

    covariance: Tensor
    seen: Tensor
    truths: Tensor
    samples: int

    @classmethod
    def made(cls, fields: int, samples: int) -> Field:
        """That of this benchmark."""
        import torch

        from sicore.states import Noise

        side = torch.arange(SIDE, dtype=torch.float64)
        places = torch.cartesian_prod(side, side)
        covariance = torch.exp(-torch.cdist(places, places) / LENGTH)
        inside = (places >= 2) & (places < 6)
        root = torch.linalg.cholesky(covariance)
        z = Noise.of(0, fields).named("truth").normal((SIDE**2,), torch.float64)
        return cls(covariance, ~inside.all(1), z @ root.T, samples)

    def conditional(self) -> tuple[Tensor, Tensor]:
        """Means of the missing part for each truth, and the covariance that they share."""
        import torch

        missing = ~self.seen
        across = self.covariance[missing][:, self.seen]
        gain = torch.linalg.solve(self.covariance[self.seen][:, self.seen], across.T).T
        means = self.truths[:, self.seen] @ gain.T
        return means, self.covariance[missing][:, missing] - gain @ across.T

    def prediction(self) -> FunctionPrediction:
        """The exact denoiser ``βC(β²C + γ²I)⁻¹ x`` on the linear path."""
        import torch

        from sicore.interpolants import Linear
        from sicore.predictions import DATA, FunctionPrediction

        path = Linear()
        values, vectors = torch.linalg.eigh(self.covariance)

        def denoiser(t: Tensor, x: Any) -> Tensor:
            p = path.at(t)
            gains = p.beta * values / (p.beta**2 * values + p.gamma**2)
            made: Tensor = x @ (vectors * gains) @ vectors.T
            return made

        return FunctionPrediction(denoiser, path, DATA)

    def sampled(self, method: Any, steps: int) -> tuple[Tensor, int]:
        """The missing part by a method, ``(M, samples, m)``, and network calls."""
        import torch

        from sicore.dynamics import PathDynamics
        from sicore.inverse import Inpaint, Measurement
        from sicore.solvers import Midpoint, UniformGrid, solve
        from sicore.states import Noise, TensorSpace

        observed = self.truths.repeat_interleave(self.samples, 0)
        operator, noise = Inpaint(self.seen), Noise.of(1, len(observed))
        attached, callbacks = method.attach(
            self.prediction(), Measurement(operator, operator(observed))
        )
        path = attached.interpolant
        x = path.prior(noise, TensorSpace((SIDE**2,)), torch.float64)
        times = UniformGrid().times(steps, path)
        made = solve(PathDynamics(attached), x, times, Midpoint(), noise, callbacks)
        return self.parted(made.x), made.nfe

    def parted(self, x: Any) -> Tensor:
        """The missing part of samples ``(M samples, d)``."""
        middle: Tensor = x[:, ~self.seen]
        return middle.reshape(len(self.truths), self.samples, -1)

    def exact(self) -> Tensor:
        """Exact samples of the missing part."""
        import torch

        from sicore.states import Noise

        means, covariance = self.conditional()
        noise = Noise.of(2, len(means) * self.samples)
        z = noise.normal((means.shape[1],), torch.float64)
        spread = z @ torch.linalg.cholesky(covariance).T
        return means.unsqueeze(1) + spread.reshape(len(means), self.samples, -1)

    def unconditional(self) -> Tensor:
        """Samples of the prior."""
        import torch

        from sicore.states import Noise

        noise = Noise.of(3, len(self.truths) * self.samples)
        z = noise.normal((SIDE**2,), torch.float64)
        return self.parted(z @ torch.linalg.cholesky(self.covariance).T)

    def errors(self, x: Tensor) -> dict[str, float]:
        """How far samples are from the conditional law."""
        means, covariance = self.conditional()
        variance = covariance.diagonal()
        gap = (x.mean(1) - means).square() / variance
        centred = (x - x.mean(1, keepdim=True)).flatten(0, 1)
        found = centred.T @ centred / (len(centred) - len(x))
        figures = {
            "mean error": gap.mean().sqrt(),
            "variance": (found.diagonal() / variance).mean(),
            "covariance error": (found - covariance).norm() / covariance.norm(),
        }
        return {name: round(float(value), 4) for name, value in figures.items()}


def main() -> None:
    from sicore.inverse import MMPS, Replacement

    options = arguments(__doc__)
    field = Field.made(*((4, 100) if options.quick else (16, 500)))
    steps = STEPS[:2] if options.quick else STEPS
    counts = CORRECTIONS[:3] if options.quick else CORRECTIONS
    runs = {f"replacement, {n} steps": (Replacement(), n) for n in steps}
    for n in (20, 50):
        for count in counts:
            name = f"replacement, {n} steps, {count} corrections each"
            runs[name] = (Replacement(corrections=count), n)
    runs["mmps, 20 steps"] = (MMPS(iterations=5), 20)
    table: dict[str, Any] = {
        "floor": field.errors(field.exact()),
        "prior": field.errors(field.unconditional()),
    }
    for name, (method, n) in runs.items():
        x, calls = field.sampled(method, n)
        table[name] = {"network calls": calls, **field.errors(x)}
        print(name, table[name], flush=True)
    figures = {
        "fields": len(field.truths),
        "samples of each": field.samples,
        "solver": "midpoint, linear path, uniform grid",
        "step size of the corrections": Replacement().step_size,
        "errors": table,
    }
    record("replacement_bias", options, figures)


if __name__ == "__main__":
    main()
