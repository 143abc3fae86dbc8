"""The model card: what a model is, what it learnt from, how well, and how to make it again."""

from __future__ import annotations

from typing import Any

from sicore import __version__
from sicore.config import RunConfig


def model_card(config: RunConfig, dataset: Any, notes: str = "") -> str:
    """A Markdown card.

    Args:
        config: the whole configuration.
        dataset: what it was trained on; its ``title``, ``licence`` and ``source`` are cited.
        notes: more Markdown, such as a table of metrics.
    """
    training = config.training
    lines = [
        f"# {config.data.name}",
        "",
        f"A generative model by sicore {__version__}: backbone `{config.network.name}`, "
        f"path `{config.interpolant.name}`, prediction `{config.prediction.name}`.",
        "",
        "## Data",
        f"- {getattr(dataset, 'title', config.data.name)}",
        f"- Licence: {getattr(dataset, 'licence', 'not stated')}",
        f"- Source: {getattr(dataset, 'source', 'not stated')}",
        "",
        "## Training",
        f"{training.steps} steps of {training.batch_size}, AdamW {training.learning_rate:g}, "
        f"EMA {training.ema_decay:g}, precision {training.precision}, seed {training.seed}. "
        "The whole configuration is in `config.yaml`; this repeats the training:",
        "",
        "```",
        "sicore train config.yaml -o FOLDER",
        "```",
        "",
        "Figures, where they were measured, are in `metrics.json`.",
    ]
    return "\n".join([*lines, "", notes]).rstrip() + "\n"
