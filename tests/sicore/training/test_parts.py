"""The order of the data, and the moving average of the weights."""

import pytest
import torch
from torch import nn

from sicore.training.ema import EMA
from sicore.training.order import batch_indices


@pytest.mark.parametrize(("n", "size"), [(10, 5), (10, 3), (10, 1), (7, 10), (5, 23), (1, 4)])
def test_each_epoch_is_every_item_once(n, size):
    steps = -(-6 * n // size)
    order = torch.cat([batch_indices(n, size, step, 0) for step in range(steps)])
    for epoch in range(6):
        assert sorted(order[epoch * n : (epoch + 1) * n].tolist()) == list(range(n))


def test_a_batch_is_a_function_of_seed_and_step():
    assert torch.equal(batch_indices(100, 8, 30, 3), batch_indices(100, 8, 30, 3))
    assert not torch.equal(batch_indices(100, 8, 30, 3), batch_indices(100, 8, 30, 4))
    assert len(batch_indices(100, 8, 30, 3)) == 8


def test_epochs_and_seeds_are_shuffled_differently():
    orders = [batch_indices(50, 50, epoch, seed) for epoch in range(3) for seed in range(3)]
    assert len({tuple(order.tolist()) for order in orders}) == 9
    torch.manual_seed(1)
    before = torch.rand(1)
    torch.manual_seed(1)
    batch_indices(50, 50, 0, 0)
    assert torch.equal(torch.rand(1), before)  # the global generator is left alone


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))


def test_ema_is_its_formula():
    network, generator = Net(), torch.Generator().manual_seed(0)
    ema, expected = EMA(network, 0.9), torch.zeros(3)
    for n in range(1, 200):
        weight = torch.rand(3, generator=generator)
        with torch.no_grad():
            network.weight.copy_(weight)
            network.seen.add_(1)
        ema.update(network)
        decay = min(0.9, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay) * weight
        torch.testing.assert_close(ema.tensors["weight"], expected)
        assert ema.tensors["seen"] == n  # whole numbers are copied
    assert ema.updates == 199
    assert not ema.tensors["weight"].requires_grad


def test_ema_of_constant_weights_is_them():
    network = Net()
    with torch.no_grad():
        network.weight.fill_(2.0)
    ema = EMA(network, 0.999)
    for _ in range(10):
        ema.update(network)
    torch.testing.assert_close(ema.tensors["weight"], torch.full((3,), 2.0))


def test_ema_goes_on_from_a_checkpoint():
    network = Net()
    first, second = EMA(network, 0.9), EMA(network, 0.9)
    with torch.no_grad():
        network.weight.fill_(1.0)
    first.update(network)
    second.load({k: v.clone() for k, v in first.tensors.items()}, first.updates)
    for ema in (first, second):
        ema.update(network)
    assert torch.equal(first.tensors["weight"], second.tensors["weight"])


def test_ema_is_no_view_of_the_network():
    network = Net()
    ema = EMA(network, 0.9)
    with torch.no_grad():
        network.weight.fill_(5.0)
    assert ema.tensors["weight"].tolist() == [0, 0, 0]
