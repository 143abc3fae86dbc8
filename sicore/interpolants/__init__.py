"""Interpolants: the mathematics of a path between source and data."""

from sicore.interpolants.base import Interpolant, InterpolantSample, OneSided, Point, Time
from sicore.interpolants.bridges import OUVE, SBVE, ConditionalOT, brownian_bridge
from sicore.interpolants.categorical import Categorical, draw_kinds
from sicore.interpolants.foellmer import Foellmer
from sicore.interpolants.fourier import Fourier
from sicore.interpolants.gammas import (
    BrownianGamma,
    Gamma,
    NoGamma,
    QuadraticGamma,
    SineSquaredGamma,
)
from sicore.interpolants.kinetic_energy import (
    VarianceCurve,
    kinetic_energy,
    posterior_variance,
)
from sicore.interpolants.kinetic_optimal import KineticOptimal
from sicore.interpolants.one_sided import Linear, Trigonometric
from sicore.interpolants.perturbed import Perturbed, choose_perturbation
from sicore.interpolants.product import Product
from sicore.interpolants.student import PFGMPP
from sicore.interpolants.two_sided import (
    EncodingDecoding,
    Mirror,
    TwoSided,
    TwoSidedLinear,
    TwoSidedTrigonometric,
)
from sicore.interpolants.variance_exploding import EDM, VE
from sicore.interpolants.variance_preserving import (
    VP,
    SubVP,
    VariancePreserving,
    VPCosine,
    VPSigmoid,
)

__all__ = [
    "EDM",
    "OUVE",
    "PFGMPP",
    "SBVE",
    "VE",
    "VP",
    "BrownianGamma",
    "Categorical",
    "ConditionalOT",
    "EncodingDecoding",
    "Foellmer",
    "Fourier",
    "Gamma",
    "Interpolant",
    "InterpolantSample",
    "KineticOptimal",
    "Linear",
    "Mirror",
    "NoGamma",
    "OneSided",
    "Perturbed",
    "Point",
    "Product",
    "QuadraticGamma",
    "SineSquaredGamma",
    "SubVP",
    "Time",
    "Trigonometric",
    "TwoSided",
    "TwoSidedLinear",
    "TwoSidedTrigonometric",
    "VPCosine",
    "VPSigmoid",
    "VarianceCurve",
    "VariancePreserving",
    "brownian_bridge",
    "choose_perturbation",
    "draw_kinds",
    "kinetic_energy",
    "posterior_variance",
]
