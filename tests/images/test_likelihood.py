"""Bits per dimension of models whose law is known."""

import math
from types import SimpleNamespace

import pytest
import torch

import sicore
from sicore.errors import InputError
from sicore.exact import ExactPath, GaussianMixture
from sicore.interpolants import EDM, VP, Linear, Perturbed, TwoSidedLinear
from sicore.likelihood import ExactDivergence, HutchinsonDivergence
from sicore.predictions import VELOCITY, FunctionPrediction
from sicore.states import Noise
from sicore_images.domain import Images
from sicore_images.likelihood import (
    NOISE_LEVEL,
    bits_per_dim,
    dequantised,
    evaluate_likelihood,
    gaussian_bits,
    histogram_bits,
)

N = 300
GREY = Images((1, 2, 3), (0.5,), (0.04,))
COLOUR = Images((3, 2, 2), (0.4, 0.5, 0.6), (0.03, 0.06, 0.1), ("a", "b"))


def model_of(domain, covariance=None, path=None, prediction=None):
    """A model of states ``N(0, C)`` that knows the exact velocity, in float64."""
    path, size = path or Linear(), math.prod(domain.shape)
    if covariance is None:
        covariance = torch.eye(size, dtype=torch.float64)
    mean = torch.zeros(1, size, dtype=torch.float64)
    target = GaussianMixture(torch.ones(1, dtype=torch.float64), mean, covariance[None])
    law = None if path.two_sided else ExactPath(path, target)

    def velocity(t, x):
        return law.velocity(t, x.flatten(1)).reshape(x.shape)

    return SimpleNamespace(
        domain=domain,
        interpolant=path,
        prediction=prediction or FunctionPrediction(velocity, path, VELOCITY),
        device=torch.device("cpu"),
        dtype=torch.float64,
        target=target,
    )


def correlated(size):
    factor = Noise.of(5, size).normal((size,), torch.float64) / size**0.5
    return 0.7 * factor @ factor.mT + 0.3 * torch.eye(size, dtype=torch.float64)


def pictures_of(model, n=N, seed=0):
    """8-bit pictures of a model's law; its deviations leave 0 and 255 out of reach."""
    x = model.target.sample(Noise.of(seed, n)).reshape(n, *model.domain.shape)
    levels = (255 * (x * column(model.domain.std) + column(model.domain.mean))).round()
    assert levels.min() >= 0
    assert levels.max() <= 255
    return levels.to(torch.uint8)


def column(values):
    return torch.tensor(values, dtype=torch.float64).reshape(-1, 1, 1)


@pytest.mark.parametrize("domain", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("noise_level", [NOISE_LEVEL, 20.0])
def test_independent_pixels_have_the_bits_of_their_cells(domain, noise_level):
    """``P(k)`` of a normal law with the noise of the end, from its distribution function.

    By Jensen's inequality the bits exceed it: by 1/24 of the squared slope of ``log p`` in nats.
    """
    model = model_of(domain)
    pictures = pictures_of(model)
    found = bits_per_dim(model, pictures, noise_level=noise_level)
    std, mean = 255 * column(domain.std), 255 * column(domain.mean)
    end = noise_level * column(domain.std) / max(domain.std)
    spread = (std**2 + end**2).sqrt()
    law = torch.distributions.Normal(mean, spread)
    mass = law.cdf(pictures + 0.5) - law.cdf(pictures - 0.5)
    known = -mass.log2().flatten(1).mean(1)
    gap = found.of_each - known
    bound = (std**2 / (24 * spread**4)).mean() / math.log(2)
    assert gap.mean().item() == pytest.approx(
        bound.item(), abs=4 * gap.std().item() / N**0.5 + 1e-4
    )
    assert found.nfe == 100
    assert gap.std() < 0.1
    error = found.of_each.std() / N**0.5
    assert found.standard_error == pytest.approx(error.item())


@pytest.mark.parametrize("path", [Linear(), VP(), EDM(), Perturbed(Linear(), 0.05)])
def test_correlated_pixels_have_the_density_of_their_law(path):
    model = model_of(GREY, correlated(6), path)
    pictures = pictures_of(model, 20)
    found = bits_per_dim(model, pictures, steps=40, divergence=ExactDivergence())
    x = GREY.encode(dequantised(pictures, Noise.of(0, 20))).double().flatten(1)
    sigma = max(NOISE_LEVEL / (255 * 0.04), getattr(path, "sigma", 0.0))
    eye = torch.eye(6, dtype=torch.float64)
    target = model.target
    blurred = GaussianMixture(target.weights, target.means, target.covariances + sigma**2 * eye)
    known = -(blurred.log_prob(x) / 6 - math.log(255 * 0.04)) / math.log(2)
    assert (found.of_each - known).abs().max() < 2e-3


def test_the_units_of_the_states_do_not_matter():
    """The same law of grey levels, standardised in two ways."""
    covariance = correlated(6)
    plain = model_of(GREY, covariance)
    wide = model_of(Images((1, 2, 3), (0.5,), (0.08,)), covariance / 4)
    pictures = pictures_of(plain, 20)
    settings = {"divergence": ExactDivergence(), "steps": 40}
    bits = [bits_per_dim(m, pictures, **settings).of_each for m in (plain, wide)]
    assert (bits[0] - bits[1]).abs().max() < 1e-3


def test_probes_leave_the_mean_as_it_is():
    model = model_of(GREY, correlated(6))
    pictures = pictures_of(model, 100)
    exact = bits_per_dim(model, pictures, divergence=ExactDivergence())
    for probes in (1, 4):
        rough = bits_per_dim(model, pictures, divergence=HutchinsonDivergence(probes))
        off = rough.of_each - exact.of_each
        assert off.mean().abs() < 4 * off.std() / len(off) ** 0.5
        assert off.std() > 1e-3


def test_a_picture_is_measured_alike_in_any_batch():
    model = model_of(GREY, correlated(6))
    pictures = pictures_of(model, 7)
    whole = bits_per_dim(model, pictures, steps=4)
    parts = bits_per_dim(model, pictures, steps=4, batch_size=3)
    assert torch.allclose(whole.of_each, parts.of_each, atol=1e-6)
    other = bits_per_dim(model, pictures, steps=4, seed=1)
    assert not torch.allclose(whole.of_each, other.of_each, atol=1e-3)


def test_dequantised_pictures_fill_their_cells():
    pictures = torch.tensor([0, 7, 255], dtype=torch.uint8).expand(2000, 1, 1, 3)
    v = 255 * dequantised(pictures, Noise.of(0, 2000))
    assert torch.equal(v.round(), pictures.double())
    assert (v - pictures).mean().abs() < 4 * (1 / 12 / v.numel()) ** 0.5
    assert (v - pictures).var().item() == pytest.approx(1 / 12, rel=0.05)


def test_histograms_count_each_pixel_on_its_own():
    train = torch.tensor([[3, 9], [3, 8], [4, 8]], dtype=torch.uint8).reshape(3, 1, 1, 2)
    asked = torch.tensor([[3, 7]], dtype=torch.uint8).reshape(1, 1, 1, 2)
    known = -(math.log2(3 / 259) + math.log2(1 / 259)) / 2
    assert histogram_bits(train, asked).mean == pytest.approx(known)


def test_a_gaussian_of_pixels_that_never_change():
    """What is left is the dequantisation: a normal law of variance 1/12 for a uniform one."""
    pictures = torch.full((400, 1, 2, 2), 9, dtype=torch.uint8)
    found = gaussian_bits(pictures, pictures)
    known = math.log2(2 * math.pi * math.e / 12) / 2
    assert found.mean == pytest.approx(known, abs=4 * found.standard_error)


class Pictures:
    """A data set of the pictures of a model."""

    def __init__(self, model, n, seed):
        self.pictures = pictures_of(model, n, seed)

    def __len__(self):
        return len(self.pictures)

    def batch(self, indices):
        return self.pictures[indices], {"class": indices % 2}


def test_the_evaluation_stands_beside_its_baselines():
    """For normal pictures the Gaussian is as good as the model, and the histogram is worse."""
    model = model_of(GREY, correlated(6))
    splits = {"train": Pictures(model, 8000, 1), "test": Pictures(model, 400, 2)}
    model.config = SimpleNamespace(data=SimpleNamespace(build=lambda split: splits[split]))
    found = evaluate_likelihood(model, n=300, steps=20)
    assert found["n"] == 300
    assert found["nfe"] == 80
    assert "model given the class" not in found
    bits = {name: found[name]["bits_per_dim"] for name in ("model", "gaussian", "histogram")}
    assert bits["gaussian"] == pytest.approx(bits["model"], abs=0.02)
    entropy = (torch.logdet(2 * math.pi * math.e * correlated(6)) / 12 / math.log(2)).item()
    known = entropy + math.log2(255 * 0.04)
    assert bits["gaussian"] == pytest.approx(known, abs=4 * found["gaussian"]["standard_error"])
    assert bits["histogram"] > bits["model"] + 0.1
    again = gaussian_bits(splits["train"].pictures, splits["test"].pictures)
    assert again.mean == pytest.approx(known, abs=4 * again.standard_error)


def test_the_shipped_model_with_and_without_the_class(clothes):
    model = sicore.load("images/fashion-mnist", device="cpu")
    pictures, classes = clothes.pictures[:3], clothes.classes[:3]
    plain = bits_per_dim(model, pictures, steps=6)
    given = bits_per_dim(model, pictures, {"class": classes}, steps=6)
    assert plain.nfe == 24
    assert (plain.of_each > 1).all()
    assert (plain.of_each < 8).all()
    assert not torch.equal(plain.of_each, given.of_each)


def test_what_does_not_fit():
    model = model_of(GREY)
    pictures = torch.zeros(2, 1, 2, 3, dtype=torch.uint8)
    with pytest.raises(
        InputError, match=r"expected uint8 of shape \(n, 1, 2, 3\), got torch.float"
    ):
        bits_per_dim(model, pictures / 255)
    with pytest.raises(InputError, match=r"of shape \(2, 1, 4, 4\)"):
        bits_per_dim(model, torch.zeros(2, 1, 4, 4, dtype=torch.uint8))
    with pytest.raises(InputError, match="noise_level: expected"):
        bits_per_dim(model, pictures, noise_level=0.0)
    with pytest.raises(InputError, match="needs a path from noise"):
        bits_per_dim(model_of(GREY, path=TwoSidedLinear()), pictures)
    with pytest.raises(InputError, match="are for pictures, not for 'sounds'"):
        bits_per_dim(SimpleNamespace(domain=SimpleNamespace(name="sounds")), pictures)
