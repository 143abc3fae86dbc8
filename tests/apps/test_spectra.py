import numpy as np
import pytest
import soundfile

from sicore_apps.charts import BOTTOM, HEIGHT, LEFT, TOP, WIDTH, Panel, chart, ticks
from sicore_apps.spectra import BINS, decibels, frames, pooled, powers
from sicore_apps.uncertainty import uncertainty_picture
from sicore_speech import recording
from sicore_speech.recording import open_recording

RATE = 16_000


def written(path, wave, rate=RATE):
    soundfile.write(path, wave, rate, subtype="FLOAT")
    return open_recording(path)


@pytest.mark.parametrize("rate", [16_000, 48_000])
@pytest.mark.parametrize("block", [1000, 65_536])
def test_a_sine_has_power_one_in_its_bin(tmp_path, monkeypatch, rate, block):
    monkeypatch.setattr(recording, "BLOCK", block)
    time = np.arange(rate) / rate
    sine = written(tmp_path / "a.wav", np.sin(2 * np.pi * 2000 * time), rate)
    power = np.concatenate(list(powers(sine)), 1)
    assert power.shape == (BINS, frames(sine)) == (257, 126)
    inner = power[:, 5:-5]
    np.testing.assert_allclose(inner[64], 1, atol=1e-3)  # 2000 Hz is bin 64 of 31.25 Hz
    assert (inner.argmax(0) == 64).all()


def test_channels_add_up(tmp_path):
    time = np.arange(RATE) / RATE
    two = np.stack([np.sin(2 * np.pi * f * time) for f in (1000, 3000)], 1)
    power = np.concatenate(list(powers(written(tmp_path / "a.wav", two))), 1)[:, 60]
    np.testing.assert_allclose(power[[32, 96]], 1, atol=1e-3)


@pytest.mark.parametrize(("total", "columns"), [(10, 20), (100, 7)])
def test_columns_are_means(total, columns):
    values = np.random.default_rng(0).standard_normal((BINS, total))
    parts = pooled((values[:, k : k + 3] for k in range(0, total, 3)), total, columns)
    width = min(total, columns)
    edges = [np.arange(total) * width // total == column for column in range(width)]
    np.testing.assert_allclose(parts, np.stack([values[:, e].mean(1) for e in edges], 1))


def test_decibels():
    np.testing.assert_allclose(decibels(np.array([1, 0.1, 0]), 1e-3), [0, -10, -30])


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0, 8, 4, [0, 2, 4, 6, 8]),
        (-80, 0, 5, [-80, -60, -40, -20, 0]),
        (0, 5.4, 8, [0, 1, 2, 3, 4, 5]),
        (0, 1800, 8, [0, 500, 1000, 1500]),
    ],
)
def test_ticks(low, high, most, expected):
    np.testing.assert_allclose(ticks(low, high, most), expected)


def test_the_lowest_frequency_is_at_the_bottom():
    values = np.zeros((BINS, 100))
    values[:20, 50:] = 1
    picture = np.asarray(chart([Panel("one", values, 0, 1)] * 2, 3.0, 8.0).convert("L"))
    tall = TOP + HEIGHT + BOTTOM
    assert picture.shape[0] == 2 * tall
    for above in (0, tall):
        body = picture[above + TOP : above + TOP + HEIGHT, LEFT : LEFT + WIDTH]
        assert body[-5, -5] > 200 > 50 > body[-5, 5]
        assert body[5, -5] < 50


def test_the_uncertainty_is_the_deviation_in_decibels(tmp_path, monkeypatch):
    """Two samples that differ by 6.02 dB everywhere have the deviation 6.02/√2 dB."""
    from sicore_apps import uncertainty

    seen = []
    monkeypatch.setattr(uncertainty, "chart", lambda panels, *axes: seen.append((panels, axes)))
    noise = 0.1 * np.random.default_rng(0).standard_normal(RATE)
    samples = [written(tmp_path / f"{k}.wav", k * noise) for k in (1, 2)]
    uncertainty_picture(written(tmp_path / "mean.wav", 1.5 * noise), samples)
    (mean, spread), axes = seen[0]
    assert mean.values.max() == pytest.approx(0)
    loud = mean.values > -30
    np.testing.assert_allclose(spread.values[loud], 20 * np.log10(2) / np.sqrt(2), rtol=1e-4)
    assert axes == (1.0, 8.0)


def test_silence_is_not_uncertain(tmp_path):
    silence = written(tmp_path / "a.wav", np.zeros(RATE))
    assert uncertainty_picture(silence, [silence, silence]).size[1] == 2 * (TOP + HEIGHT + BOTTOM)
