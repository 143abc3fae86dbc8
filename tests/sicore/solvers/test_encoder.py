"""The latent code of a stochastic sampler: exact both ways, normal, and what two samplers share."""

from itertools import pairwise

import pytest
import torch
from scipy import stats

from sicore.dynamics import PathDynamics
from sicore.errors import InputError
from sicore.exact import ExactPath, GaussianMixture
from sicore.interpolants import EDM, VP, BrownianGamma, Linear, Product, TwoSidedLinear
from sicore.predictions import DATA, NOISE, PAIR, VELOCITY, FunctionPrediction
from sicore.solvers import DDIM, NoiseLevelGrid, UniformGrid, decode, encode, solve
from sicore.states import Noise, SymmetricSpace, TensorSpace, TreeSpace, leaves

PATHS = {"linear": (Linear(), VELOCITY), "vp": (VP(), NOISE), "edm": (EDM(), DATA)}
EACH = pytest.mark.parametrize(("path", "kind"), PATHS.values(), ids=PATHS.keys())


@EACH
@pytest.mark.parametrize("eta", [0.05, 0.5, 1.0])
@pytest.mark.parametrize("n", [1, 2, 20])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_there_and_back(path, kind, eta, n, dtype, tolerance, exact):
    law, noise = exact(path), Noise.of(0, 16)
    x1 = law.target.sample(noise).to(dtype)

    def function(t, x):
        return law.value(kind, t, x.double()).to(dtype)

    dynamics = PathDynamics(FunctionPrediction(function, path, kind))
    for end in (1.0, 0.9):
        times = UniformGrid().times(n, path, 0.0, end)
        latent = encode(dynamics, x1, times, eta, noise)
        again = decode(dynamics, latent)
        assert (again.x - x1).abs().max() < tolerance
        assert again.x.dtype == latent.noise.dtype == dtype
        assert latent.nfe == again.nfe == len(latent.noise) == (n if end == 1.0 else n + 1)
        assert again.status.sum() == 0


def test_the_steps_are_those_of_the_solver(exact):
    """The solver, given the noise of a code, reaches the state that the code's last step leaves."""
    law = exact(VP())
    dynamics, x1 = PathDynamics(law.prediction(VELOCITY)), law.target.sample(Noise.of(0, 6))
    times = UniformGrid().times(8, VP())
    latent = encode(dynamics, x1, times, 0.7)

    class Given(Noise):
        def coordinates(self, t, s, x, count=1):
            return [latent.noise[self.draw]]

    made = solve(dynamics, latent.x, times[:-1], DDIM(0.7), Given(0, torch.arange(6)))
    p = VP().at(times[-2])
    spread = (p.gamma**2 / (p.beta**2 + p.gamma**2)).sqrt()
    data = law.denoiser(times[-2], made.x) + spread * latent.noise[-1]
    torch.testing.assert_close(data, x1, rtol=1e-9, atol=1e-9)


def test_the_trajectory_is_one(exact):
    """Not independent draws for each level: with η < 1 the noise of neighbours is correlated.

    With a denoiser that knows the data, the noise that is solved for is the one that was drawn.
    """
    n, x1 = 4000, 0.7
    knows = FunctionPrediction(lambda t, x: torch.full_like(x, x1), Linear(), DATA)
    dynamics, data = PathDynamics(knows), torch.full((n, 1), x1, dtype=torch.float64)
    latent = encode(dynamics, data, UniformGrid().times(6, Linear()), 0.5)
    code = torch.cat((latent.x[None], latent.noise[:-1]))[..., 0]  # the last one is 0: all is known
    assert latent.noise[-1].abs().max() < 1e-12
    correlation = torch.corrcoef(code) - torch.eye(len(code))
    assert correlation.abs().max() < 5 / n**0.5
    for row in code:
        assert stats.kstest(row.numpy(), "norm").pvalue > 1e-3


@EACH
def test_codes_of_data_are_normal(path, kind, exact):
    """The finer the grid the more: what a step adds that x_t does not know falls as 1/N."""
    law, noise = exact(path), Noise.of(2, 1000)
    x1, dynamics = law.target.sample(noise), PathDynamics(law.prediction(kind))
    excess = []
    for n in (100, 400):
        times = NoiseLevelGrid(80.0, 0.01).times(n, path)
        latent = encode(dynamics, x1, times, 1.0, noise)
        code = latent.noise[:-1]
        excess.append(float(code.square().mean()) - 1)
    assert 0 < excess[1] < 0.03 and 3 < excess[0] / excess[1] < 5
    ends = path.at(latent.times[0])
    start = latent.x / (ends.beta**2 + ends.gamma**2).sqrt()
    rows = code[10::80, :, 0]
    assert stats.kstest(rows.flatten().numpy(), "norm").pvalue > 0.01
    for coordinate in (*start.T, *rows):
        assert stats.kstest(coordinate.numpy(), "norm").pvalue > 0.01
    correlation = torch.corrcoef(rows) - torch.eye(len(rows))
    assert correlation.abs().max() < 5 / 1000**0.5


def normal_law(path, mean, std):
    one = torch.ones(1, dtype=torch.float64)
    return ExactPath(path, GaussianMixture(one, mean * one[None], std**2 * one[None, None]))


@pytest.mark.parametrize("eta", [0.3, 1.0])
@pytest.mark.parametrize("path", [Linear(), VP(), EDM()], ids=lambda p: type(p).__name__)
def test_between_two_gaussians_it_is_the_map_of_equal_noise(path, eta):
    """By DDIM's formula and the posterior mean of a Gaussian, step by step."""
    first, second = normal_law(path, -1.0, 0.6), normal_law(path, 2.0, 1.3)
    x1 = first.target.sample(Noise.of(0, 50))
    times = UniformGrid().times(12, path)
    models = [PathDynamics(law.prediction(VELOCITY)) for law in (first, second)]
    latent = encode(models[0], x1, times, eta)
    got = decode(models[1], latent).x

    def mean(p, x):
        return (p.beta * 1.3**2 * x + p.gamma**2 * 2.0) / (p.beta**2 * 1.3**2 + p.gamma**2)

    x = latent.x
    for i, (t, s) in enumerate(pairwise(times[:-1])):
        p, q = path.at(t), path.at(s)
        ratio = (q.gamma * p.beta / (p.gamma * q.beta)) ** 2
        c = q.gamma * eta * (1 - ratio).sqrt()
        z = (x - p.beta * mean(p, x)) / p.gamma
        x = q.beta * mean(p, x) + (q.gamma**2 - c**2).sqrt() * z + c * latent.noise[i]
    p = path.at(times[-2])
    spread = p.gamma / (p.beta**2 + p.gamma**2).sqrt()
    expected = mean(p, x) + spread * latent.noise[-1]
    torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-9)


def test_between_gaussians_of_one_width_it_is_the_shift():
    """In the limit of fine grids, where the same noise moves both alike."""
    path = Linear()
    first, second = normal_law(path, -1.0, 0.6), normal_law(path, 2.0, 0.6)
    x1 = first.target.sample(Noise.of(0, 200))
    times = UniformGrid().times(400, path)
    latent = encode(PathDynamics(first.prediction(VELOCITY)), x1, times)
    got = decode(PathDynamics(second.prediction(VELOCITY)), latent).x
    torch.testing.assert_close(got, x1 + 3.0, rtol=0, atol=0.03)


def test_a_later_start_keeps_more(exact):
    """The code then holds a noisy x1, and another model's sample stays nearer to it."""
    path = Linear()
    first, second = normal_law(path, -1.0, 0.6), normal_law(path, 2.0, 0.6)
    x1 = first.target.sample(Noise.of(0, 200))
    moved = []
    for start in (0.0, 0.5, 0.8):
        times = UniformGrid().times(20, path, start)
        latent = encode(PathDynamics(first.prediction(VELOCITY)), x1, times)
        made = decode(PathDynamics(second.prediction(VELOCITY)), latent).x
        moved.append(float((made - x1).mean()))
    assert 2.7 < moved[0] < 3.1 and moved[0] > moved[1] + 0.2 > moved[2] + 0.4 > 0.4


def test_a_sample_does_not_depend_on_its_neighbours(exact):
    law, noise, part = exact(VP()), Noise.of(3, 9), torch.tensor([7, 2])
    x1, times = law.target.sample(noise), UniformGrid().times(7, VP())
    dynamics = PathDynamics(law.prediction(NOISE))
    whole = encode(dynamics, x1, times, 0.6, noise)
    few = encode(dynamics, x1[part], times, 0.6, noise.take(part))
    torch.testing.assert_close(few.noise, whole.noise[:, part], rtol=0, atol=1e-11)
    other = encode(dynamics, x1, times, 0.6, Noise.of(4, 9))
    assert (other.noise - whole.noise).abs().max() > 0.1


def test_trees_on_a_product_of_paths():
    """Also where the network breaks their symmetry, which is then restored at every step."""
    space = TreeSpace({"nodes": TensorSpace((3, 2)), "edges": SymmetricSpace((3, 3, 1))})
    path = Product({"nodes": VP(), "edges": EDM()})
    noise = Noise.of(0, 4, space=space)
    x1 = noise.normal_like(space.zeros(4, torch.float64))

    def lopsided(t, x):
        bias = torch.arange(9.0, dtype=torch.float64).reshape(1, 3, 3, 1) / 9
        return {"nodes": torch.sin(x["nodes"]), "edges": bias + x["edges"]}

    dynamics = PathDynamics(FunctionPrediction(lopsided, path, DATA))
    latent = encode(dynamics, x1, UniformGrid().times(6, path), 0.8, noise, space)
    again = decode(dynamics, latent, space)
    assert latent.noise["edges"].shape == (6, 4, 3, 3, 1) and again.nfe == 6
    for name, leaf in leaves(x1).items():
        torch.testing.assert_close(again.x[name], leaf, rtol=0, atol=1e-9)
    assert torch.equal(again.x["edges"], again.x["edges"].transpose(1, 2))


def test_what_is_refused(exact):
    law = exact(Linear())
    dynamics, x1 = PathDynamics(law.prediction(VELOCITY)), torch.zeros(2, 2, dtype=torch.float64)
    times = UniformGrid().times(4, Linear())
    for eta in (0.0, 1.5):
        with pytest.raises(InputError, match=r"eta in \(0, 1\]"):
            encode(dynamics, x1, times, eta)
    with pytest.raises(InputError, match="rising grid"):
        encode(dynamics, x1, times.flip(0))
    with pytest.raises(InputError, match="times with noise"):
        encode(dynamics, x1, times[-1:])
    two_sided = exact(TwoSidedLinear(BrownianGamma()))
    with pytest.raises(InputError, match="needs a path from normal noise"):
        encode(PathDynamics(two_sided.prediction(PAIR)), x1, times[1:])
