"""Parameters that make no path are refused, by name."""

import pytest

from sicore.errors import InputError
from sicore.interpolants import EDM, VP


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: VP(beta_min=0.0), "vp: expected 0 < beta_min < beta_max"),
        (lambda: VP(beta_min=3.0, beta_max=2.0), "got 3.0 and 2.0"),
        (lambda: EDM(sigma_max=0.0), "edm: expected sigma_max > 0"),
        (lambda: EDM(rho=0.5), "rho >= 1"),
        (lambda: EDM(sigma_max=float("nan")), "edm: expected"),
    ],
)
def test_parameters(make, says):
    with pytest.raises(InputError, match=says):
        make()
