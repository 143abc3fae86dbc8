"""The Gaussians of a model's data: fitted, kept in a file, and used to start sampling late."""

from typing import ClassVar

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file, save_file

from sicore.cli.moments import command
from sicore.dynamics import PathDynamics
from sicore.errors import InputError
from sicore.gaussian import GaussianModel
from sicore.hub import Categorical, Domain, load
from sicore.hub.bulk import sample_bulk
from sicore.hub.folder import MOMENTS
from sicore.hub.moments import Moments, Teleport, fit_moments, read_moments
from sicore.interpolants import EDM, Linear, Product, TwoSidedLinear
from sicore.solvers import RK4, UniformGrid, solve
from sicore.states import Noise, SymmetricSpace, TensorSpace, TreeSpace

D = 8


class Rows(Domain):
    name = "rows"
    space = TensorSpace((2, 4))
    conditions: ClassVar = {"class": Categorical(4)}

    def encode(self, items):
        return items / 2


class Data:
    """Three classes with means and spreads of their own; of a fourth there is one example."""

    def __init__(self, n=400):
        streams = Noise.of(0, n)
        self.labels = torch.arange(n) % 3
        self.labels[7] = 3
        spread = torch.linspace(1, 0.1, D) * (1 + self.labels.unsqueeze(1))
        x = 3 * self.labels.unsqueeze(1) + spread * streams.normal((D,))
        self.x = 2 * x.reshape(n, 2, 4)

    def __len__(self):
        return len(self.x)

    def batch(self, indices):
        return self.x[indices], {"class": self.labels[indices]}


def covariance(model):
    basis, values = model.eigenvectors, model.eigenvalues
    across = torch.eye(len(basis)).double() - basis @ basis.T
    return (basis * values) @ basis.T + model.rest * across


@pytest.fixture(scope="module")
def data():
    return Data()


@pytest.fixture(scope="module")
def moments(data):
    return fit_moments(Rows(), data, rank=5)


@pytest.mark.parametrize("size", [400, 64, 1])
def test_fitted_in_batches_they_are_the_moments_of_the_data(data, size):
    made = fit_moments(Rows(), data, rank=D, batch_size=size)
    states = (data.x / 2).flatten(1).double()
    assert sorted(made.classes) == [0, 1, 2]  # one example has no covariance
    wanted = {-1: states, **{c: states[data.labels == c] for c in range(3)}}
    for code, x in wanted.items():
        gaussian = made.classes.get(code, made.pooled)
        torch.testing.assert_close(gaussian.mean, x.mean(0), rtol=1e-6, atol=1e-6)
        wanted = torch.cov(x.T)  # directions are in half precision
        gap = (covariance(gaussian) - wanted).abs().max() / wanted.abs().max()
        assert gap < 2e-3


def test_the_default_rank_holds_its_share_of_the_variance(data):
    low, whole = fit_moments(Rows(), data), fit_moments(Rows(), data, rank=D)
    pairs = [(low.pooled, whole.pooled), *((low.classes[c], whole.classes[c]) for c in range(3))]
    for kept, all_ in pairs:
        share = all_.eigenvalues.cumsum(0) / all_.eigenvalues.sum()
        k = len(kept.eigenvalues)
        assert share[k - 1] >= 0.85 and (k == 1 or share[k - 2] < 0.85)
        trace = kept.eigenvalues.sum() + kept.rest * (D - k)
        torch.testing.assert_close(trace, all_.eigenvalues.sum(), rtol=1e-6, atol=1e-6)
    assert len({len(kept.eigenvalues) for kept, _ in pairs}) > 1


def test_data_without_classes(data):
    class Plain(Rows):
        conditions: ClassVar = {}

    class Unlabelled(Data):
        def batch(self, indices):
            return super().batch(indices)[0], {}

    pooled = fit_moments(Rows(), data, rank=3).pooled
    for domain, source in ((Plain(), data), (Rows(), Unlabelled())):
        made = fit_moments(domain, source, rank=3)
        assert not made.classes
        assert torch.equal(made.pooled.mean, pooled.mean)


def test_trees_are_fitted_leaf_after_leaf(data):
    class Tree(Rows):
        space = TreeSpace({"b": TensorSpace((4,)), "a": TensorSpace((4,))})

        def encode(self, items):
            return {"b": items[:, 1] / 2, "a": items[:, 0] / 2}

    made, flat = fit_moments(Tree(), data, rank=3), fit_moments(Rows(), data, rank=3)
    torch.testing.assert_close(made.pooled.eigenvalues, flat.pooled.eigenvalues)
    torch.testing.assert_close(made.pooled.mean, flat.pooled.mean)


def test_states_whose_noise_is_not_independent_are_refused(data):
    class Edges(Rows):
        space = SymmetricSpace((3, 3, 1))

    with pytest.raises(InputError, match="9 numbers with 3 degrees of freedom"):
        fit_moments(Edges(), data)


def test_too_little_data(data):
    class One(Data):
        def __len__(self):
            return 1

    with pytest.raises(InputError, match="at least 2 examples, got 1"):
        fit_moments(Rows(), One())
    with pytest.raises(InputError, match="from 0 to 8, got 9"):
        fit_moments(Rows(), data, rank=9)


def test_a_file_keeps_them_as_they_are(moments, tmp_path):
    path = tmp_path / MOMENTS
    moments.save(path)
    read = read_moments(path)
    assert sorted(read.classes) == [0, 1, 2]
    x = Noise.of(3, 5).normal((2, 4), torch.float64)
    for code in (-1, 0, 2):
        condition = {"class": torch.full((5,), code)}
        kept, made = (m.transport(Linear(), 0.0, 0.6, x, condition) for m in (moments, read))
        assert torch.equal(made, kept)
    assert load_file(path)["pooled/eigenvectors"].dtype == torch.float16
    assert [p.name for p in tmp_path.iterdir()] == [MOMENTS]
    read.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_files_that_are_no_moments(moments, tmp_path):
    path = tmp_path / MOMENTS
    with pytest.raises(InputError, match="no such file"):
        read_moments(path)
    moments.save(path)
    whole = load_file(path)
    for tensors in (
        {"weight": torch.ones(1)},
        {k: v for k, v in whole.items() if k != "1/rest"},
        {k: v for k, v in whole.items() if not k.startswith("pooled")},
        {k.replace("1/", "one/"): v for k, v in whole.items()},
        {**whole, "1/mean": torch.ones(3)},
    ):
        save_file(tensors, path)
        with pytest.raises(InputError, match="not moments as") as caught:
            read_moments(path)
        assert "\n" not in str(caught.value)


def test_each_sample_has_the_gaussian_of_its_class(moments):
    x, path = Noise.of(3, 6).normal((2, 4)), Linear()
    codes = torch.tensor([2, -1, 0, 3, 2, 1])  # there is no Gaussian of class 3
    made = moments.transport(path, 0.0, 0.5, x, {"class": codes})
    for i, code in enumerate(codes.tolist()):
        own = moments.classes.get(code, moments.pooled)
        torch.testing.assert_close(made[i], own.transport(path, 0.0, 0.5, x[i : i + 1])[0])
    pooled = moments.pooled.transport(path, 0.0, 0.5, x)
    for condition in (None, {}, {"other": codes}):
        torch.testing.assert_close(moments.transport(path, 0.0, 0.5, x, condition), pooled)
    assert not torch.allclose(made, pooled, atol=1e-2)


def test_teleport_and_the_rest_of_the_flow_are_the_whole_flow(one_sided, moments):
    """With the exact network of the Gaussian, nothing is lost by the jump."""
    if not one_sided.gaussian:
        pytest.skip("its noise is not normal")
    space, noise = Rows.space, Noise.of(5, 3)
    teleport = Teleport(moments, 2.0)
    t = teleport.time(one_sided)
    assert float(one_sided.noise_level(torch.tensor(t))) == pytest.approx(2.0)
    condition = {"class": torch.tensor([1, 1, 1])}
    x = teleport.start(one_sided, noise, space, torch.float64, t, condition)
    gaussian = moments.classes[1]
    dynamics = PathDynamics(gaussian.prediction(one_sided))
    made = solve(dynamics, x, UniformGrid().times(100, one_sided, t, 0.99), RK4()).x
    start = one_sided.prior(noise, space, torch.float64)
    whole = gaussian.transport(one_sided, 0.0, 0.99, start)
    torch.testing.assert_close(made, whole, rtol=1e-4, atol=1e-4)


def test_teleport_lands_on_the_law_of_the_data_under_noise(data):
    """10,000 starts at σ = 2 against the moments of ``x_t`` itself, class by class."""
    made, n, path = fit_moments(Rows(), data, rank=D), 10_000, Linear()
    teleport = Teleport(made, 2.0)
    t = teleport.time(path)
    for code in range(3):
        condition = {"class": torch.full((n,), code)}
        x = teleport.start(path, Noise.of(1, n), Rows.space, torch.float32, t, condition)
        real = (data.x[data.labels == code] / 2).flatten(1).double()
        p = path.at(t)
        wanted = p.beta**2 * torch.cov(real.T) + p.gamma**2 * torch.eye(D).double()
        found = x.flatten(1).double()
        deviation = wanted.diagonal().sqrt()
        assert ((found.mean(0) - p.beta * real.mean(0)) / deviation).abs().max() < 5 / n**0.5
        gap = (torch.cov(found.T) - wanted) / torch.outer(deviation, deviation)
        assert gap.abs().max() < 5 * (2 / n) ** 0.5


def test_noise_levels_that_a_path_does_not_pass(moments):
    for sigma in (0.0, -1.0, float("nan"), 80.0):
        with pytest.raises(InputError, match="between 0 and 80, got"):
            Teleport(moments, sigma).time(EDM())
    with pytest.raises(InputError, match="between 0 and inf, got inf"):
        Teleport(moments, float("inf")).time(Linear())
    for path in (TwoSidedLinear(), Product({"a": Linear()})):
        with pytest.raises(InputError, match="needs a path from noise with one noise level"):
            Teleport(moments, 1.0).time(path)


def test_moments_of_another_model(moments):
    with pytest.raises(InputError, match="states of 8 numbers, got 3"):
        moments.transport(Linear(), 0.0, 0.5, torch.ones(2, 3))
    assert isinstance(moments, Moments) and isinstance(moments.pooled, GaussianModel)


def test_command(model, tmp_path):
    folder = model.save_pretrained(tmp_path / "model")
    runner = CliRunner()

    def run(*arguments):
        return runner.invoke(command, [str(a) for a in arguments])

    done = run(folder, "--rank", "2")
    assert done.exit_code == 0 and "4 Gaussians" in done.output
    read = read_moments(folder / MOMENTS)
    data = model.config.data.build()
    states = model.domain.encode(data.x).flatten(1).double()
    torch.testing.assert_close(read.pooled.mean, states.mean(0), rtol=1e-6, atol=1e-6)
    assert read.classes[1].eigenvectors.shape == (4, 2)
    before = (folder / MOMENTS).read_bytes()
    again = run(folder, "--rank", "1")
    assert isinstance(again.exception, InputError) and "--overwrite" in str(again.exception)
    assert (folder / MOMENTS).read_bytes() == before
    assert run(folder, "--rank", "1", "--overwrite").exit_code == 0
    assert read_moments(folder / MOMENTS).pooled.eigenvectors.shape == (4, 1)
    wrong = run(folder, "--rank", "5", "--overwrite")
    assert isinstance(wrong.exception, InputError) and "from 0 to 4" in str(wrong.exception)
    assert read_moments(folder / MOMENTS).pooled.eigenvectors.shape == (4, 1)


@pytest.fixture
def fitted(model):
    """A model of 2 × 2 pictures with the moments of its data."""
    model.moments = fit_moments(model.domain, model.config.data.build(), rank=2)
    return model


def test_sampling_from_a_late_start(fitted):
    """The network sees the states that the Gaussians made, at the times of a late grid."""
    seen = []
    fitted.network.register_forward_pre_hook(lambda _, given: seen.append(given[:2]))
    codes = torch.tensor([0, 1, 2, 0, 1])
    made = fitted.sample(5, {"class": codes}, solver="euler", steps=4, teleport=2.0)
    assert made.nfe == len(seen) == 4 and made.settings["teleport"] == 2.0
    times = torch.stack([t[0] for _, t in seen])
    torch.testing.assert_close(times, 1 / 3 + torch.arange(4) * 2 / 3 / 4)  # σ = (1 − t)/t
    noise, space = Noise.of(0, 5, space=fitted.domain.space), fitted.domain.space
    teleport = Teleport(fitted.moments, 2.0)
    start = teleport.start(Linear(), noise, space, torch.float32, 1 / 3, {"class": codes})
    torch.testing.assert_close(seen[0][0], start, rtol=1e-5, atol=1e-5)
    plain = fitted.sample(5, {"class": codes}, solver="euler", steps=4)
    assert "teleport" not in plain.settings and not torch.allclose(plain.x, made.x, atol=1e-3)


def test_late_starts_on_the_grid_of_noise_levels(fitted):
    seen = []
    fitted.network.register_forward_pre_hook(lambda _, given: seen.append(given[1][0]))
    fitted.sample(2, solver="euler", steps=3, grid="noise-level", teleport=2.0)
    torch.testing.assert_close(1 / seen[0] - 1, torch.tensor(2.0), rtol=1e-5, atol=1e-5)
    assert torch.stack(seen).diff().min() > 0


def test_moments_travel_with_the_model(fitted, tmp_path):
    folder = fitted.save_pretrained(tmp_path / "model")
    options = {"condition": {"class": 1}, "steps": 3, "teleport": 1.0}
    x = fitted.sample(6, **options).x
    assert torch.equal(load(folder, device="cpu").sample(6, **options).x, x)
    parts = sample_bulk(fitted, 6, batch_size=3, **options)
    torch.testing.assert_close(parts.x, x, rtol=1e-5, atol=1e-5)


def test_teleport_needs_noise_that_is_independent_of_the_data(make_model):
    model = make_model(objective={"coupling": "sinkhorn-ot"})
    model.moments = fit_moments(model.domain, model.config.data.build())
    with pytest.raises(InputError, match="ties the noise to the data"):
        model.sample(2, teleport=1.0)


def test_teleport_needs_moments(model):
    with pytest.raises(InputError, match="`sicore moments MODEL` fits them"):
        model.sample(2, teleport=1.0)
