import pytest

from sicore.config import load_config
from sicore.testing import check_lazy_import, check_plugin
from sicore_speech.plugin import sicore_doctor


def test_importing_the_plugin_is_cheap():
    check_lazy_import("sicore_speech.plugin")


def test_the_plugin_conforms_without_recordings(monkeypatch, tmp_path):
    monkeypatch.setenv("SICORE_DATA", str(tmp_path))
    check_plugin("speech")


def test_the_preset_is_the_bridge_of_the_paper():
    config = load_config("speech/enhance")
    assert config.interpolant.build().variance == pytest.approx(1.2058, abs=1e-3)
    assert config.prediction.name == "data"
    assert config.objective.coupling.name == "paired"


def test_doctor_says_whether_the_recordings_are_here(monkeypatch, tmp_path):
    monkeypatch.setenv("SICORE_DATA", str(tmp_path))
    checks = {name: (fine, advice) for name, fine, advice in sicore_doctor()}
    assert checks["soundfile"][0]
    fine, advice = checks["speech recordings"]
    assert not fine
    assert "sicore data fetch speech/mixtures" in advice
