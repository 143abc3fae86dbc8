"""Interpolants: the mathematics of a path between source and data."""

from sicore.interpolants.base import Interpolant, InterpolantSample, OneSided, Point
from sicore.interpolants.gammas import (
    BrownianGamma,
    Gamma,
    NoGamma,
    QuadraticGamma,
    SineSquaredGamma,
)
from sicore.interpolants.one_sided import EDM, VP, Linear, Trigonometric
from sicore.interpolants.product import Product
from sicore.interpolants.two_sided import TwoSided, TwoSidedLinear, TwoSidedTrigonometric

__all__ = [
    "EDM",
    "VP",
    "BrownianGamma",
    "Gamma",
    "Interpolant",
    "InterpolantSample",
    "Linear",
    "NoGamma",
    "OneSided",
    "Point",
    "Product",
    "QuadraticGamma",
    "SineSquaredGamma",
    "Trigonometric",
    "TwoSided",
    "TwoSidedLinear",
    "TwoSidedTrigonometric",
]
