import numpy as np
import pytest
from scipy.linalg import solve_toeplitz, toeplitz
from scipy.signal import lfilter

from sicore.errors import InputError
from sicore_speech.metrics import (
    composite,
    log_likelihood_ratio,
    segmental_snr,
    weighted_spectral_slope,
)
from sicore_speech.metrics.composite import BANDS, _klatt_weights

from .conftest import voice


def noise(seed, n=48_000):
    return np.random.default_rng(seed).standard_normal(n)


def test_the_same_recording():
    clean = voice(2.0)
    assert segmental_snr(clean, clean) == 35
    assert log_likelihood_ratio(clean, clean) == pytest.approx(0, abs=1e-12)
    assert weighted_spectral_slope(clean, clean) == 0


def test_silence_is_finite():
    clean = voice(1.0)
    for x, y in ((clean, 0 * clean), (0 * clean, clean), (0 * clean, 0 * clean)):
        for measure in (segmental_snr, log_likelihood_ratio, weighted_spectral_slope):
            assert np.isfinite(measure(x, y))


def test_segmental_snr_of_a_softer_copy():
    """``x − 0.9 x`` is 20 dB below in every frame."""
    clean = noise(0)
    assert segmental_snr(clean, 0.9 * clean) == pytest.approx(20, abs=1e-9)
    assert segmental_snr(clean, clean * (1 + 1e-4)) == 35
    assert segmental_snr(clean, -9 * clean) == -10


def test_spectra_do_not_know_loudness():
    clean = noise(0)
    assert log_likelihood_ratio(clean, 3 * clean) == pytest.approx(0, abs=1e-12)
    assert weighted_spectral_slope(clean, 3 * clean) == pytest.approx(0, abs=1e-12)


def test_llr_of_one_frame_by_its_definition():
    x, y = noise(0, 600), noise(1, 600)
    window = np.hanning(482)[1:-1]
    filters = []
    for wave in (x, y):
        frame = wave[:480] * window
        r = np.array([frame[k:] @ frame[: 480 - k] for k in range(17)])
        filters.append((np.append(1, -solve_toeplitz(r[:16], r[1:])), toeplitz(r)))
    (a, matrix), (other, _) = filters
    truth = np.log((other @ matrix @ other) / (a @ matrix @ a))
    assert log_likelihood_ratio(x, y) == pytest.approx(truth, rel=1e-9)


def test_llr_of_an_autoregression_beside_white_noise():
    """The error of prediction is ``σ²`` with the filter and ``σ² / (1 − ρ²)`` without one.

    Filters from 30 ms differ from the true ones by about 16 / 240 of the error's power for each of
    the two recordings, and the worst 5 % of the frames do not count.
    """
    rho = 0.9
    clean = lfilter([1], [1, -rho], noise(0, 160_000))
    assert log_likelihood_ratio(clean, noise(1, 160_000)) == pytest.approx(
        -np.log(1 - rho**2), abs=0.25
    )


def test_a_constant_difference_of_slopes_is_its_square():
    """Weights do not matter where all slopes differ by the same number of decibels."""
    time = np.arange(16_000) / 16_000
    centres = np.floor(BANDS * 1024 / 16_000) * 16_000 / 1024
    tones = np.sin(2 * np.pi * centres[:, None] * time + np.arange(25)[:, None])
    flat, tilted = ((10 ** (step * np.arange(25) / 20) @ tones) for step in (0.0, 1.5))
    assert weighted_spectral_slope(flat, tilted) == pytest.approx(1.5**2, rel=0.1)


def test_composite_measures():
    pytest.importorskip("pesq")
    clean = voice(3.0)
    best = composite(clean, clean)
    assert (best.csig, best.cbak, best.covl) == (5, 5, 5)
    added = noise(0, len(clean)).astype(np.float32)
    good, bad = (composite(clean, clean + level * added) for level in (1e-3, 1e-2))
    for name in ("csig", "cbak", "covl", "pesq", "segsnr"):
        assert getattr(good, name) > getattr(bad, name)
    assert good.llr < bad.llr
    assert good.wss < bad.wss
    mark = 1.634 + 0.478 * bad.pesq - 0.007 * bad.wss + 0.063 * bad.segsnr
    assert bad.cbak == pytest.approx(mark)


def test_too_short():
    with pytest.raises(InputError, match="600 samples or more"):
        weighted_spectral_slope(np.zeros(500), np.zeros(500))


@pytest.mark.parametrize("measure", [weighted_spectral_slope, log_likelihood_ratio])
def test_the_worst_twentieth_of_the_frames_does_not_count(measure):
    clean = noise(0)  # 396 frames
    few, more = clean.copy(), clean.copy()
    few[20_000:21_500] = noise(1, 1_500)  # in 16 or 17 frames
    more[20_000:23_000] = noise(1, 3_000)  # in 29
    assert measure(clean, few) == pytest.approx(0, abs=1e-9)
    assert measure(clean, more) > 1e-3


def test_klatts_weights_by_a_walk_along_the_slopes():
    level = 20 * np.random.default_rng(0).standard_normal((50, 25))
    weights = _klatt_weights(level, np.diff(level, axis=1))
    for levels, row in zip(level, weights, strict=True):
        for band in range(24):
            place = band
            if levels[band + 1] > levels[band]:  # up to the last band that rises
                while place < 23 and levels[place + 2] > levels[place + 1]:
                    place += 1
            else:  # back to where the fall began
                while place > 0 and levels[place] <= levels[place - 1]:
                    place -= 1
            loud, near = levels.max() - levels[band], levels[place] - levels[band]
            assert row[band] == pytest.approx(20 / (20 + loud) / (1 + near))
