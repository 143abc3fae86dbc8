import numpy as np
import pytest
import torch

from sicore.config import load_config
from sicore.errors import InputError
from sicore.hub.build import build_parts
from sicore.hub.model import Model
from sicore_speech.enhancement import enhance

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


def test_chunks_do_not_depend_on_their_batch(random):
    noisy = torch.from_numpy(voice(3.0))
    one = enhance(random, noisy, batch_size=1, seed=3)
    many = enhance(random, noisy, batch_size=5, seed=3)
    assert (one - many).abs().max() < 1e-4


def test_loudness_goes_through(random):
    noisy = torch.from_numpy(voice(1.0))
    loud = enhance(random, 4 * noisy)
    torch.testing.assert_close(loud, 4 * enhance(random, noisy), atol=1e-4, rtol=1e-4)


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
