"""Networks over series: what each promises, and what they are given."""

import pytest
import torch

from sicore.states import Noise
from sicore.testing import check_backbone
from sicore_timeseries.domain import TimeSeries
from sicore_timeseries.networks.convolution import SeriesConvolution
from sicore_timeseries.networks.inverted import SeriesInverted
from sicore_timeseries.networks.mlp import SeriesMLP
from sicore_timeseries.networks.transformer import SeriesTransformer, rotated

NETWORKS = {
    "mlp": lambda domain: SeriesMLP(domain, width=32, depth=2),
    "transformer": lambda domain: SeriesTransformer(domain, width=16, depth=2, heads=2),
    "inverted": lambda domain: SeriesInverted(domain, width=16, depth=2, heads=2),
    "convolution": lambda domain: SeriesConvolution(domain, width=16, depth=3, cycle=2),
}
LOCAL = ["transformer", "convolution"]


def awake(network, seed=0):
    """With random weights where layers begin as zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0, 0.3, generator=generator)
    return network.eval()


def states(domain, n=3):
    return Noise.of(0, n).normal_like(domain.space.zeros(n)), torch.linspace(0.1, 0.9, n)


@pytest.mark.parametrize("name", NETWORKS)
def test_they_keep_what_the_platform_promises(name, domain):
    check_backbone(awake(NETWORKS[name](domain)), domain)


@pytest.mark.parametrize("name", NETWORKS)
def test_an_observed_value_and_its_place_are_seen(name, domain):
    network = awake(NETWORKS[name](domain))
    x, t = states(domain)
    nothing = network(x, t, None)
    observed = torch.full((3, 12, 3), float("nan"))
    assert torch.equal(network(x, t, {"observed": observed}), nothing)
    observed[:, 4, 1] = domain.scaling.mean[1]  # 0 in the units of states, but known
    one = network(x, t, {"observed": observed})
    assert not torch.allclose(one, nothing)
    observed[:, 4, 1] += 1
    assert not torch.allclose(network(x, t, {"observed": observed}), one)


@pytest.mark.parametrize("name", NETWORKS)
def test_calendar_and_moments_are_seen(name, domain):
    network = awake(NETWORKS[name](domain))
    x, t = states(domain)
    nothing = network(x, t, None)
    calendar = torch.zeros(3, 12, 2)
    assert torch.allclose(network(x, t, {"calendar": calendar}), nothing)
    calendar[:, 3] = 1
    assert not torch.allclose(network(x, t, {"calendar": calendar}), nothing)
    late = torch.linspace(0, 1, 12).expand(3, 12) ** 2
    assert not torch.allclose(network(x, t, {"times": late}), nothing)


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_not_there_stays_zero(name, domain):
    x, t = states(domain)
    x[1, :5] = 0
    made = awake(NETWORKS[name](domain))(x, t, None)
    assert torch.equal(made == 0, x == 0)


def test_channels_meet_in_attention_and_differ_by_their_vectors_alone(domain):
    network = awake(NETWORKS["inverted"](domain))
    x, t = states(domain)
    alike = {"observed": torch.zeros(3, 12, 3) * float("nan")}
    x.requires_grad_()
    network(x, t, alike)[:, :, 0].sum().backward()
    assert bool((x.grad.abs().sum((0, 1)) > 0).all())
    order = [2, 0, 1]
    with torch.no_grad():
        before = network(x, t, alike)
        network.channel.copy_(network.channel[order])
        after = network(x[..., order], t, alike)
    assert torch.allclose(after, before[..., order], atol=1e-5)


@pytest.mark.parametrize("name", LOCAL)
def test_windows_of_another_length_work(name, domain):
    network = awake(NETWORKS[name](domain))
    x, t = states(domain)
    longer = torch.cat([x, x], 1)
    assert network(longer, t, None).shape == longer.shape


def test_attention_knows_only_how_far_moments_are_apart():
    generator = torch.Generator().manual_seed(0)
    q, k = torch.randn(2, 1, 2, 5, 8, generator=generator).unbind(0)
    at = torch.tensor([[0.0, 0.3, 1.0, 4.0, 9.0]])
    here = rotated(q, at) @ rotated(k, at).mT
    shifted = rotated(q, at + 7.3) @ rotated(k, at + 7.3).mT
    assert torch.allclose(here, shifted, atol=1e-4)
    assert not torch.allclose(here, rotated(q, 2 * at) @ rotated(k, 2 * at).mT, atol=1e-2)


def test_a_convolution_sees_as_far_as_its_dilations():
    domain = TimeSeries(40, ["a"])
    network = awake(SeriesConvolution(domain, width=8, depth=3, cycle=3))
    x, t = states(domain, 1)
    x.requires_grad_()
    network(x, t, None)[0, 20, 0].backward()
    seen = x.grad[0, :, 0].nonzero().squeeze(1)
    assert (int(seen.min()), int(seen.max())) == (20 - 7, 20 + 7)
