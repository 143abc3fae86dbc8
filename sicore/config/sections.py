"""The sections of a run's configuration: everything that decides what is trained and sampled."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from sicore.config.component import Component, In


def _unquoted_no(value: Any) -> Any:
    return "no" if value is False else value  # YAML reads a bare `no` as false


def _named(default: str) -> Any:
    return Field(default)  # a registered name, which validation turns into a component


class Section(BaseModel):
    """A part of the configuration: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class ObjectiveConfig(Section):
    """What the training minimises."""

    time_law: Annotated[Component, In("time_law")] = _named("uniform")
    weight: Annotated[Component, In("weight")] = _named("uniform")
    coupling: Annotated[Component, In("coupling")] = _named("independent")
    antithetic: bool = False
    condition_dropout: float = Field(0.1, ge=0, le=1)
    regularisers: tuple[Annotated[Component, In("regulariser")], ...] = ()
    leaf_weights: dict[str, float] | None = None
    rollout: float = Field(0.0, ge=0, le=1)


class TrainingConfig(Section):
    """How the training runs."""

    steps: int = Field(5000, ge=1)
    batch_size: int = Field(128, ge=1)
    optimizer: Literal["adamw", "muon"] = "adamw"
    learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.0, ge=0)
    warmup_steps: int = Field(100, ge=0)
    schedule: Literal["cosine", "constant"] = "cosine"
    ema_decay: float = Field(0.999, ge=0, lt=1)
    clip_norm: float = Field(1.0, gt=0)
    precision: Annotated[Literal["no", "bf16", "fp16"], BeforeValidator(_unquoted_no)] = "no"
    compile: bool = False
    seed: int = Field(0, ge=0)
    start_from: dict[str, str] = Field(default_factory=dict)
    checkpoint_every: int = Field(250, ge=1)
    log_every: int = Field(20, ge=1)
    channels_last: bool = False
    tensorboard: bool = False


class SamplingConfig(Section):
    """What sampling does when nothing else is asked for.

    ``epsilon`` is for SDE solvers: a number c is ``ε(t) = c γ(t)``, and ``noising`` the reverse of
    the path's own diffusion (``sicore.dynamics.noising``).
    """

    solver: Annotated[Component, In("solver")] = _named("heun")
    steps: int = Field(20, ge=1)
    guidance: float = 1.0
    grid: Annotated[Component, In("grid")] = _named("uniform")
    start: float = Field(0.0, ge=0, lt=1)
    end: float = Field(1.0, gt=0, le=1)
    epsilon: Annotated[float, Field(ge=0)] | Literal["noising"] = 1.0


class RunConfig(Section):
    """The whole configuration of a training, as a preset or a model folder holds it.

    ``domain`` may be partial in a preset: the dataset fills it in
    (``config.domain.filled(dataset.domain_config())``).
    """

    domain: Annotated[Component, In("domain", partial=True)]
    data: Annotated[Component, In("dataset")]
    network: Annotated[Component, In("backbone")]
    interpolant: Annotated[Component, In("interpolant")] = _named("linear")
    prediction: Annotated[Component, In("kind")] = _named("velocity")
    preconditioning: Annotated[Component, In("preconditioning")] = _named("none")
    objective: ObjectiveConfig = Field(default_factory=ObjectiveConfig)
    training: TrainingConfig = Field(default_factory=TrainingConfig)
    sampling: SamplingConfig = Field(default_factory=SamplingConfig)
