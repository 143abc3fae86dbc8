"""From a configuration to the objects that it names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from sicore.config import RunConfig
from sicore.hub.domain import Domain
from sicore.interpolants import Interpolant
from sicore.objectives import Objective
from sicore.predictions import Kind, NetworkPrediction, Preconditioning


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
    domain = config.domain.build()
    return Parts(
        domain=domain,
        network=config.network.build(domain=domain),
        interpolant=config.interpolant.build(),
        kind=config.prediction.build(),
        preconditioning=config.preconditioning.build(),
    )


def build_objective(config: RunConfig, interpolant: Interpolant) -> Objective:
    """Build the objective of a training."""
    section = config.objective
    return Objective(
        interpolant=interpolant,
        time_law=section.time_law.build(),
        weight=section.weight.build(),
        coupling=section.coupling.build(),
        antithetic=section.antithetic,
        condition_dropout=section.condition_dropout,
        regularisers=tuple(entry.build() for entry in section.regularisers),
        leaf_weights=section.leaf_weights,
    )


def fill_domain(config: RunConfig, dataset: Any) -> RunConfig:
    """The configuration with its domain section completed from the data."""
    whole = config.domain.filled(dataset.domain_config())
    return config.model_copy(update={"domain": whole})
