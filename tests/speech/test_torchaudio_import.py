import sys

import numpy as np
import pytest
import torch

from sicore.errors import PluginError
from sicore_speech import torchaudio_import
from sicore_speech.audio import Sound
from sicore_speech.spectrogram import Spectrogram
from sicore_speech.torchaudio_import import torchaudio

from .conftest import voice

FAKE = """
from torchaudio import _extension
from torchaudio._extension import _IS_TORCHAUDIO_EXT_AVAILABLE as compiled, fail_if_no_align

@fail_if_no_align
def forced_align():
    pass
"""


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """As if nobody had imported torchaudio yet; what was imported is put back."""
    for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
        monkeypatch.delitem(sys.modules, name)
    torchaudio.cache_clear()
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
        del sys.modules[name]
    torchaudio.cache_clear()


def installed(monkeypatch, tmp_path, extension, package=FAKE):
    (tmp_path / "torchaudio" / "_extension").mkdir(parents=True)
    (tmp_path / "torchaudio" / "__init__.py").write_text(package)
    (tmp_path / "torchaudio" / "_extension" / "__init__.py").write_text(extension)
    monkeypatch.syspath_prepend(str(tmp_path))


def test_a_compiled_part_that_loads_is_used(monkeypatch, tmp_path):
    extension = "_IS_TORCHAUDIO_EXT_AVAILABLE = True\nfail_if_no_align = lambda f: f"
    installed(monkeypatch, tmp_path, extension)
    assert torchaudio().compiled
    assert torchaudio().forced_align() is None


def test_a_compiled_part_that_does_not_load_is_replaced(monkeypatch, tmp_path):
    installed(monkeypatch, tmp_path, "raise OSError('libcudart.so: cannot open')")
    module = torchaudio()
    assert not module.compiled
    assert torchaudio() is module
    with pytest.raises(PluginError, match=r"torchaudio\.forced_align is compiled"):
        module.forced_align()


def test_a_torchaudio_that_cannot_be_imported(monkeypatch, tmp_path):
    installed(monkeypatch, tmp_path, "raise OSError", FAKE + "\nraise ImportError('other reason')")
    with pytest.raises(PluginError, match=r"cannot be imported \(other reason\)"):
        torchaudio()
    assert torchaudio_import.EXTENSION not in sys.modules


def test_a_torchaudio_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchaudio", None)
    with pytest.raises(PluginError, match=r"pip install --no-deps torchaudio"):
        torchaudio()


def test_spectrograms_are_torchaudios():
    """With the amplitudes as they are, and their squares added up."""
    wave = torch.from_numpy(voice(1.0))[None]
    ours = Spectrogram(510, 128, factor=1.0, exponent=1.0).encode(wave)
    theirs = torchaudio().transforms.Spectrogram(510, hop_length=128, power=2)(wave)
    torch.testing.assert_close(ours.square().sum(1), theirs, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("rate", [48_000, 44_100, 8_000])
def test_resampling_is_torchaudios_where_both_let_pass(rate):
    """Its filter of 64 zero crossings; below 85 % of the lower band limit both are flat."""
    rng = np.random.default_rng(0)
    spectrum = np.fft.rfft(rng.standard_normal(rate))
    spectrum[int(0.85 * min(rate, 16_000) / 2) :] = 0
    wave = np.fft.irfft(spectrum, rate).astype(np.float32)
    ours = Sound(wave[None], rate).resampled(16_000).samples[0]
    theirs = torchaudio().functional.resample(
        torch.from_numpy(wave),
        rate,
        16_000,
        lowpass_filter_width=64,
        rolloff=0.9475937167399596,
        resampling_method="sinc_interp_kaiser",
        beta=14.769656459379492,
    )
    middle = slice(1_000, -1_000)
    np.testing.assert_allclose(ours[middle], theirs[middle], atol=2e-3 * wave.std())
