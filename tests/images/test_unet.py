import pytest
import torch

from sicore.errors import InputError
from sicore_images.domain import Images
from sicore_images.unet import UNet


def stirred(network):
    """Its zero-initialised parts set to something, as after training."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            if not parameter.any():
                parameter.normal_(std=0.05)
    return network.eval()


@pytest.fixture(scope="module")
def small():
    shape = Images((1, 28, 28), (0.3,), (0.35,), [f"c{i}" for i in range(10)])
    torch.manual_seed(0)
    return stirred(UNet(shape, channels=8))


def test_size_of_the_preset():
    shape = Images((1, 28, 28), (0.3,), (0.35,), [f"c{i}" for i in range(10)])
    count = sum(p.numel() for p in UNet(shape, channels=48).parameters())
    assert 1e6 < count < 2e6


@pytest.mark.parametrize(
    ("shape", "arguments"),
    [
        ((1, 28, 28), {}),
        ((3, 16, 24), {}),
        ((2, 8, 8), {"patch": 1, "multipliers": (1, 2, 2)}),
        ((3, 32, 32), {"patch": 4, "multipliers": (1,), "blocks": 1}),
        ((1, 12, 20), {"attention": False, "dropout": 0.5}),
    ],
)
def test_any_size_and_channels(shape, arguments):
    domain = Images(shape, (0.5,) * shape[0], (0.2,) * shape[0])
    network = stirred(UNet(domain, channels=8, **arguments))
    x = torch.randn(2, *shape)
    out = network(x, torch.tensor([0.0, 1.0]), None)
    assert out.shape == x.shape
    assert out.isfinite().all()
    assert out.std() > 0


def test_a_size_that_does_not_fit_is_refused():
    domain = Images((1, 30, 28), (0.5,), (0.2,))
    with pytest.raises(InputError, match=r"multiples of 4 .*30×28.*network\.patch"):
        UNet(domain)


def test_it_starts_at_zero_and_every_part_learns():
    domain = Images((1, 16, 16), (0.5,), (0.2,), ("a", "b"))
    network = UNet(domain, channels=8)
    x, t = torch.randn(4, 1, 16, 16), torch.rand(4)
    condition = {"class": torch.tensor([0, 1, -1, 0])}
    assert not network(x, t, condition).any()
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(3):  # zero-initialised parts wake up one after the other
        optimiser.zero_grad()
        (network(x, t, condition) - x).square().mean().backward()
        optimiser.step()
    asleep = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert not asleep


def test_time_and_class_matter_and_minus_one_is_no_class(small):
    x, t = torch.randn(3, 1, 28, 28), torch.full((3,), 0.4)
    bare = small(x, t, None)
    assert torch.equal(bare, small(x, t, {"class": torch.full((3,), -1)}))
    assert torch.equal(bare, small(x, t, {}))
    mixed = small(x, t, {"class": torch.tensor([-1, 3, 4])})
    assert torch.allclose(mixed[0], bare[0], atol=1e-6)
    assert not torch.allclose(mixed[1], bare[1], atol=1e-3)
    assert not torch.allclose(small(x, t + 0.02, None), bare, atol=1e-4)


def test_a_picture_does_not_see_its_neighbours(small):
    x, t = torch.randn(5, 1, 28, 28), torch.rand(5)
    condition = {"class": torch.arange(5)}
    together = small(x, t, condition)
    alone = torch.cat(
        [small(x[i : i + 1], t[i : i + 1], {"class": torch.tensor([i])}) for i in range(5)]
    )
    assert torch.allclose(together, alone, atol=1e-5)


def test_every_pixel_reaches_every_pixel(small):
    x = torch.randn(1, 1, 28, 28, requires_grad=True)
    small(x, torch.tensor([0.5]), None)[0, 0, 0, 0].backward()
    assert (x.grad != 0).all()


def test_gradient_with_respect_to_the_input(small):
    network = small.double()
    try:
        x = torch.randn(2, 1, 28, 28, dtype=torch.float64, requires_grad=True)
        direction = torch.randn_like(x)
        t = torch.tensor([0.2, 0.7], dtype=torch.float64)

        def value(at):
            return network(at, t, None).square().sum()

        (gradient,) = torch.autograd.grad(value(x), x)
        step = 1e-5
        numeric = (value(x + step * direction) - value(x - step * direction)) / (2 * step)
        assert (gradient * direction).sum().item() == pytest.approx(numeric.item(), rel=1e-6)
    finally:
        small.float()


def test_half_precision_and_memory_formats_agree(small):
    x, t = torch.randn(4, 1, 28, 28), torch.rand(4)
    exact = small(x, t, None)
    with torch.autocast("cpu", torch.bfloat16):
        rough = small(x, t, None)
    assert torch.allclose(exact, rough.float(), atol=0.05 * exact.std().item() + 0.05)
    assert torch.allclose(exact, small(x.to(memory_format=torch.channels_last), t, None), atol=1e-5)


def test_time_features_are_made_in_float32(small):
    waves = []
    hook = small.embedding.mlp.register_forward_pre_hook(lambda m, a: waves.append(a[0].clone()))
    small.embedding(torch.tensor([0.3]), None)
    small.bfloat16().embedding(torch.tensor([0.3]), None)
    hook.remove()
    small.float()
    assert torch.allclose(waves[0], waves[1].float(), atol=5e-3)  # only the result is rounded


def test_it_fits_two_pictures(clothes, domain):
    """The loss of a denoising step falls to nothing on two pictures: wiring works."""
    torch.manual_seed(0)
    network = UNet(domain, channels=16)
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    data = domain.encode(clothes.pictures[:2])
    condition = {"class": torch.tensor([0, 1])}
    z = torch.randn_like(data)
    t = torch.tensor([0.3, 0.6])
    x = (1 - t.reshape(-1, 1, 1, 1)) * z + t.reshape(-1, 1, 1, 1) * data
    for _ in range(100):
        optimiser.zero_grad()
        loss = (network(x, t, condition) - (data - z)).square().mean()
        loss.backward()
        optimiser.step()
    assert loss < 0.15  # about 2 at the start
