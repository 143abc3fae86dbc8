"""A trained model: load it, sample from it, restore with it, hand it on."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from sicore.config import RunConfig, SamplingConfig, dump_config, load_config
from sicore.dynamics import Epsilon
from sicore.errors import InputError, did_you_mean
from sicore.files import read_json, write_json, write_text
from sicore.guidance import ClassifierFree
from sicore.hub.build import Parts, build_coupling, build_parts
from sicore.hub.conditions import ConditionLike, coded_conditions, plain_condition
from sicore.hub.domain import Domain
from sicore.hub.folder import (
    CARD,
    CONFIG,
    GRIDS,
    METRICS,
    MOMENTS,
    WEIGHTS,
    new_model_folder,
    read_tensors,
    write_tensors,
)
from sicore.hub.moments import Moments, Teleport, read_moments
from sicore.hub.plan import Plan, SourceStates, built, make_plan
from sicore.hub.samples import Samples, trouble
from sicore.hub.tuned import TunedGrids, read_tuned
from sicore.interpolants import Interpolant
from sicore.inverse import Measurement, Method, Operator
from sicore.objectives import Coupling
from sicore.plugins import get_registry
from sicore.predictions import AsInterpolant, Condition, Prediction, started
from sicore.progress import progress_bar
from sicore.solvers import Callback, Grid, Solution, Solver
from sicore.states import Noise, State, StateSpace, batch_size, concatenate, take, to


class Model:
    """A network with its path, its domain and its configuration.

    Args:
        config: the whole configuration.
        parts: the objects that it names, with the trained weights.
        metrics: what was measured, from ``metrics.json``.
        card: the model card, Markdown.
        moments: Gaussians of its data, for ``sample(teleport=…)``.
        grids: time grids that were made for it, for ``sample(grid="tuned")``.
    """

    def __init__(
        self,
        config: RunConfig,
        parts: Parts,
        metrics: Mapping[str, Any],
        card: str = "",
        moments: Moments | None = None,
        grids: TunedGrids = TunedGrids(),
    ) -> None:
        self.config, self.parts, self.metrics, self.card = config, parts, metrics, card
        self.moments, self.grids = moments, grids

    @property
    def domain(self) -> Domain:
        """Its kind of data."""
        return self.parts.domain

    @property
    def network(self) -> torch.nn.Module:
        """The network, in evaluation mode."""
        return self.parts.network

    @property
    def interpolant(self) -> Interpolant:
        """Its path."""
        return self.parts.interpolant

    @property
    def prediction(self) -> Prediction:
        """The network as a prediction: compose it with guidance, dynamics and solvers at will."""
        return self.parts.prediction()

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.network.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the weights."""
        return next(self.network.parameters()).dtype

    def sample(
        self,
        n: int = 1,
        condition: ConditionLike = None,
        *,
        solver: str | Solver | None = None,
        steps: int | None = None,
        guidance: float | None = None,
        grid: str | Grid | None = None,
        epsilon: float | Epsilon | None = None,
        as_interpolant: str | Interpolant | None = None,
        teleport: float | None = None,
        x0: State | None = None,
        seed: int = 0,
        first_index: int = 0,
        batch_size: int = 64,
        callbacks: Sequence[Callback] = (),
        wrappers: Sequence[Callable[[Prediction], Prediction]] = (),
        compile: bool = False,
        progress: bool = False,
    ) -> Samples:
        """Draw samples; what is None comes from the model's ``sampling`` configuration.

        Args:
            n: how many.
            condition: what to generate, e.g. ``{"class": 3}`` or ``{"class": ["Bag", "Coat"]}``.
            solver: a registered name or an object; an SDE solver makes it stochastic.
            steps: steps of the solver. One that chooses its own (``dopri5``) uses neither them nor
                the grid; its tolerances are its parameters.
            guidance: scale of classifier-free guidance; 1 is the conditional model.
            grid: a registered name or an object; ``"tuned"`` is one that `sicore tune-grid` made
                for this model, solver and number of steps.
            epsilon: ε of the SDE: a number c for ``ε(t) = c γ(t)``, or a function of t.
            as_interpolant: sample on another path from Gaussian noise, a registered name or
                an object: exact, without retraining (``sicore.predictions.AsInterpolant``).
                Grid and ε are those of that path; the grid covers what the model knows.
            teleport: a noise level σ, in units of the state: start there, with states that the
                Gaussians of the data (``sicore moments``) made, and save the calls before it.
            x0: source states ``(n, ...)`` of a two-sided path, as ``model.domain.encode`` makes
                them; by default drawn from the source that the model was trained from.
            seed: sample number k of a seed is the same for every n, batch size and grouping.
            first_index: the number of the first sample.
            batch_size: how many are in the network's batch at once; the cuts are at its multiples.
            callbacks: see ``sicore.solvers.solve``.
            wrappers: what to do with the prediction, in order, such as
                ``lambda p: Tilted(p, regressor, value, std)``.
            compile: make one program of network and solver, for many batches of one size; the
                first batch then takes a minute longer.
            progress: show a bar.

        Raises:
            InputError, UnknownName: for settings that do not fit.
        """
        coded = self.coded(condition, n)
        prediction, defaults, moved = self._on(as_interpolant, self.guided(guidance, coded))
        for wrap in wrappers:
            prediction = wrap(prediction)
        path, jump = prediction.interpolant, self._teleport(teleport)
        grid = self._tuned(grid, defaults, solver)
        plan = make_plan(defaults, path, solver, steps, grid, epsilon, jump)
        plan = replace(plan, compile=compile)
        if plan.epsilon is not None:
            self._check_score("an SDE")
        source = self._source(x0, n)
        results = []
        cuts = _cuts(first_index, n, batch_size, plan)
        with progress_bar("sampling", n, progress) as bar, torch.no_grad():
            for first, last in cuts:
                part = slice(first - first_index, last - first_index)
                asked: Condition = {k: v[part] for k, v in coded.items()} if coded else None
                noise = self.streams(seed, first, last, asked)
                space, starts = cast("StateSpace", noise.space), source(part, noise)
                given = self._seen(asked)
                before = 0
                if starts is not None and starts.observed is not None:
                    given = {**(given or {}), starts.observed: cast("Tensor", starts.x0)}
                    start = started(self.prediction, starts.x0, starts.observed, given)
                    starts, given = replace(starts, x0=start.x0), start.condition
                    before = start.calls
                drawn = plan.run(
                    prediction, given, noise, self._like, space, callbacks, starts, batch_size
                )
                results.append(replace(drawn, nfe=drawn.nfe + before))
                bar.advance(last - first)
        settings = self._settings(condition, guidance, plan) | moved
        return self._samples(results, seed, settings)

    def restore(
        self,
        y: Tensor,
        operator: Operator,
        *,
        samples: int = 16,
        noise_std: float = 0.0,
        method: str | Method = "mmps",
        condition: ConditionLike = None,
        solver: str | Solver | None = None,
        steps: int | None = None,
        guidance: float | None = None,
        grid: str | Grid | None = None,
        epsilon: float | Epsilon | None = None,
        as_interpolant: str | Interpolant | None = None,
        seed: int = 0,
        batch_size: int = 64,
        callbacks: Sequence[Callback] = (),
        progress: bool = False,
    ) -> Samples:
        """Draw posterior samples of x given ``y = A x + noise_std · n``.

        Args:
            y: measurements ``(B, ...)`` in units of the state (``model.domain.encode``).
            operator: A.
            samples: how many for each measurement; they come out in a row.
            noise_std: the standard deviation of the measurement's noise, in units of the state.
            method: a registered name (``mmps``, ``pigdm``, ``replacement``) or an object.
            condition: as in ``sample``, one value for all.
            solver: as in ``sample``, like all that follow.

        Raises:
            InputError: if y does not fit the operator or the model.
        """
        self._check_measurement(y, operator)
        self._check_score("restore")
        n = len(y) * samples
        coded = self.coded(condition, n)
        plain, defaults, moved = self._on(as_interpolant, self.guided(guidance, coded))
        chosen, name = built("method", method)
        grid = self._tuned(grid, defaults, solver)
        plan = make_plan(defaults, plain.interpolant, solver, steps, grid, epsilon)
        results = []
        with progress_bar("restoring", n, progress) as bar, torch.no_grad():
            for first, last in _cuts(0, n, batch_size, plan):
                numbers = torch.arange(first, last)
                seen = y[numbers // samples].to(self.device, self.dtype)
                measurement = Measurement(operator, seen, noise_std)
                prediction, extra = chosen.attach(plain, measurement)
                asked = {k: v[first:last] for k, v in coded.items()} if coded else None
                noise, acting = self.streams(seed, first, last, asked), (*extra, *callbacks)
                space, given = cast("StateSpace", noise.space), self._seen(asked)
                drawn = plan.run(
                    prediction, given, noise, self._like, space, acting, width=batch_size
                )
                results.append(drawn)
                bar.advance(last - first)
        settings = {**self._settings(condition, guidance, plan), **moved}
        return self._samples(results, seed, {**settings, "method": name, "noise_std": noise_std})

    def save_pretrained(
        self, folder: Path | str, *, overwrite: bool = False, dtype: torch.dtype | None = None
    ) -> Path:
        """Write a model folder: weights, configuration, card and metrics.

        Args:
            folder: where; must be new or empty, or made by sicore and ``overwrite`` given.
            overwrite: replace what sicore wrote there.
            dtype: store floating-point weights in it, such as ``torch.float16`` for half the size.
        """
        target = new_model_folder(Path(folder), overwrite=overwrite)
        weights = self.network.state_dict()
        stored = {k: v.to(dtype) if v.is_floating_point() else v for k, v in weights.items()}
        write_tensors(target / WEIGHTS, stored)
        write_text(target / CONFIG, dump_config(self.config))
        write_text(target / CARD, self.card)
        write_json(target / METRICS, dict(self.metrics))
        if self.moments is not None:
            self.moments.save(target / MOMENTS)
        if self.grids.grids:
            self.grids.save(target / GRIDS)
        return target

    def push_to_hub(
        self, repository: str, *, private: bool = False, token: str | None = None
    ) -> str:
        """Upload the model folder to the Hugging Face hub and return its address."""
        from tempfile import TemporaryDirectory

        from huggingface_hub import HfApi

        api = HfApi(token=token)
        api.create_repo(repository, private=private, exist_ok=True)
        with TemporaryDirectory() as scratch:
            folder = self.save_pretrained(Path(scratch) / "model")
            return str(api.upload_folder(repo_id=repository, folder_path=folder))

    def guided(self, guidance: float | None, coded: Condition) -> Prediction:
        """Its prediction with classifier-free guidance, for conditions in codes."""
        scale = self.config.sampling.guidance if guidance is None else guidance
        if scale == 1.0:
            return self.prediction
        if self._seen(coded) is None:
            if guidance is None:
                return self.prediction
            raise InputError(f"guidance {scale:g}: needs a condition to guide towards")
        kept = (self.coupling.observed, getattr(self.network, "measured", None))
        return ClassifierFree(self.prediction, scale, tuple(k for k in kept if k is not None))

    def _on(
        self, as_interpolant: str | Interpolant | None, prediction: Prediction
    ) -> tuple[Prediction, SamplingConfig, dict[str, Any]]:
        """The prediction on another path, the defaults whose grid fits it, and what to record."""
        defaults = self.config.sampling
        if as_interpolant is None:
            return prediction, defaults, {}
        path, name = built("interpolant", as_interpolant)
        moved = AsInterpolant(prediction, path)
        start, end = moved.span(defaults.start, defaults.end)
        fitting = defaults.model_copy(update={"start": start, "end": end})
        return moved, fitting, {"as_interpolant": name}

    @cached_property
    def coupling(self) -> Coupling:
        """How source and data were paired in training."""
        return build_coupling(self.config, self.domain)

    def _check_score(self, what: str) -> None:
        if not self.coupling.independent_noise(self.interpolant):
            raise InputError(
                f"{what}: needs the score, which this model does not have: its coupling "
                f"'{self.config.objective.coupling.name}' ties the noise to the data; sample it "
                f"with an ODE solver"
            )

    def _source(self, x0: State | None, n: int) -> Callable[[slice, Noise], SourceStates | None]:
        """The source states of a part of the samples."""
        if not self.interpolant.two_sided:
            if x0 is not None:
                raise InputError("x0: this model starts from noise, not from source states")
            return lambda part, noise: None
        coupling, space = self.coupling, self.domain.space
        if x0 is None:
            if float(self.interpolant.at(0.0).alpha) == 0:
                raise InputError("x0: this model's path starts from data; give some as x0")
            like = space.zeros(1, self.dtype, self.device)
            return lambda part, noise: SourceStates(
                coupling.source_states(noise.named("source"), like), coupling.observed
            )
        space.check(x0, "x0")
        if batch_size(x0) != n:
            raise InputError(f"x0: expected {n} source states, got {batch_size(x0)}")
        starts = to(x0, self.device, self.dtype)
        return lambda part, noise: SourceStates(take(starts, part), coupling.observed)

    def _tuned(
        self, grid: str | Grid | None, defaults: SamplingConfig, solver: str | Solver | None
    ) -> str | Grid | None:
        """The model's own grids in the place of ``"tuned"``."""
        if grid != "tuned":
            return grid
        _, name = built("solver", defaults.solver if solver is None else solver)
        return replace(self.grids, solver=name)

    def _teleport(self, sigma: float | None) -> Teleport | None:
        if sigma is None:
            return None
        if self.moments is None:
            raise InputError(
                "teleport: this model has no moments of its data; `sicore moments MODEL` fits them"
            )
        if not self.coupling.independent_noise(self.interpolant):
            raise InputError(
                f"teleport: this model's coupling '{self.config.objective.coupling.name}' ties the "
                f"noise to the data; the Gaussians do not know how"
            )
        return Teleport(self.moments, sigma)

    def streams(self, seed: int, first: int, last: int, asked: Condition) -> Noise:
        """The random numbers of samples ``first`` to ``last − 1``, in the space of each.

        Args:
            seed: of the samples.
            first: number of the first one.
            last: number after the last one.
            asked: conditions in codes, which the space may depend on.
        """
        noise = Noise.of(seed, last - first, first, self.device)
        return replace(noise, space=self.domain.space_for(noise.named("space"), asked))

    def _seen(self, condition: Condition) -> Condition:
        """The part of a condition that the network is given."""
        conditions = self.domain.conditions
        return {k: v for k, v in (condition or {}).items() if conditions[k].seen} or None

    @property
    def _like(self) -> Tensor:
        return next(self.network.parameters())

    def coded(self, condition: ConditionLike, n: int) -> dict[str, Tensor] | None:
        """A condition's names and numbers as codes ``(n,)`` on the model's device."""
        codes = coded_conditions(self.domain.conditions, condition, n)
        return {k: v.to(self.device) for k, v in codes.items()} or None

    def _check_measurement(self, y: Tensor, operator: Operator) -> None:
        probe = self.domain.space.zeros(1, self.dtype, self.device)
        if not isinstance(probe, Tensor):
            raise InputError("restore: the operators act on tensors, not on trees of tensors")
        if not bool(y.isfinite().all()):
            raise InputError("y: the measurement has values that are not finite")
        expected = tuple(operator(probe).shape[1:])
        if tuple(y.shape[1:]) != expected:
            raise InputError(
                f"y: the operator measures shape {expected}, got {tuple(y.shape[1:])}; "
                f"y needs a batch axis in front"
            )

    def _settings(
        self, condition: ConditionLike, guidance: float | None, plan: Plan
    ) -> dict[str, Any]:
        scale = self.config.sampling.guidance if guidance is None else guidance
        return {"condition": plain_condition(condition), "guidance": scale, **plan.settings}

    def _samples(self, results: list[Solution], seed: int, settings: dict[str, Any]) -> Samples:
        x = concatenate([result.x for result in results])
        status = torch.cat([result.status for result in results])
        if wrong := trouble(status):
            warnings.warn(wrong, stacklevel=3)
        nfe = max(result.nfe for result in results)
        calls = [result.calls for result in results if result.calls is not None]
        every = torch.cat(calls) if calls else None
        return Samples(x, nfe, seed, status, settings, self.domain, every)


def _cuts(first: int, n: int, batch: int, plan: Plan) -> list[tuple[int, int]]:
    """Ranges of sample numbers, cut at the multiples of how many travel together."""
    if n < 1 or batch < 1:
        raise InputError(f"n and batch_size: expected numbers >= 1, got {n} and {batch}")
    size = plan.together(batch)
    inner = range((first // size + 1) * size, first + n, size)
    edges = [first, *inner, first + n]
    return list(pairwise(edges))


def load(
    name: str | Path, *, device: str | torch.device | None = None, dtype: torch.dtype | None = None
) -> Model:
    """Load a model by its registered name or from its folder.

    Args:
        name: such as ``"images/fashion-mnist"``, or the path of a model folder.
        device: where to put it; by default a GPU if there is one.
        dtype: of the weights; float32 by default, whatever they are stored in.

    Raises:
        UnknownName: if it is neither; names the nearest.
        InputError: if the folder is not whole, or its weights do not fit its configuration.
    """
    folder = model_folder(name)
    config = load_config(folder / CONFIG)
    parts = build_parts(config)
    tensors = read_tensors(folder / WEIGHTS)
    try:
        parts.network.load_state_dict(tensors)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise InputError(f"{folder}: the weights do not fit the configuration: {reason}") from None
    place = device or ("cuda" if torch.cuda.is_available() else "cpu")
    parts.network.to(device=place, dtype=dtype or torch.float32).eval().requires_grad_(False)
    metrics = folder / METRICS
    measured = read_json(metrics) if metrics.exists() else {}
    card = (folder / CARD).read_text("utf-8") if (folder / CARD).exists() else ""
    moments = read_moments(folder / MOMENTS) if (folder / MOMENTS).exists() else None
    grids = read_tuned(folder / GRIDS) if (folder / GRIDS).exists() else TunedGrids()
    return Model(config, parts, measured, card, moments, grids)


def model_folder(name: str | Path) -> Path:
    """The folder of a model, from its registered name or itself.

    Raises:
        UnknownName, InputError: if it is neither.
    """
    path = Path(name)
    if (path / CONFIG).is_file():
        return path
    if path.is_dir():
        raise InputError(f"{path}: is no model folder; it has no {CONFIG}")
    registry = get_registry()
    known = registry.names("model")
    if str(name) in known:
        return registry.resource("model", str(name))
    raise InputError(
        f"no model '{name}'{did_you_mean(str(name), known)}; give a model folder or one of: "
        f"{', '.join(known) or 'none is installed'}"
    )
