from dataclasses import replace

import numpy as np
import pytest
import torch

from sicore.config import load_config
from sicore.errors import InputError
from sicore.hub.build import build_parts
from sicore.hub.model import Model
from sicore_speech.audio import Sound
from sicore_speech.enhancement import chunks_of, enhance, enhance_blocks, enhance_sound

from .conftest import SMALL, voice


def model_of(spread=0.0):
    torch.manual_seed(0)
    config = load_config("speech/enhance", SMALL)
    parts = build_parts(config)
    with torch.no_grad():
        for parameter in parts.network.parameters():
            parameter.add_(spread * torch.randn_like(parameter))
    parts.network.eval().requires_grad_(False)
    return Model(config, parts, {})


@pytest.fixture(scope="module")
def identity():
    """Untrained: it predicts what it is given."""
    return model_of()


@pytest.fixture(scope="module")
def random():
    return model_of(spread=0.05)


@pytest.mark.parametrize("n", [1, 500, 8064, 30_000])
@pytest.mark.parametrize("steps", [1, 3])
def test_the_identity_keeps_a_recording_of_any_length(identity, n, steps):
    noisy = torch.from_numpy(voice(2.0))[:n]
    clean = enhance(identity, noisy, steps=steps)
    assert clean.shape == noisy.shape
    assert (clean - noisy).abs().max() < 1e-4


@pytest.mark.parametrize("options", [{}, {"solver": "exponential-sde", "steps": 3}])
def test_chunks_do_not_depend_on_their_batch(random, options):
    noisy = torch.from_numpy(voice(3.0))
    one, *others = (
        enhance(random, noisy, batch_size=size, seed=3, **options) for size in (1, 3, 8)
    )
    for other in others:
        assert (one - other).abs().max() < 1e-5


def test_samples_depend_on_the_seed_only(random):
    noisy = torch.from_numpy(voice(1.0))
    options = {"solver": "exponential-sde", "steps": 3}
    one = enhance(random, noisy, seed=1, **options)
    assert torch.equal(one, enhance(random, noisy, seed=1, **options))
    assert (one - enhance(random, noisy, seed=2, **options)).abs().max() > 1e-3


class Local(torch.nn.Module):
    """Sees four frames to each side, and is positively homogeneous: chunks then are as the whole.

    The rest of a recording's chunk, and the peak it is divided by, are nothing to it.
    """

    def __init__(self):
        super().__init__()
        self.one = torch.nn.Conv2d(4, 6, 5, padding=2, bias=False)
        self.two = torch.nn.Conv2d(6, 2, 5, padding=2, bias=False)

    def forward(self, x, t, condition=None):
        given = torch.cat((x, condition["x0"]), 1)
        return condition["x0"] + self.two(torch.nn.functional.leaky_relu(self.one(given), 0.3))


def local(frames):
    config = load_config("speech/enhance", [*SMALL, f"domain.frames={frames}"])
    torch.manual_seed(0)
    return Model(config, replace(build_parts(config), network=Local().requires_grad_(False)), {})


@pytest.mark.parametrize("steps", [1, 2])
def test_chunks_are_as_the_whole_recording(steps):
    part, whole = local(128), local(1024)
    loud_then_quiet = voice(6.0) * np.linspace(1.0, 0.02, 96_000, dtype=np.float32)
    noisy = torch.from_numpy(loud_then_quiet[:95_950])
    assert chunks_of(part).count(len(noisy)) == 8
    assert chunks_of(whole).count(len(noisy)) == 1
    chunked, at_once = (enhance(model, noisy, steps=steps) for model in (part, whole))
    assert (at_once - noisy).abs().max() > 0.05
    assert (chunked - at_once).abs().max() < 1e-4


def test_frames_of_all_chunks_are_those_of_the_whole(random):
    assert chunks_of(random).hop % random.domain.spectrogram.hop == 0


def test_bfloat16_is_near(random):
    noisy = torch.from_numpy(voice(1.0))
    exact, coarse = (enhance(random, noisy, bfloat16=b) for b in (False, True))
    error = (exact - coarse).square().mean() / exact.square().mean()
    assert 0 < error < 1e-3
    with torch.autocast("cpu", torch.bfloat16):  # whoever calls may choose it too
        assert torch.equal(enhance(random, noisy), coarse)


@pytest.mark.parametrize("size", [1000, 20_000])
def test_blocks_are_as_the_whole(random, size):
    noisy = torch.from_numpy(np.stack([voice(1.5), voice(1.5, 200, 1)]))
    blocks = enhance_blocks(random, noisy.split(size, 1), 24_000, batch_size=2)
    together = torch.cat(list(blocks), 1)
    for channel, clean in zip(noisy, together, strict=True):
        assert (enhance(random, channel) - clean).abs().max() < 1e-5


def test_every_chunk_is_counted(identity):
    counts = []
    enhance(identity, torch.zeros(30_000), batch_size=2, advance=counts.append)
    assert sum(counts) == chunks_of(identity).count(30_000)
    assert max(counts) == 2


@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_a_sound_keeps_rate_and_length(identity, rate):
    sound = Sound(np.stack([voice(1.0), voice(1.0, 200)]), rate)
    clean = enhance_sound(identity, sound)
    assert (clean.rate, clean.samples.shape) == (rate, sound.samples.shape)


def test_loudness_goes_through(random):
    noisy = torch.from_numpy(voice(1.0))
    loud = enhance(random, 4 * noisy)
    torch.testing.assert_close(loud, 4 * enhance(random, noisy), atol=1e-4, rtol=1e-4)


@pytest.mark.filterwarnings("ignore:.*not finite")
def test_a_result_that_is_not_finite():
    broken = model_of()
    next(iter(broken.network.parameters())).fill_(np.nan)
    with pytest.raises(InputError, match="not finite near 0 s"):
        enhance(broken, torch.from_numpy(voice(1.0)))


def test_silence(random):
    assert enhance(random, torch.zeros(20_000)).isfinite().all()


@pytest.mark.parametrize("wrong", [torch.zeros(0), torch.zeros(2, 5), torch.tensor([0, np.nan])])
def test_wrong_waveforms(identity, wrong):
    with pytest.raises(InputError, match="one channel of finite samples"):
        enhance(identity, wrong)


def test_other_models_are_refused():
    import sicore

    with pytest.raises(InputError, match=r"needs a bridge.*domain 'images'"):
        enhance(sicore.load("images/fashion-mnist"), torch.zeros(100))
