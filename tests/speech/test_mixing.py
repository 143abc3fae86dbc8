import numpy as np
import pytest

from sicore.errors import InputError
from sicore_speech.data import noises
from sicore_speech.data.augment import equalise, respeed
from sicore_speech.data.bank import Bank
from sicore_speech.data.levels import active_level, background, clipped, rms
from sicore_speech.data.mixing import Mixer, generator, scaled
from sicore_speech.data.rooms import EARLY, reverberate, room_response

from .conftest import int16, voice

N = 16_000


@pytest.fixture(scope="module")
def mixer():
    rng = np.random.default_rng(1)
    speech = [Bank.of([int16(voice(3, 100 + 60 * k, k))], ["a"]) for k in range(2)]
    noise = Bank.of([int16(0.1 * rng.standard_normal(n)) for n in (N, 3 * N)], ["short", "long"])
    return Mixer(speech, noise, speech, snr=(-3, 18), rooms=0.5)


def test_a_mixture_is_a_function_of_seed_and_number(mixer):
    first = [mixer.draw(N, 0, k) for k in range(3)]
    for k in (2, 0, 1):
        for before, again in zip(first[k], mixer.draw(N, 0, k), strict=True):
            assert np.array_equal(before, again)
    assert not np.array_equal(mixer.draw(N, 1, 0)[0], first[0][0])
    assert not np.array_equal(first[0][0], first[1][0])


def test_mixtures_are_sound(mixer):
    for k in range(30):
        clean, noisy = mixer.draw(N, 0, k)
        assert clean.dtype == noisy.dtype == np.float32
        assert clean.shape == noisy.shape == (N,)
        assert np.isfinite(noisy).all()
        assert active_level(clean)[1] >= 0.3


def test_the_ratio_is_that_of_the_active_level():
    clean = np.concatenate([voice(1), np.zeros(N, np.float32)])
    noise = np.random.default_rng(0).standard_normal(2 * N).astype(np.float32)
    level, share = active_level(clean)
    assert share < 0.6
    found = 20 * np.log10(level / rms(scaled(noise, clean, 7.0)))
    assert abs(found - 7) < 1e-3


def test_snr_stays_in_its_range(mixer):
    plain = Mixer(mixer.speech, mixer.noise, mixer.talkers, snr=(2, 5), augment=False)
    for k in range(20):
        clean, noisy = plain.draw(N, 0, k)
        ratio = 20 * np.log10(active_level(clean)[0] / rms(noisy - clean))
        assert 2 - 1e-3 <= ratio <= 5 + 1e-3


def test_errors(mixer):
    with pytest.raises(InputError, match="range of decibels"):
        Mixer(mixer.speech, mixer.noise, mixer.talkers, snr=(5, 2))
    with pytest.raises(InputError, match="no speech to mix"):
        Mixer([], mixer.noise, mixer.talkers)
    with pytest.raises(InputError, match="nobody for the babble"):
        Mixer(mixer.speech, mixer.noise, [])


def test_short_noises_are_repeated():
    stream = np.arange(1, 11, dtype=np.int16)
    cut = noises.crop(stream, 25, np.random.default_rng(0)) * 32768
    assert np.array_equal(cut[:10], cut[10:20])
    assert sorted(cut[:10]) == list(range(1, 11))


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0])
def test_coloured_noise_has_its_slope(exponent):
    wave = noises.coloured(1 << 18, exponent, np.random.default_rng(0))
    power = np.abs(np.fft.rfft(wave)) ** 2
    frequency = np.fft.rfftfreq(len(wave), 1 / 16_000)
    bands = [power[(frequency > f) & (frequency < 1.2 * f)].mean() for f in (100, 1000)]
    assert abs(np.log10(bands[0] / bands[1]) - exponent) < 0.1
    assert abs(rms(wave) - 0.1) < 1e-3


def test_babble_and_typing():
    bank = Bank.of([int16(voice(1))], ["a"])
    rng = generator(0, 0)
    assert rms(noises.babble([bank], N, 5, rng)) > 0.1
    keys = Bank.of([np.full(100, 1000, np.int16)], ["key"])
    wave = noises.typing(keys, N, rng)
    assert 0 < np.mean(wave != 0) < 0.2


def test_speed_moves_the_pitch():
    tone = np.sin(2 * np.pi * 400 * np.arange(2 * N) / 16_000).astype(np.float32)
    fast = respeed(tone, 1.1)
    assert abs(len(fast) - 2 * N / 1.1) < 2
    peak = np.abs(np.fft.rfft(fast)).argmax() * 16_000 / len(fast)
    assert abs(peak - 440) < 1


def test_equaliser_stays_within_its_decibels():
    click = np.zeros(4096, np.float32)
    click[2048] = 1
    response = np.abs(np.fft.rfft(equalise(click, 6.0, np.random.default_rng(0))))
    decibels = 20 * np.log10(response)
    assert np.abs(decibels).max() <= 6.01
    assert np.ptp(decibels) > 1


def test_rooms():
    rng = np.random.default_rng(0)
    response = room_response(rng)
    assert response[0] == 1
    late, early = np.linalg.norm(response[len(response) // 2 :]), np.linalg.norm(response[1:EARLY])
    assert late < early
    click = np.zeros(N, np.float32)
    click[0] = 1
    first, whole = reverberate(click, response)
    n = min(N, len(response))
    np.testing.assert_allclose(whole[:n], response[:n], atol=1e-6)
    np.testing.assert_allclose(first[:EARLY], response[:EARLY], atol=1e-6)
    assert np.abs(first[EARLY:]).max() < 1e-6


def test_levels():
    assert rms(np.zeros(0)) == 0
    assert active_level(np.zeros(1000, np.float32)) == (0.0, 0.0)
    wave = voice(2)
    assert background(wave) < -40
    assert background(wave + 0.02 * np.random.default_rng(0).standard_normal(len(wave))) > -25
    assert not clipped(wave / np.abs(wave).max())
    assert clipped(np.clip(3 * wave / np.abs(wave).max(), -1, 1))
