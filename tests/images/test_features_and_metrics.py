import json
from types import SimpleNamespace

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import save_file

from sicore.errors import InputError
from sicore.hub import Domain
from sicore_images import metrics, train_features
from sicore_images.data.sample import ClothesSample
from sicore_images.features import FeatureNetwork, load_extractor
from sicore_images.gaussian import class_gaussian_samples


@pytest.fixture(scope="module")
def extract():
    return load_extractor()


def test_the_shipped_network_knows_clothes(extract, clothes):
    features, seen = extract(clothes.pictures)
    assert features.shape == (200, 128)
    assert (seen == clothes.classes).double().mean() > 0.85
    assert extract.accuracy > 0.905
    assert len(extract.digest) == 12


def test_bytes_and_the_same_floats_have_the_same_features(extract, clothes):
    pictures = clothes.pictures[:20]
    assert torch.equal(extract(pictures)[0], extract(pictures / 255)[0])
    jittered = pictures / 255 + 0.001 * torch.rand(20, 1, 28, 28)
    assert torch.equal(extract(pictures)[0], extract(jittered)[0])  # less than half a grey level


def test_batches_do_not_matter(extract, clothes):
    whole, parts = extract(clothes.pictures)[0], extract(clothes.pictures, batch_size=7)[0]
    assert torch.allclose(whole, parts, atol=1e-5)


def test_a_missing_network_says_what_to_run(tmp_path):
    with pytest.raises(InputError, match=r"python -m sicore_images\.train_features"):
        load_extractor(tmp_path / "none.safetensors")


def test_training_writes_a_network_that_loads(tmp_path, monkeypatch):
    monkeypatch.setattr(train_features, "FashionMNIST", ClothesSample)
    path = tmp_path / "f.safetensors"
    run = CliRunner().invoke(
        train_features.main, ["-o", str(path), "--epochs", "1", "--batch-size", "50"]
    )
    assert run.exit_code == 0, run.output
    extractor = load_extractor(path)
    assert f"{extractor.accuracy:.2%}" in run.output
    pictures, condition = ClothesSample("test").batch(torch.arange(50))
    # the accuracy is that of the weights as stored
    right = (extractor(pictures)[1] == condition["class"]).double().mean().item()
    assert right == pytest.approx(extractor.accuracy)
    again = CliRunner().invoke(train_features.main, ["-o", str(path)])
    assert again.exit_code == 1
    assert "--overwrite" in again.output


def test_jitter_moves_mirrors_and_dims_nothing():
    torch.manual_seed(0)
    picture = torch.zeros(64, 1, 9, 9, dtype=torch.uint8)
    picture[:, :, 4, 3] = 255
    moved = train_features.jitter(picture, reach=2, noise=0.0)
    assert moved.shape == picture.shape
    assert torch.equal(moved.sum((1, 2, 3)), torch.ones(64))
    assert len(moved.flatten(1).argmax(1).unique()) == 2  # as it is, and mirrored
    noisy = train_features.jitter(picture, noise=0.05)
    assert noisy.min() >= 0
    assert noisy.max() <= 1
    assert len(noisy.unique()) > 1000


def test_feature_network_learns_channels_and_classes(tmp_path):
    network = FeatureNetwork(classes=3, colours=3)
    assert network(torch.rand(2, 3, 16, 20)).shape == (2, 3)
    card = {"classes": 3, "colours": 3, "test_accuracy": 0.5}
    save_file(network.half().state_dict(), tmp_path / "n.safetensors", {"card": json.dumps(card)})
    features, _ = load_extractor(tmp_path / "n.safetensors")(torch.rand(4, 3, 16, 20))
    assert features.dtype == torch.float32


def test_class_gaussian_has_each_classes_moments():
    torch.manual_seed(0)
    base = torch.randn(4000, 4) @ torch.tensor(
        [[20.0, 9, 0, 0], [0, 12, 5, 0], [0, 0, 15, 0], [3, 0, 0, 9]]
    )
    classes = torch.arange(4000) % 2
    pictures = (
        (base + 90 + 60 * classes[:, None]).clamp(0, 255).to(torch.uint8).reshape(-1, 1, 2, 2)
    )
    wanted = (torch.arange(6000) % 3 == 0).long()
    samples = class_gaussian_samples(pictures, classes, wanted, seed=0)
    assert samples.shape == (6000, 1, 2, 2)
    for c in (0, 1):
        real = pictures[classes == c].float().flatten(1) / 255
        made = samples[wanted == c].flatten(1)
        assert torch.allclose(real.mean(0), made.mean(0), atol=0.01)
        assert torch.allclose(real.T.cov(), made.T.cov(), atol=1e-3)
    assert torch.equal(samples, class_gaussian_samples(pictures, classes, wanted, seed=0))


class Copier:
    """A model whose samples are real pictures of the wanted classes, plus noise."""

    def __init__(self, domain, noise):
        self.domain, self.noise, self.asked = domain, noise, []
        data = SimpleNamespace(build=lambda split: ClothesSample(split))
        self.config = SimpleNamespace(data=data)

    def sample(self, n, condition, **options):
        self.asked.append({**options, "condition": condition})
        data = ClothesSample("train")
        torch.manual_seed(0)
        rows = [(data.labels == c).nonzero()[i % 15, 0] for i, c in enumerate(condition["class"])]
        pictures = data.images[torch.stack(rows)] / 255
        pictures = (pictures + self.noise * torch.randn_like(pictures)).clamp(0, 1)
        return SimpleNamespace(decoded=pictures, nfe=2 * options["steps"])


def test_evaluation_orders_models_and_names_what_it_used(domain):
    good, bad = Copier(domain, 0.0), Copier(domain, 0.3)
    right = domain.evaluate(good, n=50, seed=1, steps=[2, 5], guidance=1.5)
    wrong = metrics.evaluate(bad, n=50, seed=1, steps=2)
    assert right["n"] == 50
    assert right["features"]["sha256"] == load_extractor().digest
    assert [m["nfe"] for m in right["model"]] == [4, 10]
    assert good.asked[0]["guidance"] == 1.5
    assert good.asked[0]["condition"]["class"].bincount().tolist() == [5] * 10
    best, worst = right["model"][0], wrong["model"][0]
    assert best["f_fid"] < 0.5 * worst["f_fid"]
    assert best["class_agreement"] > 0.8 > worst["class_agreement"]
    assert best["energy_distance"] < worst["energy_distance"]
    assert (
        set(right["floor"])
        == set(right["class_gaussian"])
        == set(best) - {"solver", "steps", "nfe", "guidance"}
    )
    json.dumps(right)


def test_figures_without_the_feature_network():
    """Pictures of another kind get the figures that need no features."""

    class Other(ClothesSample):
        classes = ("a", "b")

    reference = metrics.Reference(Other("test"), 40, 0)
    assert reference.card() is None
    figures = reference.figures(ClothesSample("train").images[:40], None)
    assert set(figures) == {"energy_distance", "sliced_wasserstein"}


def test_a_model_without_classes_is_not_asked_for_any():
    model = SimpleNamespace(domain=Domain())
    assert metrics.balanced_classes(model, 9) is None
