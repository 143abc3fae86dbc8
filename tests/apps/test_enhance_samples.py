import base64
import io
import re

import numpy as np
import pytest
import soundfile
from PIL import Image

from sicore.errors import InputError
from sicore_apps.recordings import plan_jobs

RATE = 16_000


def noise(seconds, channels=1, level=0.1):
    rng = np.random.default_rng(0)
    return (level * rng.standard_normal((int(seconds * RATE), channels))).astype(np.float32)


def floats(path):
    return soundfile.read(path, always_2d=True)[0]


@pytest.mark.parametrize("level", [0.01, 0.3])  # at the second one the results would clip
def test_the_result_is_the_mean_of_the_samples(sicore, random_speech_model, tmp_path, level):
    source = tmp_path / "a.wav"
    soundfile.write(source, noise(0.6, 2, level), RATE, subtype="FLOAT")
    words = ("enhance", source, "--model", random_speech_model, "--steps", 2)
    status, said, errors = sicore(*words, "-o", tmp_path / "b.wav", "--samples", 3, "--seed", 5)
    assert status == 0, errors
    names = ["b.wav", "b-0001.wav", "b-0002.wav", "b-0003.wav", "b-uncertainty.png"]
    assert said.splitlines() == [str(tmp_path / name) for name in names]
    samples = [floats(tmp_path / name) for name in names[1:4]]
    np.testing.assert_allclose(floats(tmp_path / "b.wav"), np.mean(samples, 0), atol=1e-6)
    assert np.std(samples, 0).max() > 1e-3
    peak = np.abs([floats(tmp_path / name) for name in names[:4]]).max()
    assert (peak == pytest.approx(1)) if level > 0.1 else (peak < 0.9)
    Image.open(tmp_path / names[-1]).verify()
    again = (*words, "-o", tmp_path / "c.wav", "--solver", "exponential-sde", "--seed", 6)
    assert sicore(*again)[0] == 0
    alone = floats(tmp_path / "c.wav")
    first, second = (wave / np.abs(wave).max() for wave in (alone, samples[1]))
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_results_do_not_replace_each_other_or_what_is_there(sicore, speech_model, tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    for name in ("a.wav", "a-0001.wav"):
        soundfile.write(source / name, noise(0.1), RATE)
    words = ("enhance", source, "-o", tmp_path / "out", "--model", speech_model, "--samples", 2)
    status, _, errors = sicore(*words)
    assert status == 1
    assert "a-0001.wav: two results have this name" in errors
    (tmp_path / "b-uncertainty.png").write_bytes(b"mine")
    words = ("enhance", source / "a.wav", "-o", tmp_path / "b.wav", "--model", speech_model)
    status, _, errors = sicore(*words, "--samples", 2)
    assert status == 1
    assert "b-uncertainty.png' exists" in errors
    words = ("enhance", source / "a.wav", "-o", source / "a-0001.wav", "--model", speech_model)
    assert sicore(*words)[0] == 1
    assert not (tmp_path / "out").exists()


@pytest.fixture
def pair(tmp_path):
    """A clean and a noisy recording of half a second: the clean one is a tone."""
    clean = 0.5 * np.sin(2 * np.pi * 500 * np.arange(RATE) / RATE)[:, None]
    soundfile.write(tmp_path / "clean.wav", clean, RATE)
    soundfile.write(tmp_path / "noisy.wav", clean + noise(1.0), RATE)
    return tmp_path / "noisy.wav", tmp_path / "clean.wav"


def sounds(page):
    found = re.findall(r'src="data:audio/flac;base64,([^"]+)"', page)
    return [soundfile.read(io.BytesIO(base64.b64decode(one)))[0] for one in found]


def test_the_report(sicore, speech_model, tmp_path, pair):
    noisy, clean = pair
    words = ("enhance", noisy, "-o", tmp_path / "b.wav", "--model", speech_model)
    report = ("--report", tmp_path / "page.html")
    status, said, errors = sicore(*words, *report, "--reference", clean, "--samples", 2)
    assert status == 0, errors
    assert said.splitlines()[-1] == str(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text("utf-8")
    before, after, reference = sounds(page)
    np.testing.assert_allclose(before, floats(noisy)[:, 0], atol=1e-4)
    np.testing.assert_allclose(after, floats(tmp_path / "b.wav")[:, 0], atol=1e-4)
    np.testing.assert_allclose(reference, floats(clean)[:, 0], atol=1e-4)
    assert len(re.findall("data:image/png", page)) == 2
    power = 10 * np.log10(0.5**2 / 2 / 0.1**2)
    shown = re.search(r"<td>SI-SDR \(dB\)</td><td>([\d.]+)</td><td>([\d.]+)</td>", page)
    assert float(shown[1]) == pytest.approx(power, abs=0.2)
    for text in ("exponential-sde", "0 to 1", "real-time factor", "posterior samples"):
        assert text in page
    assert "http" not in page.replace("http-equiv", "")
    status, _, errors = sicore(*words, "--overwrite", "--report", clean)
    assert status == 1
    assert "clean.wav: expected the name of a page" in errors


def test_a_reference_of_another_length_is_not_measured(sicore, speech_model, tmp_path, pair):
    noisy, _ = pair
    soundfile.write(tmp_path / "long.wav", noise(2.0), RATE)
    words = ("enhance", noisy, "-o", tmp_path / "b.wav", "--model", speech_model)
    flags = ("--report", tmp_path / "page.html", "--reference", tmp_path / "long.wav")
    assert sicore(*words, *flags)[0] == 0
    assert "they do not belong together" in (tmp_path / "page.html").read_text("utf-8")


def test_a_report_of_a_folder(sicore, speech_model, tmp_path, monkeypatch):
    from sicore_apps import sound_pages

    monkeypatch.setattr(sound_pages, "HEARD_IN_ALL", 0.5)
    monkeypatch.setattr(sound_pages, "LEAST_HEARD", 0.1)
    source = tmp_path / "in"
    (source / "deep").mkdir(parents=True)
    for name in ("a.wav", "deep/b & <c>.wav"):
        soundfile.write(source / name, noise(1.0, 3), RATE)
    (source / "broken.wav").write_text("text")
    words = ("enhance", source, "-o", tmp_path / "out", "--model", speech_model)
    status, _, errors = sicore(*words, "--report", tmp_path / "page.html")
    assert status == 1
    assert "broken.wav: cannot be read as sound" in errors
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "b &amp; &lt;c&gt;.wav" in page
    assert page.count("nothing is measured") == 2
    parts = sounds(page)
    assert [part.shape for part in parts] == [(RATE // 4, 2)] * 4
    assert "the first 0.25 of 1 s, the first two of 3 channels" in page


def test_references_of_a_folder_have_the_names_of_its_recordings(tmp_path):
    for folder in ("in/deep", "clean/deep"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a.wav").write_bytes(b"")
    source, output, clean = (tmp_path / name for name in ("in", "out", "clean"))
    (job,) = plan_jobs(source, output, False, reference=clean)
    assert job.reference == clean / "deep" / "a.wav"
    with pytest.raises(InputError, match="would be replaced"):
        plan_jobs(source, clean, True, reference=clean)
    with pytest.raises(InputError, match="is no folder"):
        plan_jobs(source, output, False, reference=job.reference)
    job.reference.unlink()
    with pytest.raises(InputError, match=r"a\.wav: no such file; it is the reference of"):
        plan_jobs(source, output, False, reference=clean)
