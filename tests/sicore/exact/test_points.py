"""A cloud of points: its denoiser against a mixture without width, and against its definition."""

import dataclasses
from typing import ClassVar

import pytest
import torch
from scipy import stats

from sicore.errors import InputError
from sicore.exact import ExactPath, ExactPoints, GaussianMixture
from sicore.interpolants import EDM, PFGMPP, VP, TwoSidedLinear
from sicore.predictions import DATA
from sicore.states import Noise

POINTS = 2 * Noise.of(0, 7).normal((3,), torch.float64)
X = Noise.of(1, 5).named("x").normal((3,), torch.float64)


def test_normal_noise_is_a_mixture_of_points(one_sided):
    mixture = GaussianMixture(torch.ones(7).double(), POINTS, torch.zeros(7, 3, 3).double())
    law, cloud = ExactPath(one_sided, mixture), ExactPoints(one_sided, POINTS)
    for t in (0.0, 0.2, 0.6, torch.tensor([0.1, 0.2, 0.3, 0.5, 0.6]).double()):
        torch.testing.assert_close(cloud.denoiser(t, X), law.denoiser(t, X), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("degrees", [0.7, 1.0, 30.0])
def test_student_noise_by_bayes_rule(degrees):
    """The weights are the densities of scipy's multivariate t law."""
    path = PFGMPP(D=degrees)
    sigma = float(path.at(0.5).gamma)
    laws = [
        stats.multivariate_t(y.numpy(), sigma**2 * torch.eye(3).numpy(), degrees) for y in POINTS
    ]
    density = torch.stack([torch.from_numpy(law.logpdf(X.numpy())) for law in laws], 1)
    cloud = ExactPoints(path, POINTS)
    torch.testing.assert_close(cloud.weights(0.5, X), torch.softmax(density, 1))
    torch.testing.assert_close(cloud.denoiser(0.5, X), torch.softmax(density, 1) @ POINTS)


def test_without_noise_the_nearest_point_is_left():
    nearest = torch.cdist(X, POINTS).argmin(1)
    assert torch.equal(ExactPoints(EDM(), POINTS).denoiser(1.0, X), POINTS[nearest])
    for cloud in (ExactPoints(VP(), POINTS), ExactPoints(PFGMPP(D=2.0), POINTS)):
        torch.testing.assert_close(cloud.denoiser(1.0, POINTS), POINTS)


def test_heavy_tails_leave_the_others_their_share():
    """At γ = 0, off the points, ``w ∝ q^{−(N + D)/2}``: Student's law forgets no point."""
    weights = ExactPoints(PFGMPP(D=2.0), POINTS).weights(1.0, X)
    q = (X.unsqueeze(1) - POINTS).square().sum(-1)
    torch.testing.assert_close(weights, q**-2.5 / (q**-2.5).sum(1, keepdim=True))


def test_the_prediction_is_the_denoiser():
    cloud = ExactPoints(PFGMPP(D=4.0), POINTS)
    prediction, t = cloud.prediction, torch.tensor(0.6).double()
    assert prediction.kind is DATA and prediction.interpolant is cloud.interpolant
    assert torch.equal(prediction(t, X), cloud.denoiser(t, X))
    single = ExactPoints(cloud.interpolant, POINTS.float()).denoiser(t, X.float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), cloud.denoiser(t, X), rtol=1e-5, atol=1e-5)


@dataclasses.dataclass(frozen=True)
class Unknown(EDM):
    gaussian: ClassVar[bool] = False


@pytest.mark.parametrize(
    ("path", "points", "says"),
    [
        (TwoSidedLinear(), POINTS, "expected a one-sided path with normal or Student-t noise"),
        (Unknown(), POINTS, "got Unknown and (7, 3)"),
        (VP(), POINTS[0], "points of shape (n, N), got VP and (3,)"),
    ],
)
def test_what_does_not_fit_is_refused(path, points, says):
    with pytest.raises(InputError) as caught:
        ExactPoints(path, points)
    assert says in str(caught.value)
