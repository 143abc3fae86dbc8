"""Training that starts from trained weights: of the whole network, or of one part."""

import pytest
import torch
from safetensors.torch import load_file

from sicore.errors import InputError, UnknownName
from sicore.training import train


def quiet(config, folder, **options):
    return train(config, folder, device="cpu", progress=False, **options)


def weights(folder):
    return load_file(folder / "model.safetensors")


@pytest.fixture
def trained(configured, tmp_path):
    return quiet(configured(), tmp_path / "trained")


def test_a_fine_tuning_starts_where_the_other_ended(configured, trained, tmp_path):
    """With steps too small to move a weight the result is the model that it started from."""
    still = configured(steps=2, learning_rate=1e-12, start_from={"": str(trained)})
    made = weights(quiet(still, tmp_path / "still"))
    for name, tensor in weights(trained).items():
        torch.testing.assert_close(made[name], tensor, rtol=1e-6, atol=1e-7)


def test_a_part_of_a_network_may_be_given_trained_weights(configured, trained, tmp_path):
    config = configured(steps=2, learning_rate=1e-12, start_from={"predictor": str(trained)})
    mlp = {"name": "mlp", "width": 16, "depth": 2}
    inner = config.network.parse(
        "backbone", {"name": "regeneration", "predictor": mlp, "network": mlp}
    )
    made = weights(quiet(config.model_copy(update={"network": inner}), tmp_path / "storm"))
    for name, tensor in weights(trained).items():
        torch.testing.assert_close(made[f"predictor.{name}"], tensor, rtol=1e-6, atol=1e-7)


def test_a_resumed_training_does_not_start_again(configured, trained, tmp_path):
    """The model that it started from may be gone by then."""
    config = configured(steps=10, checkpoint_every=5, start_from={"": str(trained)})
    whole = weights(quiet(config, tmp_path / "whole"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sicore.training.trainer._Run._write_model", _killed)
        with pytest.raises(RuntimeError, match="killed"):
            quiet(config, tmp_path / "part")
    trained.rename(tmp_path / "moved")
    part = weights(quiet(config, tmp_path / "part", resume=True))
    assert all(torch.equal(part[name], tensor) for name, tensor in whole.items())


def _killed(self):
    raise RuntimeError("killed")


def test_errors_say_what_does_not_fit(configured, trained, tmp_path):
    def started(start_from, **network):
        config = configured(steps=1, start_from=start_from)
        if network:
            wider = config.network.parse("backbone", {"name": "mlp", **network})
            config = config.model_copy(update={"network": wider})
        quiet(config, tmp_path / "new", overwrite=True)

    with pytest.raises(InputError, match="has no part 'predictor'; it has"):
        started({"predictor": str(trained)})
    with pytest.raises(InputError, match=r"6 of 7 differ in name or shape, the first is"):
        started({"": str(trained)}, width=8, depth=2)
    with pytest.raises((UnknownName, InputError), match="no model 'elsewhere'"):
        started({"": "elsewhere"})
