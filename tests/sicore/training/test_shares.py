"""How processes share a batch."""

from types import SimpleNamespace

import pytest
import torch

from sicore.errors import InputError
from sicore.training.trainer import _Run


def slices(config, world, step, tmp_path):
    """What each process of a world of processes gets of one step."""
    dataset = config.data.build()
    domain = config.domain.filled(dataset.domain_config()).build()
    for rank in range(world):
        accelerator = SimpleNamespace(device="cpu", process_index=rank, num_processes=world)
        run = object.__new__(_Run)
        run.settings, run.dataset, run.accelerator = config.training, dataset, accelerator
        run.parts = SimpleNamespace(domain=domain)
        yield run._batch(step)


@pytest.mark.parametrize("world", [2, 3, 8])
def test_processes_share_the_global_batch(configured, tmp_path, world):
    """Data, conditions and streams: the slices together are the batch of one process."""
    config = configured(batch_size=8)
    ((x, condition, noise),) = slices(config, 1, 4, tmp_path)
    parts = list(slices(config, world, 4, tmp_path))
    assert torch.equal(torch.cat([p[0] for p in parts]), x)
    assert torch.equal(torch.cat([p[1]["class"] for p in parts]), condition["class"])
    assert torch.equal(torch.cat([p[2].index for p in parts]), noise.index)
    drawn = torch.cat([p[2].normal((2,)) for p in parts])
    assert torch.equal(drawn, noise.normal((2,)))


def test_no_stream_is_used_twice(configured, tmp_path):
    config = configured(batch_size=8)
    numbers = [next(slices(config, 1, step, tmp_path))[2].index for step in range(5)]
    assert len(torch.cat(numbers).unique()) == 40


def test_a_batch_has_a_sample_for_each_process(configured, tmp_path):
    three = SimpleNamespace(num_processes=3)
    with pytest.raises(InputError, match="batch_size: 3 processes share it, so expected"):
        _Run(configured(batch_size=2), tmp_path, three, None)
