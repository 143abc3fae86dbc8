"""Log-densities of starting states."""

import pytest
import torch

from sicore.errors import InputError
from sicore.interpolants import EDM, VP, Linear, Perturbed, Product, TwoSidedLinear
from sicore.likelihood import noise_level_times, normal_log_prob, normal_prior
from sicore.states import Noise


def normal(x, std):
    return torch.distributions.Normal(0.0, std).log_prob(x.double()).flatten(1).sum(1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("std", [1.0, 0.3, torch.tensor(2.0), torch.tensor([1.0, 2.0, 3.0])])
def test_normal_log_prob(dtype, std):
    x = Noise.of(0, 3).normal((2, 4), dtype)
    spread = torch.as_tensor(std, dtype=torch.float64).reshape(-1, 1, 1)
    found = normal_log_prob(x, std)
    assert found.dtype == torch.float64
    assert torch.allclose(found, normal(x, spread), rtol=1e-12)


def test_leaves_add_up_each_with_its_own_deviation():
    x = {"b": torch.ones(2, 3), "a": torch.full((2, 1), 2.0)}
    std = torch.tensor([[0.5], [4.0]], dtype=torch.float64)  # of a and b
    known = normal(x["a"], 0.5) + normal(x["b"], 4.0)
    assert torch.allclose(normal_log_prob(x, std), known)


def test_a_deviation_of_zero_has_no_density():
    with pytest.raises(InputError, match="deviations > 0"):
        normal_log_prob(torch.ones(1, 2), 0.0)


@pytest.mark.parametrize("path", [Linear(), VP(), EDM()])
def test_the_prior_of_a_path_from_noise_is_what_it_draws(path):
    p = path.at(0.25)
    x = torch.ones(2, 3)
    spread = (p.beta**2 + p.gamma**2).sqrt()
    assert torch.allclose(normal_prior(path, 0.25)(x), normal(x, spread))


def test_the_prior_of_a_product():
    path = Product({"a": EDM(), "b": Linear()})
    x = {"a": torch.ones(2, 3), "b": torch.ones(2, 1)}
    known = normal(x["a"], 6401**0.5) + normal(x["b"], 1.0)
    assert torch.allclose(normal_prior(path)(x), known)


def test_the_prior_of_a_bridge_lies_around_its_source():
    p = TwoSidedLinear().at(0.2)
    x, x0 = torch.ones(2, 3), torch.full((2, 3), 0.5)
    found = normal_prior(TwoSidedLinear(), 0.2, x0)(x)
    assert torch.allclose(found, normal(x - x0, p.gamma))


@pytest.mark.parametrize(
    ("path", "x0", "words"),
    [
        (TwoSidedLinear(), None, "log-density of its source"),
        (Linear(), torch.ones(1, 2), "has no x0"),
    ],
)
def test_priors_that_do_not_apply(path, x0, words):
    with pytest.raises(InputError, match=words):
        normal_prior(path, 0.1, x0)


def test_a_prior_that_is_not_normal():
    class Heavy(Linear):
        gaussian = False

    with pytest.raises(InputError, match="Heavy: its starting states are not normal"):
        normal_prior(Heavy())


@pytest.mark.parametrize("path", [Linear(), VP(), EDM()])
def test_a_grid_that_ends_at_a_noise_level(path):
    times = noise_level_times(path, 10, 0.01, sigma_max=50.0)
    levels = path.noise_level(times)
    assert len(times) == 11
    assert levels[-1].item() == pytest.approx(0.01, rel=1e-6)
    assert levels[0].item() == pytest.approx(50.0, rel=1e-6)
    roots = levels ** (1 / 7)
    assert torch.allclose(roots.diff(), roots.diff()[:1], rtol=1e-6)


def test_a_grid_ends_with_its_path_where_that_is_noisier():
    times = noise_level_times(Perturbed(Linear(), 0.05), 10, 0.01)
    assert times[-1].item() == pytest.approx(1, abs=1e-6)
    assert len(times) == 11


def test_a_path_between_samples_has_no_noise_level():
    with pytest.raises(InputError, match="needs a path from noise, not TwoSidedLinear"):
        noise_level_times(TwoSidedLinear(), 10, 0.01)
