"""Guidance: wrappers that turn one prediction into another."""

from sicore.guidance.classifier_free import ClassifierFree
from sicore.guidance.tilted import Tilted

__all__ = ["ClassifierFree", "Tilted"]
