"""Parameters that make no path are refused, by name."""

import math

import pytest

from sicore.errors import InputError
from sicore.interpolants import (
    EDM,
    OUVE,
    PFGMPP,
    SBVE,
    VE,
    VP,
    BrownianGamma,
    ConditionalOT,
    EncodingDecoding,
    Linear,
    Mirror,
    NoGamma,
    SineSquaredGamma,
    SubVP,
    TwoSidedTrigonometric,
    VPCosine,
    VPSigmoid,
    brownian_bridge,
)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Linear(1.0), "linear: expected 0 <= sigma_min < 1, got 1.0"),
        (lambda: Linear(-0.1), "linear: expected"),
        (lambda: VP(beta_min=0.0), "vp: expected 0 < beta_min < beta_max"),
        (lambda: VP(beta_min=3.0, beta_max=2.0), "got 3.0 and 2.0"),
        (lambda: SubVP(beta_max=math.inf), "subvp: expected 0 < beta_min < beta_max"),
        (lambda: VPCosine(0.0), "vp-cosine: expected s > 0, got 0.0; s = 0 is trigonometric"),
        (lambda: VPSigmoid(3.0, -3.0), "vp-sigmoid: expected start < end and temperature > 0"),
        (lambda: VPSigmoid(temperature=0.0), "got -3.0, 3.0 and 0.0"),
        (lambda: VPSigmoid(3.0, -3.0, -1.0), "vp-sigmoid: expected start < end"),
        (lambda: VPSigmoid(temperature=0.01), "temperature <= 500"),
        (lambda: VE(sigma_min=0.0), "ve: expected 0 < sigma_min < sigma_max"),
        (lambda: VE(2.0, 1.0), "got 2.0 and 1.0"),
        (lambda: EDM(sigma_max=0.0), "edm: expected sigma_max > 0"),
        (lambda: EDM(rho=0.5), "rho >= 1"),
        (lambda: EDM(sigma_max=float("nan")), "edm: expected"),
        (lambda: PFGMPP(D=0.0), "pfgmpp: expected D > 0, or infinity, got 0.0"),
        (lambda: PFGMPP(D=float("nan")), "pfgmpp: expected D > 0"),
        (lambda: PFGMPP(sigma_max=-1.0), "pfgmpp: expected sigma_max > 0"),
        (lambda: BrownianGamma(0.0), "brownian: expected a > 0, got 0.0"),
        (lambda: brownian_bridge(-1.0), "brownian-bridge: expected sigma > 0, got -1.0"),
        (lambda: TwoSidedTrigonometric(SineSquaredGamma()), "expected γ < 1 inside"),
        (lambda: EncodingDecoding(NoGamma()), "encoding-decoding: expected γ > 0 inside"),
        (lambda: Mirror(NoGamma()), "mirror: expected γ > 0 inside"),
        (lambda: OUVE(theta=0.0), "ouve: expected theta > 0"),
        (lambda: OUVE(sigma_min=0.5), "0 < sigma_min < sigma_max, got 1.5, 0.5 and 0.5"),
        (lambda: ConditionalOT(0.1, 0.1), "expected 0 <= sigma_min < sigma_max, got 0.1 and 0.1"),
        (lambda: ConditionalOT(1.0, -0.1), "conditional-ot: expected"),
        (lambda: SBVE(k=1.0), "sb-ve: expected k > 0, k != 1 and c > 0, got 1.0 and 0.4"),
        (lambda: SBVE(c=0.0), "k = 1 is brownian-bridge"),
    ],
)
def test_parameters(make, says):
    with pytest.raises(InputError) as caught:
        make()
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
