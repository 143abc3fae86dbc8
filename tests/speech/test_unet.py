import pytest
import torch

from sicore.errors import InputError
from sicore.testing import check_backbone
from sicore_speech.backbones.unet import DualPathUNet, complex_product, fold, unfold


def trained(network):
    """Away from the identity that it starts as."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return network


@pytest.mark.parametrize("observed", [None, "x0"])
def test_the_network_conforms(domain, observed):
    network = trained(DualPathUNet(domain, (8, 8), (4, 2), recurrent=8, observed=observed))
    check_backbone(network, domain, observed=observed)


def test_it_starts_as_the_observed_recording(domain, network):
    x, y = torch.randn(2, 2, 2, 256, 64)
    assert torch.equal(network(x, torch.rand(2), {"x0": y}), y)
    alone = DualPathUNet(domain, (8, 8), (4, 2), recurrent=8)
    assert torch.equal(alone(x, torch.rand(2)), x)


def test_every_input_matters(domain, network):
    trained(network)
    x, y, t = torch.randn(1, 2, 256, 64), torch.randn(1, 2, 256, 64), torch.tensor([0.3])
    with torch.no_grad():
        out = network(x, t, {"x0": y})
        for other in (
            network(x + 1, t, {"x0": y}),
            network(x, t + 0.4, {"x0": y}),
            network(x, t, {"x0": y + 1}),
        ):
            assert (out - other).abs().max() > 1e-3
        far = x.clone()
        far[..., 0] += 1  # the first frame is heard in the last one
        assert (network(far, t, {"x0": y}) - out)[..., -1].abs().max() > 0


def test_the_sizes_of_the_presets(domain):
    count = {
        name: sum(p.numel() for p in DualPathUNet(domain, observed="x0", **sizes).parameters())
        for name, sizes in {
            "nano": {},
            "small": {"channels": (32, 48, 64, 96), "patch": (2, 2), "recurrent": 96},
        }.items()
    }
    assert 0.5e6 < count["nano"] < 0.7e6
    assert 1.1e6 < count["small"] < 1.4e6


def test_folding():
    x = torch.arange(2 * 3 * 8 * 6).reshape(2, 3, 8, 6).float()
    folded = fold(x, (4, 2))
    assert folded.shape == (2, 24, 2, 3)
    assert torch.equal(folded[0, :8, 1, 2], x[0, 0, 4:, 4:].flatten())
    assert torch.equal(unfold(folded, (4, 2)), x)


def test_complex_product():
    a, x = torch.randn(2, 3, 2, 5, 4).unbind(0)
    expected = torch.complex(a[:, 0], a[:, 1]) * torch.complex(x[:, 0], x[:, 1])
    product = complex_product(a, x)
    torch.testing.assert_close(torch.complex(product[:, 0], product[:, 1]), expected)


def test_errors(domain, network):
    with pytest.raises(InputError, match="condition 'x0' is missing"):
        network(torch.zeros(1, 2, 256, 64), torch.zeros(1))
    with pytest.raises(InputError, match="multiples of 24 and 2"):
        DualPathUNet(domain, (8, 8), (12, 1))
