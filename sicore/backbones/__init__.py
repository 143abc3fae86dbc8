"""Networks for any domain; those of pictures or sounds come with plugins."""

from sicore.backbones.conditions import ConditionEmbedding
from sicore.backbones.mlp import MLP
from sicore.backbones.regeneration import Identity, Regeneration

__all__ = ["MLP", "ConditionEmbedding", "Identity", "Regeneration"]
