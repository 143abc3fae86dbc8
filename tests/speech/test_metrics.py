import json
import sys
from types import ModuleType

import numpy as np
import pytest
import torch

from sicore.config import load_config
from sicore.errors import InputError, UnknownName
from sicore.hub.build import build_parts
from sicore.hub.model import Model
from sicore.plugins import Registrar, Registry, get_registry
from sicore_speech.metrics import (
    METRICS,
    Trial,
    dnsmos,
    evaluate,
    scores,
    si_sar,
    si_sdr,
    si_sir,
    table,
    word_error_rate,
    word_errors,
)

from .conftest import SMALL, voice


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


def orthogonal(count=3, n=16_000):
    """Vectors of norm 1 and mean 0, orthogonal to each other."""
    rng = np.random.default_rng(0)
    q, _ = np.linalg.qr(np.column_stack([np.ones(n), rng.standard_normal((n, count))]))
    return q[:, 1:].T


@pytest.mark.parametrize("leak", [0.0, 0.7])
def test_interference_and_artefacts_are_told_apart(leak):
    """A noise with some of the speech in it spans the same plane as one without."""
    x, n, a = orthogonal()
    noisy = x + n + leak * x
    estimate = 2 * x + 0.5 * n + 0.1 * a
    for y in (estimate, 7 * estimate + 3):
        assert abs(si_sir(x, y, noisy) - 20 * np.log10(2 / 0.5)) < 1e-6
        assert abs(si_sar(x, y, noisy) - 20 * np.log10(2 / 0.1)) < 1e-6
    assert si_sar(x, noisy, noisy) > 150


def test_the_powers_of_both_errors_add_up():
    rng = np.random.default_rng(1)
    clean, noise, other = rng.standard_normal((3, 8_000))
    triple = (clean, clean + 0.3 * noise + 0.2 * other + 0.1 * clean**2, clean + noise)
    parts = [10 ** (-ratio(*triple) / 10) for ratio in (si_sir, si_sar)]
    assert abs(10 ** (-si_sdr(*triple[:2]) / 10) - sum(parts)) < 1e-9


def test_noise_lowers_every_metric():
    pytest.importorskip("pesq")
    pytest.importorskip("pystoi")
    clean = voice(3.0)
    noise = np.random.default_rng(0).standard_normal(len(clean)).astype(np.float32)
    good, bad = (scores(clean, clean + level * noise) for level in (0.001, 0.1))
    assert set(good) == set(METRICS)
    assert all(good[name] > bad[name] for name in METRICS)


def test_metrics_by_name():
    clean = voice(1.0)
    noisy = clean + 0.01 * np.random.default_rng(0).standard_normal(len(clean)).astype(np.float32)
    figures = scores(clean, noisy, noisy, ["speech/si-sdr"])
    assert set(figures) == {"si_sdr", "si_sir", "si_sar"}
    assert figures["si_sdr"] == si_sdr(clean, noisy)
    with pytest.raises(UnknownName, match="speech/pesq"):
        scores(clean, noisy, noisy, ["speech/pesk"])
    with pytest.raises(InputError, match="compare with the noisy recording"):
        scores(clean, noisy, metrics=["speech/si-sdr"])
    with pytest.raises(InputError, match="waveforms"):
        scores(clean, noisy[:-1])


def test_every_registered_metric_of_the_plugin_loads():
    entries = [e for e in get_registry().entries("metric") if e.plugin == "speech"]
    assert len(entries) == 5
    assert all(callable(get_registry().resolve("metric", entry.name)) for entry in entries)


def test_dnsmos_is_asked_for_at_full_scale(monkeypatch):
    heard = []

    def run(wave, sr, return_df):
        heard.append((wave, sr))
        return {f"{part}_mos": 3.0 for part in ("sig", "bak", "ovrl", "p808")}

    module = ModuleType("speechmos.dnsmos")
    module.run = run
    monkeypatch.setitem(sys.modules, "speechmos", ModuleType("speechmos"))
    monkeypatch.setitem(sys.modules, "speechmos.dnsmos", module)
    marks = dnsmos(np.array([0, 4, -2]))
    np.testing.assert_array_equal(heard[0][0], np.array([0, 1, -0.5], np.float32))
    assert heard[0][1] == 16_000
    assert set(marks) == {"dnsmos_sig", "dnsmos_bak", "dnsmos_ovrl", "dnsmos_p808"}
    with pytest.raises(InputError, match="one channel"):
        dnsmos(np.zeros(0))
    monkeypatch.setitem(sys.modules, "speechmos.dnsmos", None)
    with pytest.raises(InputError, match=r"pip install 'sicore-speech\[dnsmos\]'"):
        dnsmos(np.zeros(100))


def test_dnsmos_hears_noise():
    pytest.importorskip("speechmos.dnsmos")
    clean = voice(3.0)
    noisy = clean + 0.1 * np.random.default_rng(0).standard_normal(len(clean))
    assert dnsmos(clean)["dnsmos_bak"] > dnsmos(noisy)["dnsmos_bak"]


@pytest.mark.parametrize(
    ("reference", "hypothesis", "rate"),
    [
        ("the cat sat", "the cat sat", 0),
        ("The cat, sat.", "the CAT sat", 0),
        ("the cat sat", "the sat", 1 / 3),
        ("the cat sat", "the fat cat sat", 1 / 3),
        ("the cat sat", "the dog sat", 1 / 3),
        ("a b c d", "b c d e", 2 / 4),
        ("a b", "", 1),
        ("a", "b c d", 3),
        ("l’été", "l'été", 0),
    ],
)
def test_word_error_rate(reference, hypothesis, rate):
    assert word_error_rate(reference, hypothesis) == pytest.approx(rate)


def test_edits_are_a_distance():
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(list("abc"), size)) for size in (5, 7, 4, 6, 8)]

    def edits(a, b):
        return round(word_error_rate(a, b) * len(a.split()))

    for a in texts:
        for b in texts:
            assert edits(a, b) == edits(b, a)
            assert all(edits(a, b) <= edits(a, c) + edits(c, b) for c in texts)


def test_a_reference_without_words():
    with pytest.raises(InputError, match="no words"):
        word_error_rate("…", "a")


def loudness_words(wave, rate):
    """A transcriber: one word for each quarter of a second that is loud, or not."""
    assert rate == 16_000
    return " ".join("loud" if part.std() > 0.1 else "quiet" for part in np.split(wave, 4))


wer = word_errors(loudness_words)


def test_a_plugin_brings_a_transcriber(monkeypatch):
    registrar, registry = Registrar("mine"), Registry()
    registrar.add("metric", "mine/wer", "fake_transcriber:wer")
    registry.commit(registrar)
    module = ModuleType("fake_transcriber")
    module.wer = wer
    monkeypatch.setitem(sys.modules, "fake_transcriber", module)
    monkeypatch.setattr(table, "get_registry", lambda: registry)
    rng = np.random.default_rng(0)
    clean = rng.standard_normal(16_000) * np.repeat([1, 0, 1, 0], 4_000)
    noisy = clean + np.repeat([0, 0, 0, 1], 4_000) * rng.standard_normal(16_000)
    assert scores(clean, noisy, noisy, ["mine/wer"]) == {"wer": 0.25}
    assert scores(clean, clean, noisy, ["mine/wer"]) == {"wer": 0}


def test_a_recording_in_which_no_word_is_heard():
    silent = word_errors(lambda wave, rate: "ghost words" if wave.any() else "")
    nothing, something = np.zeros(10), np.ones(10)
    assert silent(Trial(nothing, nothing, something)) == {"wer": 0}
    assert silent(Trial(nothing, something, something)) == {"wer": 2}


def test_a_model_is_evaluated_by_the_metrics_that_are_named(recordings):
    torch.manual_seed(0)
    config = load_config("speech/enhance", [*SMALL, f"data.folder={recordings}"])
    parts = build_parts(config)
    parts.network.eval().requires_grad_(False)
    result = evaluate(Model(config, parts, {}), n=2, metrics=["speech/si-sdr"], steps=1)
    assert set(result["noisy"]) == set(result["model"]) == {"si_sdr", "si_sir", "si_sar"}
    assert result["model"]["si_sdr"] == pytest.approx(result["noisy"]["si_sdr"], abs=0.1)
    json.dumps(result)
