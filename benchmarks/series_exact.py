"""Models of processes whose laws are known, beside these laws: every row at its gate.

One small network for each process, trained for a minute to a quarter of an hour on windows of 24
moments of the exact process; where it can, the same model answers several rows. The floor of a row
is the exact sampler in the model's place. Gates:

* generated windows: Bures–Wasserstein distance at most twice that of as many exact ones;
* forecasts of 12 moments from 12: CRPS at most 1.03 times the exact law's, PIT uniform (1 % test);
* 70 % of the entries hidden: CRPS, and energy score of all of them together, at most 1.05 times;
* posteriors of gaps: error of the covariance at most 0.2, where an answer without spread has 1;
* laws of one number: Kolmogorov–Smirnov distance of 5,000 values below that of the 1 % test.

Models are kept in the folder ``--models``, and are not trained again; the figures are written after
every process, so that a run that was stopped goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from common import arguments, record
from series_laws import (
    AHEAD,
    BATCH,
    LENGTH,
    NAN,
    REGULAR,
    REPEATS,
    Asked,
    asked,
    bures_row,
    crps_row,
    draws,
    energy_row,
    generated,
    in_order,
    ks_row,
    posterior_rows,
    row,
    some_entries,
    the_end,
    trained,
)
from torch import Tensor

from sicore.hub import Model
from sicore.inverse import MMPS, Inpaint
from sicore.states import Noise
from sicore_timeseries.data.processes import random_moments
from sicore_timeseries.exact import examples
from sicore_timeseries.metrics import gaussian_log_score, pit_values

Rows = dict[str, Any]
COLUMNS = ("figure", "floor", "gate", "passed")


@dataclass(frozen=True)
class Size:
    """How much is drawn.

    Args:
        windows: that are generated.
        asked: windows that are forecast or filled.
        draws: of each of these.
        steps: of training, times this.
    """

    windows: int = 5000
    asked: int = 1000
    draws: int = 16
    steps: float = 1.0


def forecast_rows(model: Model, about: Asked, **how: Any) -> Rows:
    """CRPS, and the PIT of one moment of each window, so that they are independent."""
    made = draws(model, about.observed, about.exact.shape[0], about.times, **how)
    ahead = torch.arange(len(about.truth)) % AHEAD + LENGTH - AHEAD
    each = torch.arange(len(about.truth))
    pits = [
        torch.from_numpy(pit_values(x[:, each, ahead, 0], about.truth[each, ahead, 0]))
        for x in (made, about.exact)
    ]
    return {"CRPS": crps_row(made, about, 1.03), "PIT": ks_row(*pits, "uniform")}


def impute_rows(model: Model, about: Asked, **how: Any) -> Rows:
    """CRPS and energy score of what is hidden."""
    made = draws(model, about.observed, about.exact.shape[0], about.times, **how)
    return {"CRPS": crps_row(made, about, 1.05), "energy score": energy_row(made, about, 1.05)}


def ou(model: Model, size: Size) -> Rows:
    """Three tasks of one model."""
    law = examples.OU.law(REGULAR)
    forecast = asked(law, the_end(size.asked), size.draws)
    gaps = asked(law, some_entries(size.asked, 0.7), size.draws)
    return {
        "generate": bures_row(generated(model, size.windows), law),
        "forecast": forecast_rows(model, forecast),
        "impute, 70 % hidden": impute_rows(model, gaps),
    }


def ou_random(model: Model, size: Size) -> Rows:
    """At moments that are drawn for each window; the source is a Gaussian process at these."""
    one = random_moments(Noise.of(7, 1), LENGTH)[0]
    each = random_moments(Noise.of(9, size.asked), LENGTH)
    about = asked(examples.OU, the_end(size.asked), size.draws, each)
    return {
        "generate": bures_row(generated(model, size.windows, one), examples.OU.law(one)),
        "forecast": forecast_rows(model, about),
    }


def ou_foellmer(model: Model, size: Size) -> Rows:
    """Forecasts on paths that start in the present."""
    law = examples.OU.law(REGULAR)
    return {"forecast": forecast_rows(model, asked(law, the_end(size.asked), size.draws))}


def ou_inverse(model: Model, size: Size) -> Rows:
    """A model that only generates forecasts and fills gaps by its posterior."""
    law, count = examples.OU.law(REGULAR), 2 * size.draws
    gap = some_entries(1, 0.7).expand(size.asked // 20, -1, -1)
    about = {
        "forecast": asked(law, the_end(size.asked // 20), count),
        "impute, 70 % hidden": asked(law, gap, count),
    }
    rows = {}
    for name, one in about.items():
        made = restored(model, one.observed, count)
        rows[name] = {
            "CRPS": crps_row(made, one, 1.05),
            **posterior_rows(made, one, 0.35, 0.2),
        }
    return rows


def restored(model: Model, observed: Tensor, count: int) -> Tensor:
    """Draws of the posterior, ``(S, B, T, C)``; the same entries of all windows are observed.

    One iteration: the Jacobian of a network is not quite symmetric, and with more of them, which
    an exact denoiser would profit from, a few draws in a thousand run away.
    """
    known = Inpaint(~observed[0].isnan())
    y = known(model.domain.encode(observed))
    method = MMPS(iterations=1)
    made = model.restore(y, known, samples=count, method=method, batch_size=BATCH)
    return in_order(made.decoded, count)


def autoregression(process: Any) -> Callable[[Model, Size], Rows]:
    """Windows, their autocovariance at growing numbers of them, and forecasts."""

    def rows(model: Model, size: Size) -> Rows:
        law, channels = process.law(LENGTH), len(process.matrix)
        made = generated(model, size.windows)
        about = asked(law, the_end(size.asked, channels), size.draws)
        exact = [law.sample(Noise.of(20 + k, size.windows)) for k in range(REPEATS)]
        counts = (size.windows // 16, size.windows // 4, size.windows)
        figures, floors = {}, {}
        for n in counts:
            parts = made[: counts[-1] // n * n].unflatten(0, (-1, n))
            figures[n] = mean_square([lag_error(part, process) for part in parts]) ** 0.5
            floors[n] = mean_square([lag_error(x[:n], process) for x in exact]) ** 0.5
        last = counts[-1]
        by_number = {str(n): [round(figures[n], 4), round(floors[n], 4)] for n in counts}
        return {
            "generate": bures_row(made, law),
            "autocovariance": row(
                figures[last], floors[last], 2 * floors[last], by_windows=by_number
            ),
            "forecast": {
                "CRPS": crps_row(draws(model, about.observed, size.draws), about, 1.03),
            },
        }

    return rows


def lag_error(x: Tensor, process: Any) -> float:
    """Root mean square error of autocovariances of lags 0 to 8, relative to the variance."""
    errors = []
    for lag in range(9):
        late, early = x[:, lag:], x[:, : LENGTH - lag]
        found = torch.einsum("btc,btd->cd", late, early) / (len(x) * late.shape[1])
        errors.append((found - process.autocovariance(lag)) / process.stationary.diagonal().mean())
    return float(torch.stack(errors).square().mean().sqrt())


def mean_square(values: list[float]) -> float:
    return sum(value**2 for value in values) / len(values)


def gbm(model: Model, size: Size) -> Rows:
    """Returns of one step and of the whole window, and the prices of calls at its end."""
    process, end = examples.GBM, torch.tensor(float(REGULAR[1]) + 1, dtype=torch.float64)
    exact = examples.prices(Noise.of(1, size.windows), REGULAR)[..., 0]
    made = generated(model, size.windows)[..., 0]
    step = float(REGULAR[1])
    mean = (process.drift - process.volatility**2 / 2) * step

    def one_step(x: Tensor) -> Tensor:
        returns = x.log().diff(dim=1)
        chosen = torch.arange(len(x)) % returns.shape[1]
        returns = returns[torch.arange(len(x)), chosen]
        return (returns - mean) / (process.volatility * step**0.5)

    def final(x: Tensor) -> Tensor:
        centre, std = process.log_law(end)
        return (x[:, -1].log() - centre) / std

    prices = {}
    for strike in (0.8, 1.0, 1.2):
        price = float(process.call_price(end, torch.tensor(strike, dtype=torch.float64)))
        paid = [
            (x[:, -1] - strike).clamp(min=0) * float((-process.drift * end).exp())
            for x in (made, exact)
        ]
        error = float(paid[1].std()) / len(made) ** 0.5
        gaps = [abs(float(x.mean()) - price) / error for x in paid]
        prices[f"call at {strike}, in standard errors"] = row(*gaps, 3.0, price=round(price, 4))
    return {
        "log returns of a step": ks_row(one_step(made), one_step(exact), "norm"),
        "log return of the window": ks_row(final(made), final(exact), "norm"),
        **prices,
    }


def gaps_of(process: Any) -> Callable[[Model, Size], Rows]:
    """Gaps of a smooth or a periodic process: is their covariance known, too?"""

    def rows(model: Model, size: Size) -> Rows:
        masks = some_entries(4, 0.7).repeat(size.asked // 125, 1, 1)
        about = asked(process.law(REGULAR), masks, 8 * size.draws)
        made = draws(model, about.observed, 8 * size.draws)
        return {"impute, 70 % hidden": posterior_rows(made, about, 0.35, 0.2)}

    return rows


def state_space(model: Model, size: Size) -> Rows:
    """How much less likely, in nats, the truth is than to a Kalman filter, moment by moment.

    The model's law is taken as the Gaussian of its draws, of which there are few: see the floor.
    """
    law, count = examples.SWING.law(LENGTH), 8 * size.draws
    about = asked(law, the_end(size.asked // 5), count)
    best = gaussian_log_score(about.mean, about.std.clamp(min=1e-9), about.truth)
    made = draws(model, about.observed, count)
    scores = [
        gaussian_log_score(x.mean(0), x.std(0).clamp(min=1e-9), about.truth)
        for x in (made, about.exact)
    ]
    return {"forecast, log-score gap": row(scores[0] - best, scores[1] - best, 0.05)}


def switching(model: Model, size: Size) -> Rows:
    """The probability of a mode given four values: in draws of the rest, and exactly."""
    process, seen = examples.SWITCHING, 4
    x, _ = process.sample(Noise.of(1, size.asked // 5), REGULAR)
    past = x.clone()
    past[:, seen:] = NAN
    exact = process.mode_posterior(x[:, :seen], REGULAR[:seen])[:, -1, 1]
    count = 4 * size.draws
    made = draws(model, past, count)
    made[:, :, :seen] = x[:, :seen]

    def weights(paths: Tensor) -> Tensor:
        given = process.mode_posterior(paths.flatten(0, 1), REGULAR)[:, -1, 1]
        return given.view(len(paths), -1).mean(0)

    futures = [exact_future(process, x[:, :seen], exact, k) for k in range(count)]
    errors = [
        float((weights(y) - exact).square().mean().sqrt()) for y in (made, torch.stack(futures))
    ]
    spread = float(exact.std())
    return {"mode weights": row(*errors, 0.1, spread=round(spread, 3))}


def exact_future(process: Any, past: Tensor, right: Tensor, number: int) -> Tensor:
    """A draw of the whole window given its first values, ``(B, T, 1)``."""
    noise = Noise.of(5, len(past)).named("future").at(number)
    mode = (noise.uniform() < right).long()
    laws = process.forecast(past, REGULAR[: past.shape[1]], REGULAR[past.shape[1] :])
    each = torch.arange(len(past))
    chosen = (laws.modes[:, 0] == mode.unsqueeze(1)).long().argmax(1)
    root = torch.linalg.cholesky(laws.covariances[chosen])
    z = noise.normal((root.shape[-1],), torch.float64)
    later = laws.means[each, chosen] + (root @ z.unsqueeze(-1)).squeeze(-1)
    return torch.cat((past, later.unsqueeze(-1)), 1)


def double_well(model: Model, size: Size) -> Rows:
    """Density, mass of the right well, and how many leave the left one within a window."""
    process, step = examples.WELLS, examples.WELLS_TIME
    made = generated(model, size.windows)[..., 0]
    exact = process.sample(Noise.of(1, size.windows), step * REGULAR)[..., 0]
    edges = torch.linspace(-2, 2, 41, dtype=torch.float64)
    fine = torch.linspace(-2, 2, 40 * 50 + 1, dtype=torch.float64)
    cells = torch.cumulative_trapezoid(process.density(fine), fine)[49::50]
    mass = cells.diff(prepend=cells.new_zeros(1))

    def distance(x: Tensor) -> float:
        share = torch.histogram(x.flatten(), edges).hist / x.numel()
        return float((share - mass).abs().sum() + (1 - share.sum()))

    grid = torch.linspace(-2.5, 2.5, 401, dtype=torch.float64)
    kernel = process.transition(grid, step)
    rest = process.density(grid) * (grid < process.top)
    leaving = float((rest / rest.sum()) @ kernel[:, grid > process.top].sum(1))

    def left(x: Tensor) -> float:
        inside = x[:, 0] < process.top
        return float((x[inside, -1] > process.top).double().mean())

    right = [abs(float((x > process.top).double().mean()) - process.right) for x in (made, exact)]
    rates = [abs(left(x) / leaving - 1) for x in (made, exact)]
    error = (leaving * (1 - process.right) * len(made)) ** -0.5  # of a count of exits
    return {
        "density, L1": row(distance(made), distance(exact), 0.08),
        "mass of the right well": row(*right, 0.03, truth=round(process.right, 4)),
        "exits, relative error": row(
            *rates, 3 * error, truth=round(leaving, 4), found=round(left(made), 4)
        ),
    }


def hawkes(model: Model, size: Size) -> Rows:
    """Waits in the units of time in which they are independent and exponential."""
    process = examples.HAWKES
    exact = examples.gaps(Noise.of(1, size.windows), REGULAR)[..., 0]
    made = generated(model, size.windows)[..., 0]

    def rescaled(waits: Tensor) -> Tensor:
        return torch.stack([process.rescaled(own) for own in waits.cumsum(1)])

    ours, floor = rescaled(made), rescaled(exact)
    each, one = torch.arange(len(ours)), torch.arange(len(ours)) % LENGTH
    serial = [
        abs(float(torch.corrcoef(torch.stack((x[:, :-1].flatten(), x[:, 1:].flatten())))[0, 1]))
        for x in (ours, floor)
    ]
    return {
        "time rescaling": ks_row(ours[each, one], floor[each, one], "expon"),
        "correlation of neighbours": row(*serial, 0.03),
    }


@dataclass(frozen=True)
class Case:
    """A model and what it is asked.

    Args:
        measure: its rows.
        data: parameters of ``timeseries/exact``.
        steps: of training.
        network: parameters of the perceptron, or of another network.
        preset: of ``timeseries``.
        domain: parameters of the domain.
    """

    measure: Callable[[Model, Size], Rows]
    data: Mapping[str, Any]
    steps: int = 1200
    network: Mapping[str, Any] = field(default_factory=lambda: {"width": 128})
    preset: str = "file"
    domain: Mapping[str, Any] = field(default_factory=dict)


def tasks(*names: str) -> dict[str, float]:
    return dict.fromkeys(names, 1.0)


MANY = 200_000  # windows, where the law of gaps has to be known to a few per cent
WIDE, WIDER = {"width": 192}, {"width": 256}
GENERATE, FORECAST, IMPUTE = tasks("generate"), tasks("forecast"), tasks("impute")
BOTH = tasks("generate", "forecast")
ALL = {**BOTH, "impute": 2.0}

CASES: Mapping[str, Case] = {
    "ou": Case(ou, {"process": "ou", "task": ALL}, 2500, WIDE),
    "ou, random times, from a Gaussian process": Case(
        ou_random,
        {"process": "ou", "irregular": 1.0, "task": BOTH, "size": 100_000},
        3000,
        {"name": "timeseries/transformer", "width": 64, "depth": 3, "expansion": 2},
        domain={"kernel": ("matern12", 0.5)},
    ),
    "ou, from the present": Case(
        ou_foellmer, {"process": "ou", "task": FORECAST}, preset="foellmer"
    ),
    "ou, as an inverse problem": Case(ou_inverse, {"process": "ou", "task": GENERATE}),
    "ar1": Case(autoregression(examples.AR1), {"process": "ar1", "task": BOTH}),
    "var1": Case(autoregression(examples.VAR1), {"process": "var1", "task": BOTH}, 2500),
    "gbm": Case(gbm, {"process": "gbm", "task": GENERATE}),
    "matern": Case(
        gaps_of(examples.MATERN), {"process": "matern", "task": IMPUTE, "size": MANY}, 12_000, WIDER
    ),
    "periodic": Case(
        gaps_of(examples.PERIODIC),
        {"process": "periodic", "task": IMPUTE, "size": MANY},
        12_000,
        WIDER,
    ),
    "state space": Case(state_space, {"process": "state-space", "task": FORECAST}),
    "switching": Case(switching, {"process": "switching", "task": FORECAST, "horizon": 20}),
    "double well": Case(double_well, {"process": "double-well", "task": GENERATE}, 3000),
    "hawkes": Case(
        hawkes,
        {"process": "hawkes", "task": GENERATE, "scaling": "quantile", "size": MANY},
        10_000,
        WIDER,
    ),
}


def main() -> None:
    """Measure, and write ``series_exact.json``."""
    options = arguments(__doc__, models=Path("runs/series-exact"))
    torch.set_num_threads(1)
    size = Size(320, 125, 8, 0.04) if options.quick else Size()
    drawn = {"windows": size.windows, "asked": size.asked, "draws": size.draws}
    table: list[dict[str, Any]] = []
    beside: dict[str, Any] = {}
    models: dict[str, Any] = {}
    figures = {"drawn": drawn, "laws": table, "models": models, "beside": beside}
    for name, case in CASES.items():
        data = {"paired": True, **case.data} if case.preset == "foellmer" else case.data
        folder = options.models / name.replace(", ", "-").replace(" ", "-")
        steps = round(size.steps * case.steps)
        model = trained(folder, data, steps, case.network, case.preset, **case.domain)
        for what, found in named(case.measure(model, size)):
            table.append({"process": name, "row": what} | {key: found.pop(key) for key in COLUMNS})
            if found:
                beside[f"{name}: {what}"] = found
        models[name] = {**case.network, "batch": 128, **model.metrics["training"]}
        record("series_exact", options, figures)


def named(rows: Rows, before: str = "") -> list[tuple[str, dict[str, Any]]]:
    """The rows of a nested table, each with its path as a name."""
    found = []
    for name, value in rows.items():
        if "figure" in value:
            found.append((before + name, value))
        else:
            found += named(value, f"{before}{name}: ")
    return found


if __name__ == "__main__":
    main()
