import pytest
import torch

from sicore.errors import InputError
from sicore_speech.chunks import Chunks


@pytest.mark.parametrize(("length", "overlap"), [(100, 0), (100, 40), (101, 33), (64, 32)])
@pytest.mark.parametrize("n", [1, 63, 100, 101, 160, 977])
@pytest.mark.parametrize(("block", "step", "size"), [(7, 1, 3), (250, 4, 1), (1000, 1, 8)])
def test_cutting_and_joining_is_the_identity(length, overlap, n, block, step, size):
    chunks = Chunks(length, overlap, step)
    waveform = torch.randn(2, n)
    pieces = list(chunks.cut(waveform.split(block, 1), n, size))
    total = chunks.count(n)
    assert [first for first, _ in pieces] == list(range(0, total, size))
    for first, batch in pieces:
        assert batch.shape == (2, min(size, total - first), length)
        for k, piece in enumerate(batch.unbind(1), first):
            start = k * chunks.hop
            if k == total - 1 > 0:  # it ends at the end, or less than a step later
                start = min(start, -(-(n - length) // step) * step)
                assert n - length <= start < n - length + step
            part = waveform[:, start:][:, :length]
            assert torch.equal(piece[:, : part.shape[1]], part)
            assert not piece[:, part.shape[1] :].any()
    torch.testing.assert_close(torch.cat(list(chunks.join(pieces, n)), 1), waveform)


def test_no_more_is_read_than_the_chunks_need():
    read = []

    def blocks():
        for number in range(100):
            read.append(number)
            yield torch.zeros(1, 10)

    next(iter(Chunks(100, 20).cut(blocks(), 1000, 2)))
    assert len(read) == 18  # two chunks cover 180 samples


def test_the_ends_of_a_chunk_are_not_used():
    weight = Chunks(100, 40).weight(first=False, last=False)
    assert (weight[:10] == 0).all()
    assert (weight[-10:] == 0).all()
    assert (weight[40:60] == 1).all()


@pytest.mark.parametrize("overlap", [-1, 51])
def test_wrong_overlap(overlap):
    with pytest.raises(InputError, match="0 to 50 samples"):
        Chunks(100, overlap)
