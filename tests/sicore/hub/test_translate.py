"""Translation between models: what is kept, what matters, what is read and what is refused."""

import pytest
import torch
from safetensors.torch import save_file

from sicore.errors import InputError, UnknownName
from sicore.hub import Domain
from sicore.hub.translate import read_inputs, translate
from sicore.interpolants import Trigonometric
from sicore.predictions import AsInterpolant
from sicore.states import Noise, TensorSpace

BAG, COAT = {"class": "Bag"}, {"class": "Coat"}


@pytest.fixture
def x(model):
    return Noise.of(9, 7).normal((1, 2, 2))


def close(a, b, tolerance=1e-5):
    torch.testing.assert_close(a, b, rtol=0, atol=tolerance)


@pytest.mark.parametrize("eta", [0.2, 1.0])
@pytest.mark.parametrize("strength", [0.5, 1.0])
@pytest.mark.parametrize("interpolant", ["linear", "vp", "edm"])
def test_to_the_same_model_and_class_it_is_the_identity(make_model, x, interpolant, eta, strength):
    model = make_model(interpolant)
    settings = {"eta": eta, "strength": strength, "steps": 6}
    made = translate(model, model, x, condition=BAG, target_condition=BAG, **settings)
    close(made.x, x)
    assert made.nfe == 12 and made.status.sum() == 0
    other = translate(model, model, x, condition=BAG, target_condition=COAT, **settings)
    assert (other.x - x).abs().max() > 1e-3


def test_what_becomes_of_a_state_does_not_depend_on_the_others(model, x):
    settings = {"condition": {"class": [0, 1, 2, 0, 1, 2, 0]}, "target_condition": COAT, "steps": 4}
    whole = translate(model, model, x, **settings).x
    close(translate(model, model, x, batch_size=3, **settings).x, whole)
    close(
        translate(model, model, x[:1], condition=BAG, target_condition=COAT, steps=4).x, whole[:1]
    )
    assert (translate(model, model, x, seed=1, **settings).x - whole).abs().max() > 1e-3


def test_a_target_on_another_path_is_moved_to_that_of_the_source(model, x):
    """Exactly: the same field, learned on another path, makes the same of a code."""
    twin = AsIfTrainedOn(model, Trigonometric())
    expected = translate(model, model, x, target_condition=COAT, steps=5)
    made = translate(model, twin, x, target_condition=COAT, steps=5)
    close(made.x, expected.x, 1e-4)


class AsIfTrainedOn:
    """A model of the same field on another path."""

    def __init__(self, model, path):
        self._model, self.interpolant = model, path
        self.prediction = AsInterpolant(model.prediction, path)
        self.guided = lambda guidance, coded: self.prediction

    def __getattr__(self, name):
        return getattr(self._model, name)


def test_every_setting_is_written_down(model, x):
    made = translate(model, model, x, condition=BAG, target_condition=COAT, guidance=2.0, steps=3)
    assert made.nfe == 3 + 6  # guidance calls the network twice
    assert made.settings == {
        "condition": BAG,
        "target_condition": COAT,
        "guidance": 2.0,
        "eta": 1.0,
        "strength": 1.0,
        "steps": 3,
    }


def test_what_is_refused(make_model, model, x):
    with pytest.raises(InputError, match="needs a condition to guide towards"):
        translate(model, model, x, guidance=2.0)
    with pytest.raises(UnknownName, match="did you mean 'Coat'"):
        translate(model, model, x, target_condition={"class": "Coar"})
    for strength in (0.0, 1.5):
        with pytest.raises(InputError, match="strength"):
            translate(model, model, x, strength=strength)
    with pytest.raises(InputError, match="eta in"):
        translate(model, model, x, eta=0.0)
    with pytest.raises(InputError, match="the input: expected shape"):
        translate(model, model, x[:, :, :1])
    bridge = make_model(
        {"name": "linear-two-sided", "gamma": "quadratic"},
        prediction="velocity-noise",
        objective={"coupling": {"name": "independent", "source": "normal"}},
    )
    with pytest.raises(InputError, match="the target's path TwoSidedLinear does not start"):
        translate(model, bridge, x)
    tied = make_model(objective={"coupling": {"name": "exact-ot"}})
    with pytest.raises(InputError, match="the source's coupling 'exact-ot' tied"):
        translate(tied, model, x)


class Words(Domain):
    """Two numbers in a text file; their decoded form is no tensor."""

    name, suffixes = "words", frozenset({".txt"})
    space = TensorSpace((2,))

    def encode(self, items):
        return items / 10

    def decode(self, x):
        return [str(row.tolist()) for row in x]

    def read(self, path, *, resize=False):
        return torch.tensor([[float(word) for word in path.read_text().split()]])


def test_files_and_folders_of_the_domain(tmp_path):
    (tmp_path / "b.txt").write_text("3 4")
    (tmp_path / "a.TXT").write_text("1 2")
    (tmp_path / "README.md").write_text("not one")
    close(read_inputs(tmp_path, Words()), torch.tensor([[0.1, 0.2], [0.3, 0.4]]))
    close(read_inputs(tmp_path / "b.txt", Words()), torch.tensor([[0.3, 0.4]]))
    with pytest.raises(InputError, match=r"no files that the domain 'words' reads \(it reads .txt"):
        read_inputs(tmp_path.parent / tmp_path.name / "..", Words())


def test_states_and_samples(model, x, tmp_path):
    """A file of tensors holds states; what ``Samples.save`` wrote are the user's objects."""
    save_file({"x": x}, tmp_path / "states.safetensors")
    close(read_inputs(tmp_path / "states.safetensors", model.domain), x)
    drawn = model.sample(3, steps=2)
    drawn.save(tmp_path / "out")
    assert not torch.equal(drawn.decoded, drawn.x)
    close(read_inputs(tmp_path / "out", model.domain), drawn.x)
    with pytest.raises(InputError, match="the domain 'toy' reads no files"):
        read_inputs(tmp_path / "states.txt", model.domain)
