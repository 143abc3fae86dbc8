import pytest
import torch

from sicore.errors import InputError
from sicore_speech.chunks import Chunks


@pytest.mark.parametrize(("length", "overlap"), [(100, 0), (100, 40), (101, 33), (64, 32)])
@pytest.mark.parametrize("n", [1, 63, 100, 101, 160, 977])
def test_cutting_and_joining_is_the_identity(length, overlap, n):
    chunks = Chunks(length, overlap)
    waveform, joined = torch.randn(n), torch.zeros(n)
    covered = []
    for first, last in chunks.batches(n, 3):
        pieces = chunks.cut(waveform, first, last)
        assert pieces.shape == (last - first, length)
        chunks.add(joined, pieces, first)
        covered += range(first, last)
    assert covered == list(range(chunks.count(n)))
    torch.testing.assert_close(joined, waveform)


def test_the_ends_of_a_chunk_are_not_used():
    weight = Chunks(100, 40).weight(first=False, last=False)
    assert (weight[:10] == 0).all()
    assert (weight[-10:] == 0).all()
    assert (weight[40:60] == 1).all()


@pytest.mark.parametrize("overlap", [-1, 51])
def test_wrong_overlap(overlap):
    with pytest.raises(InputError, match="0 to 50 samples"):
        Chunks(100, overlap)
