"""Philox against the vectors that its authors publish (Random123, file kat_vectors)."""

import pytest
import torch

from sicore.states.philox import philox, to_normal, to_uniform

PI = "243f6a88 85a308d3 13198a2e 03707344 a4093822 299f31d0"
ONES = " ".join(["ffffffff"] * 6)
KNOWN = {  # counter (4 words) and key (2 words): output
    " ".join(["00000000"] * 6): "6627e8d5 e169c58d bc57ac4c 9b00dbd8",
    ONES: "408f276d 41c83b0e a20bc7c6 6d5451fd",
    PI: "d16cfe09 94fdcceb 5001e420 24126ea1",
}


def words(text):
    return [int(word, 16) for word in text.split()]


@pytest.mark.parametrize("given", KNOWN)
def test_known_answers(given):
    *counter, k0, k1 = words(given)
    made = philox((k0, k1), tuple(torch.tensor([c]) for c in counter))
    assert [int(word) for word in made] == words(KNOWN[given])


def test_counters_broadcast():
    block, sample = torch.arange(3), torch.arange(5).unsqueeze(1)
    whole = philox((1, 2), (block, torch.zeros_like(block), sample, sample))
    one = torch.tensor([2])
    alone = philox((1, 2), (one, one * 0, one + 1, one + 1))
    for all_words, word in zip(whole, alone, strict=True):
        assert all_words.shape == (5, 3) and all_words[3, 2] == word


def test_uniforms_are_inside_the_open_interval():
    ends = to_uniform(torch.tensor([0, 0xFFFFFFFF]))
    assert ends[0] > 0 and ends[1] < 1
    assert all(bool(n.isfinite().all()) for n in to_normal([torch.tensor([0, 0xFFFFFFFF])] * 4))
