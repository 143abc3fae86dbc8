"""From a configuration to the objects that it names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from sicore.config import Component, RunConfig
from sicore.errors import InputError
from sicore.hub.domain import Domain
from sicore.interpolants import Interpolant
from sicore.objectives import Coupling, Objective, Rollout
from sicore.predictions import CATEGORICAL, DATA, Kind, NetworkPrediction, Preconditioning
from sicore.states import Noise, State


@dataclass(frozen=True)
class Parts:
    """The objects of a model."""

    domain: Domain
    network: nn.Module
    interpolant: Interpolant
    kind: Kind
    preconditioning: Preconditioning

    def prediction(self, network: Any = None) -> NetworkPrediction:
        """The prediction of ``network``, by default the model's own."""
        chosen = self.network if network is None else network
        return NetworkPrediction(chosen, self.interpolant, self.kind, self.preconditioning)


def build_parts(config: RunConfig) -> Parts:
    """Build domain, network and path; the domain section must be whole."""
    domain, path = config.domain.build(), config.interpolant.build()
    parts = Parts(
        domain=domain,
        network=config.network.assembled({"domain": domain}),
        interpolant=path,
        kind=config.prediction.build(),
        preconditioning=config.preconditioning.build(),
    )
    wanted = path.categorical or parts.kind is CATEGORICAL
    if wanted and parts.preconditioning.kind(DATA) is not CATEGORICAL:
        raise InputError(
            f"interpolant '{config.interpolant.name}', prediction '{config.prediction.name}': need "
            f"laws over kinds; set prediction=categorical and preconditioning.name=softmax"
        )
    return parts


def build_coupling(config: RunConfig, domain: Domain) -> Coupling:
    """Build the coupling; a source that encodes items gets the domain."""
    coupling: Coupling = config.objective.coupling.build({"domain": domain})
    return coupling


def build_objective(config: RunConfig, parts: Parts) -> Objective:
    """Build the objective of a training."""
    section = config.objective
    return Objective(
        interpolant=parts.interpolant,
        time_law=section.time_law.build(),
        weight=section.weight.build(),
        coupling=build_coupling(config, parts.domain),
        antithetic=section.antithetic,
        condition_dropout=section.condition_dropout,
        regularisers=tuple(entry.build() for entry in section.regularisers),
        leaf_weights=section.leaf_weights,
        rollout=Rollout(section.rollout) if section.rollout else None,
    )


def fill_domain(config: RunConfig, dataset: Any) -> RunConfig:
    """The configuration with what the data decide: its domain, and a path made from them."""
    config = config.model_copy(update={"domain": config.domain.filled(dataset.domain_config())})
    complete = getattr(config.interpolant.target(), "completed", None)
    if complete is None:
        return config

    def states(n: int) -> State:
        streams = Noise.of(config.training.seed, len(dataset)).named("path")
        items, _ = dataset.batch(streams.uniform().argsort()[:n])
        encoded: State = config.domain.build().encode(items)
        return encoded

    name, parameters = config.interpolant.name, config.interpolant.parameters
    path = Component.parse("interpolant", {"name": name, **complete(parameters, states)})
    return config.model_copy(update={"interpolant": path})
