"""Models and domains: what training leaves and everything else loads."""

from sicore.hub.conditions import Array, Categorical, Scalar
from sicore.hub.domain import Domain
from sicore.hub.model import Model, load
from sicore.hub.samples import Samples

__all__ = ["Array", "Categorical", "Domain", "Model", "Samples", "Scalar", "load"]
