"""Latent SDE, SDE-GAN and directed chain: on laws that are known, and on Stocks.

Windows of 24. *Double well*: both modes with their masses; a chain without neighbours, of the same
size, is the control of what the neighbour is good for. *OU*: the exact Gaussian law. *Stocks*: the
figures of ``evaluate_windows`` and the discriminative score of TimeGAN, with fewer judges than the
ten of the protocol. Floors are fresh real windows, or training windows, in the place of samples.
Trainings are a minute of one core each, far from converged for the SDE-GAN, whose authors train for
hours.

Stocks are looked for in the data folder; without them the first two are measured.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import common
import torch
from torch import Tensor

from sicore.states import Noise
from sicore_timeseries.data.scaling import MinMax
from sicore_timeseries.data.stocks import Stocks
from sicore_timeseries.exact.double_well import DoubleWell
from sicore_timeseries.exact.gaussian_process import GaussianProcess
from sicore_timeseries.generators.base import Generator, regular_times
from sicore_timeseries.generators.directed_chain import DirectedChain
from sicore_timeseries.generators.store import new_generator
from sicore_timeseries.kernels import OrnsteinUhlenbeck
from sicore_timeseries.metrics.evaluation import evaluate_windows
from sicore_timeseries.metrics.memorisation import neighbour_ratio
from sicore_timeseries.metrics.signatures import signature_mmd
from sicore_timeseries.metrics.timegan import discriminative_floor, discriminative_score
from sicore_timeseries.metrics.two_sample import classifier_test

LENGTH, WINDOWS = 24, 5000
TIMES = regular_times(LENGTH)
WELL, LASTS = DoubleWell(barrier=1.0, width=1.0, tilt=0.1, noise=0.9), 4.0
OU = 0.3  # its length
JUDGES = 3
FITS: dict[str, dict[str, Any]] = {
    "latent-sde": {"steps": 700, "batch_size": 64, "learning_rate": 3e-3},
    "sde-gan": {"steps": 1500, "batch_size": 128, "learning_rate": 2e-3, "ema_decay": 0.995},
    "directed-chain": {"steps": 600, "batch_size": 128, "learning_rate": 3e-3},
}


class Alone(DirectedChain):
    """The same network, whose neighbour is always 0."""

    def follow(self, neighbours: Tensor, times: Tensor, noise: Noise) -> Tensor:
        """A path of the SDE without a neighbour."""
        return super().follow(torch.zeros_like(neighbours), times, noise)


def made(kind: str, channels: int, **arguments: Any) -> Generator:
    if kind != "alone":
        return new_generator(kind, {"channels": channels, **arguments})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Alone(channels, links=1, **arguments)


def trained(
    kind: str, windows: Tensor, quick: bool, **arguments: Any
) -> tuple[Tensor, Generator, dict[str, Any]]:
    """As many samples in the units of the windows, the generator, and what it took."""
    mean, std = windows.flatten(0, 1).mean(0), windows.flatten(0, 1).std(0)
    model = made(kind, windows.shape[2], **arguments)
    options = dict(FITS["directed-chain" if kind == "alone" else kind])
    if quick:
        options["steps"] = 20
    begun = time.process_time()
    model.fit((windows - mean) / std, TIMES, progress=False, **options)
    seconds = time.process_time() - begun
    samples = model.sample(WINDOWS, TIMES, seed=1) * std + mean
    told = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "steps": options["steps"],
        "seconds of processor": round(seconds),
    }
    return samples, model, told


def compared(samples: Tensor, real: Tensor, known: Tensor) -> dict[str, Any]:
    """What is measured of any windows; ``known`` are those that were trained on."""
    told = classifier_test(samples, real)
    return {
        "signature MMD": rounded(signature_mmd(samples, real), 6),
        "two-sample accuracy": rounded(told.accuracy),
        "nearest training window, over that of real ones": rounded(
            neighbour_ratio(samples, known, real)
        ),
    }


def of_the_well(samples: Tensor) -> dict[str, Any]:
    """Masses, the density at rest, and how often a window changes sides."""
    right = samples[..., 0] > WELL.top
    edges = torch.linspace(-2, 2, 81)
    at_rest = WELL.density((edges[1:] + edges[:-1]) / 2).float()
    counts = torch.histogram(samples.flatten(), edges).hist
    density = counts / samples.numel() / float(edges[1] - edges[0])
    return {
        "mass of the right well": rounded(right.double().mean()),
        "of the first moment": rounded(right[:, 0].double().mean()),
        "of the last": rounded(right[:, -1].double().mean()),
        "L1 to the density at rest": rounded((density - at_rest).abs().sum() * 0.05),
        "mass between the wells": rounded((samples.abs() < 0.3).double().mean()),
        "windows that change sides": rounded(
            (right[:, 1:] != right[:, :-1]).any(1).double().mean()
        ),
        "kurtosis of differences": rounded(kurtosis(samples.diff(dim=1))),
    }


def kurtosis(x: Tensor) -> Tensor:
    return x.pow(4).mean() / x.square().mean().square()


def of_ou(samples: Tensor) -> dict[str, Any]:
    """The Gaussian distance to the exact law, and its autocorrelation."""
    x = samples[..., 0].double()
    exact = GaussianProcess(OrnsteinUhlenbeck(OU)).law(TIMES).covariance
    found = torch.cov(x.mT)
    lags = (1, 3, 6, 12)
    scaled = (x - x.mean(0)) / x.std(0)
    return {
        "Bures-W2": rounded(math.sqrt(float(x.mean(0).square().sum()) + bures(found, exact))),
        "deviation of a moment": [rounded(x.std(0).min()), rounded(x.std(0).max())],
        "autocorrelation minus the exact one": {
            str(k): rounded((scaled[:, :-k] * scaled[:, k:]).mean() - math.exp(-k / 23 / OU))
            for k in lags
        },
    }


def bures(a: Tensor, b: Tensor) -> float:
    """``tr(A + B − 2 (A^½ B A^½)^½)``."""
    values, vectors = torch.linalg.eigh(a)
    root = (vectors * values.clamp(min=0).sqrt()) @ vectors.mT
    cross = torch.linalg.eigvalsh(root @ b @ root).clamp(min=0).sqrt().sum()
    return float(a.trace() + b.trace() - 2 * cross)


def forgetting(chain: Generator, start: Tensor, links: tuple[int, ...]) -> dict[str, Any]:
    """Correlation of the links of a chain with the real windows it began at, and their masses."""
    assert isinstance(chain, DirectedChain)
    mean, std = start.mean(), start.std()
    first = (start - mean) / std
    found = {}
    with torch.no_grad():
        for count in links:
            noise = Noise.of(7, len(first)).named("walk")
            x = chain.walk(first, TIMES, noise, count)
            a, b = ((v - v.mean(0)) / v.std(0) for v in (x[..., 0], first[..., 0]))
            found[str(count)] = {
                "correlation": rounded((a * b).mean()),
                "mass of the right well": rounded((x * std + mean > WELL.top).double().mean()),
            }
    return found


def rounded(value: Any, digits: int = 4) -> float:
    return round(float(value), digits)


def law(
    draw: Callable[[int], Tensor], own: Callable[[Tensor], dict[str, Any]], quick: bool, *more: str
) -> dict[str, Any]:
    """All generators on a process, beside fresh windows of it."""
    known, real, fresh = (draw(seed) for seed in range(3))
    figures: dict[str, Any] = {"floor": own(fresh) | compared(fresh, real, known)}
    for kind in ("directed-chain", *more, "latent-sde", "sde-gan"):
        samples, model, told = trained(kind, known, quick)
        figures[kind] = told | own(samples) | compared(samples, real, known)
        if kind == "directed-chain" and own is of_the_well:
            figures[kind]["after so many links"] = forgetting(model, real, (1, 2, 4, 8))
        print(kind, figures[kind], flush=True)
    return figures


def stocks(quick: bool) -> dict[str, Any]:
    """All generators on the training block; judged by the test block and by the training one."""
    train, test = Stocks("train"), Stocks("test")
    known = train.batch(torch.arange(len(train)))[0].float()
    unit = MinMax.fit(known.flatten(0, 1).numpy())
    figures: dict[str, Any] = {}
    arguments = {"directed-chain": {"depth": 2}, "latent-sde": {"latent": 8}}
    for kind in FITS:
        samples, _, told = trained(kind, known, quick, **arguments.get(kind, {}))
        samples = samples[: len(known)]
        judged = discriminative_score(
            unit.encode(samples.double()),
            unit.encode(known.double()),
            judges=JUDGES,
            iterations=100 if quick else 2000,
        )
        figures[kind] = told | {
            "discriminative score": rounded(judged.mean()),
            "its deviation over judges": rounded(judged.std()),
            "its floor": rounded(discriminative_floor(len(known))),
            **evaluate_windows(samples, test, train),
        }
        print(kind, figures[kind], flush=True)
    return figures


def main() -> None:
    """Measure, and record after each part."""
    torch.set_num_threads(1)
    options = common.arguments(__doc__)
    figures: dict[str, Any] = {
        "protocol": {"length": LENGTH, "windows": WINDOWS, "judges": JUDGES, "trainings": FITS}
    }

    def well(seed: int) -> Tensor:
        return WELL.sample(Noise.of(seed, WINDOWS), TIMES * LASTS, step=0.01).float()

    def ou(seed: int) -> Tensor:
        process = GaussianProcess(OrnsteinUhlenbeck(OU))
        return process.sample(Noise.of(seed, WINDOWS), TIMES).float()

    figures["double well"] = {"exact mass of the right well": rounded(WELL.right)}
    figures["double well"] |= law(well, of_the_well, options.quick, "alone")
    common.record("neural_sdes", options, figures)
    figures["OU"] = law(ou, of_ou, options.quick)
    common.record("neural_sdes", options, figures)
    if Stocks.available():
        figures["Stocks"] = stocks(options.quick)
        common.record("neural_sdes", options, figures)


if __name__ == "__main__":
    main()
