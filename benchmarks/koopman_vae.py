"""The Koopman VAE on Sines and Stocks, complete and with half of the rows missing.

Windows of 24 as in TimeGAN, scaled to [0, 1] by the smallest and largest values, and the paper's
weights. Beside the discriminative score of that protocol stands a strict two-sample test: boosted
trees on [x, Δx], which learn from some blocks of time and are tested on the others. Real against
real windows, in the same way, is the floor of both. Training is far shorter than the authors' 600
epochs, which are noted beside it.

Stocks are read from a file of six columns with a header (``--stocks``); without it only Sines are
measured. There is no second real set of them, so they have no floor.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import common
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from torch import Tensor, nn

from sicore.states import Noise
from sicore_timeseries.generators.base import regular_times
from sicore_timeseries.generators.koopman import Spectrum, linear_operator
from sicore_timeseries.generators.koopman_vae import KoopmanVAE
from sicore_timeseries.generators.store import new_generator

LENGTH, BLOCKS = 24, 10
WEIGHTS = {"sines": {"w_kl": 0.007, "w_pred": 0.005}, "stocks": {"w_kl": 0.009, "w_pred": 0.03}}
BATCH, RATE = 128, 2e-3


def sines(count: int, seed: int) -> Tensor:
    """``(sin(f j + p) + 1) / 2`` of five channels, f and p uniform in [0, 0.1]."""
    rng = np.random.default_rng(seed)
    f, p = rng.uniform(0, 0.1, (2, count, 1, 5))
    x = (np.sin(f * np.arange(LENGTH)[None, :, None] + p) + 1) / 2
    return torch.tensor(x, dtype=torch.float32)


def table(path: Path) -> Tensor:
    rows = np.loadtxt(path, delimiter=",", skiprows=1)
    low, high = rows.min(0), rows.max(0)
    return torch.tensor((rows - low) / (high - low), dtype=torch.float32)


def windowed(rows: Tensor) -> Tensor:
    return rows.unfold(0, LENGTH, 1).transpose(1, 2).contiguous()


def without_rows(x: Tensor, share: float, seed: int) -> Tensor:
    """The same with NaN in a share of all rows, for windows or for a table."""
    generator = torch.Generator().manual_seed(seed)
    gone = torch.rand(x.shape[:-1], generator=generator) < share
    return torch.where(gone.unsqueeze(-1), torch.nan, x)


def seen(windows: Tensor) -> Tensor:
    return windows[~windows.isnan().flatten(1).all(1)]


def strict(real: Tensor, made: Tensor, seed: int) -> float:
    """Accuracy of boosted trees on [x, Δx]; 0.5 is indistinguishable.

    Real windows are in the order of time, and in blocks: the trees learn from every other one.
    Those at the edges are left out, so that no row is on both sides.
    """
    size = len(real) // BLOCKS
    starts = [(k, slice(k * size, (k + 1) * size - LENGTH + 1)) for k in range(BLOCKS)]
    halves = [torch.cat([real[part] for k, part in starts if k % 2 == side]) for side in (0, 1)]
    order = torch.randperm(len(made), generator=torch.Generator().manual_seed(seed))
    fakes = made[order].split([len(halves[0]), len(halves[1]), len(made) - sum(map(len, halves))])
    learn, test = (features(half, fake) for half, fake in zip(halves, fakes, strict=False))
    return float(HistGradientBoostingClassifier(random_state=seed).fit(*learn).score(*test))


def features(real: Tensor, made: Tensor) -> tuple[NDArray[Any], NDArray[Any]]:
    x = torch.cat((real, made))
    flat = torch.cat((x.flatten(1), x.diff(dim=1).flatten(1)), 1).numpy()
    return flat, np.repeat([1, 0], [len(real), len(made)])


def discriminative(real: Tensor, made: Tensor, seed: int, steps: int) -> float:
    """TimeGAN's score ``|accuracy − ½|``: a GRU of C/2 numbers, tested on 20 % of the windows."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        cells = nn.GRU(real.shape[2], real.shape[2] // 2, batch_first=True)
        read = nn.Linear(real.shape[2] // 2, 1)
    parts = []
    for x in (real, made):
        x = x[torch.randperm(len(x), generator=generator)]
        parts.append(x.split([int(0.8 * len(x)), len(x) - int(0.8 * len(x))]))
    (real, real_test), (made, made_test) = parts
    optimizer = torch.optim.Adam([*cells.parameters(), *read.parameters()])
    labels = torch.cat((torch.ones(BATCH), torch.zeros(BATCH)))
    for _ in range(steps):
        picks = [x[torch.randint(len(x), (BATCH,), generator=generator)] for x in (real, made)]
        logits = read(cells(torch.cat(picks))[1][0]).squeeze(1)
        optimizer.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(logits, labels).backward()
        optimizer.step()
    with torch.no_grad():
        right = [read(cells(x)[1][0]).squeeze(1) > 0 for x in (real_test, made_test)]
    hits = int(right[0].sum()) + int((~right[1]).sum())
    return abs(hits / (len(real_test) + len(made_test)) - 0.5)


def judged(real: Tensor, made: Tensor, quick: bool) -> dict[str, float]:
    scores = [
        discriminative(real, made, k, 200 if quick else 2000) for k in range(2 if quick else 5)
    ]
    trees = [strict(real, made, k) for k in range(1 if quick else 3)]
    return {
        "discriminative score": round(float(np.mean(scores)), 4),
        "its deviation over judges": round(float(np.std(scores)), 4),
        "strict accuracy": round(float(np.mean(trees)), 4),
        "mean |second difference|": round(float(made.diff(n=2, dim=1).abs().mean()), 5),
        "mean deviation of a moment": round(float(made.std(0).mean()), 4),
    }


def measured(
    name: str, encoder: str, given: Tensor, real: Tensor, quick: bool, steps: int
) -> dict[str, Any]:
    arguments = {"channels": real.shape[2], "encoder": encoder, **WEIGHTS[name]}
    model = new_generator("koopman-vae", arguments)
    assert isinstance(model, KoopmanVAE)
    begun = time.process_time()
    history = model.fit(
        given, steps=steps, batch_size=BATCH, learning_rate=RATE, ema_decay=0.995, progress=False
    )
    seconds = time.process_time() - begun
    n = len(real)
    spectrum = Spectrum.of(linear_operator(model.latents(given[:2000], regular_times(LENGTH))))
    with torch.no_grad():
        linear = model.decode(model.linear_latents(LENGTH, Noise.of(0, n).named("sample")))
    last = history[-1]
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "steps": steps,
        "epochs": round(steps * BATCH / len(given), 1),
        "seconds of processor": round(seconds),
        "reconstruction of a window": round(last["reconstruction"], 4),
        "divergence, nats": round(last["divergence"], 2),
        "err(C)": round(last["dynamics"], 4),
        "largest moduli": [round(float(v), 3) for v in spectrum.moduli[:4]],
        "drawn from the prior": judged(real, model.sample(n, LENGTH, seed=1), quick),
        "drawn by C": judged(real, linear, quick),
    }


def main() -> None:
    """Train and judge each of the four, and record it."""
    torch.set_num_threads(1)
    options = common.arguments(__doc__, stocks=Path("stock_data.csv"))
    steps = 100 if options.quick else 5000
    sets = {"sines": (sines(10_000, 0), without_rows(sines(10_000, 0), 0.5, 0))}
    floors = {"sines": sines(10_000, 1)}
    if options.stocks.exists():
        rows = table(options.stocks)
        sets["stocks"] = (windowed(rows), windowed(without_rows(rows, 0.5, 0)))
    figures: dict[str, Any] = {
        "protocol": {
            "length": LENGTH,
            "batch": BATCH,
            "learning rate": RATE,
            "weights": WEIGHTS,
            "of the paper": "600 epochs, batch 64, learning rate 0.0007",
        }
    }
    for name, (real, gaps) in sets.items():
        figures[name] = {
            "complete": measured(name, "recurrent", real, real, options.quick, steps),
            "half of the rows missing": measured(
                name, "gaps", seen(gaps), real, options.quick, steps
            ),
        }
        if name in floors:
            figures[name]["real against real"] = judged(real, floors[name], options.quick)
    common.record("koopman_vae", options, figures)


if __name__ == "__main__":
    main()
