import numpy as np
import pytest
import soundfile
import torch

from sicore.errors import InputError
from sicore.testing import check_domain
from sicore_speech.domain import Speech


def test_the_domain_conforms(domain):
    check_domain(domain, 0.5 * torch.randn(5, domain.samples).clamp(-2, 2))


def test_sixteen_bits_and_floats_are_the_same(domain):
    integers = torch.randint(-30_000, 30_000, (2, domain.samples), dtype=torch.int16)
    torch.testing.assert_close(domain.encode(integers), domain.encode(integers / 32768))


def test_a_file_is_read_at_the_models_rate(domain, tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros((3 * domain.samples, 2), np.float32), 48_000)
    assert domain.read(path).shape == (1, domain.samples)
    soundfile.write(path, np.zeros(100, np.float32), 16_000)
    with pytest.raises(InputError, match=r"100 samples at 16 kHz.*cut it to 0\.50 s"):
        domain.read(path)
    assert domain.read(path, resize=True).shape == (1, domain.samples)
    soundfile.write(path, np.zeros(20_000, np.float32), 16_000)
    assert domain.read(path, resize=True).shape == (1, domain.samples)


def test_files_do_not_clip(domain, tmp_path):
    loud = torch.linspace(-3, 3, domain.samples).unsqueeze(0)
    (path,) = domain.save(loud, tmp_path)
    read, rate = soundfile.read(path)
    assert rate == 16_000
    assert abs(np.abs(read).max() - 1) < 1e-3


def test_wrong_sizes(domain):
    with pytest.raises(InputError, match=r"expected shape \(B, 8064\), got \(1, 100\)"):
        domain.encode(torch.zeros(1, 100))
    with pytest.raises(InputError, match=r"domain\.frames: 2"):
        Speech(frames=2)
