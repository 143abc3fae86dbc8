"""Guidance: wrappers that turn one prediction into another."""

from sicore.guidance.classifier_free import ClassifierFree

__all__ = ["ClassifierFree"]
