import pytest

from sicore.errors import InputError
from sicore.plugins import Registrar, get_registry
from sicore.plugins.registry import Registry
from sicore_apps import enhancers
from sicore_apps.enhancers import chosen_model, listed_models


@pytest.fixture
def installed(monkeypatch):
    """Make a registry with these names in it."""

    def install(models, presets=()):
        registrar = Registrar("test")
        for name in models:
            registrar.add("model", name, "sicore_speech:models/x", summary=f"what {name} does")
        for name in presets:
            registrar.add("preset", name, "sicore_speech:presets/x.yaml")
        registry = Registry()
        registry.commit(registrar)
        monkeypatch.setattr(enhancers, "get_registry", lambda: registry)

    return install


def test_the_shipped_model_is_the_default(installed):
    installed(["speech/enhance", "speech/dereverb", "images/clothes"])
    assert chosen_model(None, None, False) == "speech/enhance"
    assert chosen_model(None, None, True) == "speech/dereverb"
    assert chosen_model(None, "dereverb", False) == "speech/dereverb"
    assert chosen_model(None, "speech/dereverb", False) == "speech/dereverb"
    assert chosen_model("runs/mine", None, False) == "runs/mine"


def test_what_is_not_installed_says_what_to_do(installed):
    installed(["speech/enhance"], ["speech/dereverb", "speech/enhance", "speech/folder"])
    with pytest.raises(InputError, match=r"'speech/folder'.*sicore train speech/folder -o"):
        chosen_model(None, "folder", False)
    with pytest.raises(InputError, match=r"'speech/dereverb'.*sicore train speech/dereverb -o"):
        chosen_model(None, None, True)
    wrong = r"no model 'enhanse': did you mean 'enhance'\?; installed: enhance: what speech/en"
    with pytest.raises(InputError, match=wrong):
        chosen_model(None, "enhanse", False)
    with pytest.raises(InputError, match="no model 'clothes'"):
        chosen_model(None, "clothes", False)


def test_without_any_model(installed):
    installed([], ["speech/enhance"])
    with pytest.raises(InputError, match=r"no trained model 'speech/enhance'.*--model runs/enh"):
        chosen_model(None, None, False)


@pytest.mark.parametrize(
    ("given", "flags"),
    [
        (("a", "b", False), "--model and --method"),
        (("a", None, True), "--model and --dereverb"),
        ((None, "b", True), "--method and --dereverb"),
    ],
)
def test_only_one_flag_chooses(given, flags):
    with pytest.raises(InputError, match=f"{flags} exclude each other"):
        chosen_model(*given)


def test_the_list(installed, sicore):
    installed(["images/a", "speech/enhance"], ["speech/enhance", "speech/folder"])
    lines = listed_models()
    assert len(lines) == 2
    assert lines[0] == "enhance: what speech/enhance does"
    assert lines[1].startswith("folder: not trained; train it with 'sicore train speech/folder")
    status, said, _ = sicore("enhance", "--method", "list")
    assert status == 0
    assert said.splitlines() == lines


def test_what_is_registered_now_can_be_listed():
    known = [name for name in get_registry().names("preset") if name.startswith("speech/")]
    assert len(listed_models()) >= len(known) > 0
