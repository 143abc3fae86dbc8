import pytest
import torch

from sicore.errors import InputError
from sicore.testing import check_backbone
from sicore_speech.backbones.ncsnpp import Attention, NCSNpp, Resample


def trained(network):
    """Away from the zero that it starts as."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return network


def small(domain, **options):
    return NCSNpp(domain, (8, 16, 16), observed=options.pop("observed", "x0"), **options)


@pytest.mark.parametrize(("observed", "blocks"), [(None, 1), ("x0", 2)])
def test_the_network_conforms(domain, observed, blocks):
    network = trained(small(domain, observed=observed, blocks=blocks))
    check_backbone(network, domain, observed=observed)


def test_it_starts_at_zero(domain):
    x, y = torch.randn(2, 2, 2, 256, 64)
    assert torch.equal(small(domain)(x, torch.rand(2), {"x0": y}), torch.zeros_like(x))
    assert torch.equal(small(domain, observed=None)(x, torch.rand(2)), torch.zeros_like(x))


def test_every_input_matters(domain):
    network = trained(small(domain, observed=("y", "x0")))
    x, y, d, t = (*torch.randn(3, 1, 2, 256, 64), torch.tensor([0.3]))
    with torch.no_grad():
        out = network(x, t, {"x0": d, "y": y})
        for other in (
            network(x + 1, t, {"x0": d, "y": y}),
            network(x, t + 0.4, {"x0": d, "y": y}),
            network(x, t, {"x0": d, "y": y + 1}),
            network(x, t, {"x0": d + 1, "y": y}),
        ):
            assert (out - other).abs().max() > 1e-3


def test_every_parameter_is_trained(domain):
    """Each has a gradient that is not zero, away from the start."""
    network = trained(small(domain))
    x, y = torch.randn(2, 2, 2, 256, 64)
    (network(x, torch.rand(2), {"x0": y}) - 1).square().mean().backward()
    idle = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert not idle


def test_double_precision(domain):
    network = trained(small(domain))
    x, y = torch.randn(2, 1, 2, 256, 64)
    t = torch.tensor([0.3])
    single = network(x, t, {"x0": y})
    double = network.double()(x.double(), t.double(), {"x0": y.double()})
    assert double.dtype == torch.float64
    torch.testing.assert_close(double.float(), single, rtol=1e-3, atol=1e-4)


def test_sizes(domain):
    count = sum(p.numel() for p in NCSNpp(domain, observed="x0").parameters())
    assert 0.6e6 < count < 1.3e6


def test_changes_of_size_keep_constants_and_are_adjoint():
    down, up = Resample(up=False).double(), Resample(up=True).double()
    ones = torch.ones(1, 3, 8, 6).double()
    assert (down(ones)[..., 1:-1, 1:-1] - 1).abs().max() < 1e-12
    assert (up(ones)[..., 2:-2, 2:-2] - 1).abs().max() < 1e-12
    x, y = torch.randn(1, 3, 8, 6).double(), torch.randn(1, 3, 4, 3).double()
    torch.testing.assert_close((down(x) * y).sum() * 4, (x * up(y)).sum())


def test_attention_does_not_know_places():
    """A permutation of the places permutes the result."""
    layer, x = trained(Attention(8)), torch.randn(1, 8, 4, 6)
    order = torch.randperm(24)
    permuted = x.flatten(2)[..., order].reshape(x.shape)
    torch.testing.assert_close(
        layer(permuted).flatten(2), layer(x).flatten(2)[..., order], rtol=1e-4, atol=1e-5
    )
    far = x.clone()
    far[..., 0, 0] += 1
    assert (layer(far) - layer(x))[..., -1, -1].abs().max() > 0


def test_errors(domain):
    with pytest.raises(InputError, match="condition 'x0' is missing"):
        small(domain)(torch.zeros(1, 2, 256, 64), torch.zeros(1))
    with pytest.raises(InputError, match=r"8 levels need .* multiples of 128, got 256 and 64"):
        NCSNpp(domain, (8,) * 8)
    with pytest.raises(InputError, match="multiples of 8, got"):
        NCSNpp(domain, (8, 12))
