import numpy as np
import pytest

from sicore_speech.metrics import METRICS, scores, si_sdr

from .conftest import voice


def test_si_sdr_is_the_ratio_of_target_and_error():
    rng = np.random.default_rng(0)
    clean = rng.standard_normal(16_000)
    error = rng.standard_normal(16_000)
    error -= error.mean()
    target = clean - clean.mean()
    error -= target * (error @ target) / (target @ target)
    error *= np.linalg.norm(target) / np.linalg.norm(error) / 10
    assert abs(si_sdr(clean, clean + error) - 20) < 1e-6
    assert abs(si_sdr(clean, 3 * (clean + error) + 5) - 20) < 1e-6
    assert si_sdr(clean, clean) > 100
    assert si_sdr(np.zeros(10), np.zeros(10)) == 0


def test_noise_lowers_every_metric():
    pytest.importorskip("pesq")
    pytest.importorskip("pystoi")
    clean = voice(3.0)
    noise = np.random.default_rng(0).standard_normal(len(clean)).astype(np.float32)
    good, bad = (scores(clean, clean + level * noise) for level in (0.001, 0.1))
    assert set(good) == set(METRICS)
    assert all(good[name] > bad[name] for name in METRICS)
