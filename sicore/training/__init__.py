"""Training: from a configuration to a model folder."""

from sicore.training.trainer import train

__all__ = ["train"]
