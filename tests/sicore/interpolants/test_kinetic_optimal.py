"""Paths of least kinetic energy, against laws whose posterior variance is known."""

import json
import math
from dataclasses import asdict

import pytest
import torch

from sicore.errors import InputError
from sicore.exact import ExactPoints
from sicore.interpolants import (
    KineticOptimal,
    Linear,
    Trigonometric,
    VarianceCurve,
    kinetic_energy,
    posterior_variance,
)
from sicore.predictions import DATA, VELOCITY, convert
from sicore.states import Noise
from sicore.testing import check_interpolant

TIMES = torch.linspace(0, 1, 201, dtype=torch.float64)

# Row 32: energies of the kinetic-optimal, the linear and the trigonometric path for n normal
# points in d dimensions, of another random cloud than those here.
ENERGIES = {
    (20, 2): (0.375, 0.777, 0.547),
    (20, 10): (1.02, 1.32, 1.40),
    (20, 200): (1.76, 1.84, 2.22),
    (500, 2): (0.036, 0.50, 0.11),
}


def close(a, b, tolerance=1e-12):
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


def cloud(n, d, seed=0):
    """Normal points, of mean 0 and E‖x‖² = d."""
    x = Noise.of(seed, n).named("cloud").normal((d,), torch.float64)
    x = x - x.mean(0)
    return x / x.square().mean().sqrt()


def same(path, other, tolerance=1e-14):
    for made, expected in (
        (path.coefficients(TIMES), other.coefficients(TIMES)),
        (path.derivatives(TIMES), other.derivatives(TIMES)),
    ):
        close(torch.stack(made), torch.stack(expected), tolerance)


@pytest.mark.parametrize("scale", [1.0, 2.0, 0.3])
def test_data_that_every_state_determines_give_straight_lines(scale):
    curve = VarianceCurve.from_function(torch.zeros_like, scale**2)
    path = KineticOptimal.from_curve(curve)
    same(path, Linear())
    assert math.isclose(path.turn, math.pi / 2, rel_tol=1e-14)
    assert abs(kinetic_energy(path, curve) - (1 + scale**2)) < 1e-12


def test_gaussian_data_cost_nothing_and_give_the_quarter_circle():
    curve = VarianceCurve.from_function(lambda sigma: sigma**2 / (1 + sigma**2))
    path = KineticOptimal.from_curve(curve)
    assert path == KineticOptimal(0.0, 1.0, (0.0, 1.0))
    same(path, Trigonometric())
    assert kinetic_energy(path, curve) < 1e-20
    assert abs(kinetic_energy(Linear(), curve) - (2 - math.pi / 2)) < 1e-6


def test_gaussian_data_of_another_variance_cost_the_change_of_scale():
    q = 2.25
    curve = VarianceCurve.from_function(lambda sigma: q * sigma**2 / (q + sigma**2), q)
    path = KineticOptimal.from_curve(curve)
    assert abs(kinetic_energy(path, curve) - (math.sqrt(q) - 1) ** 2) < 1e-12
    _, beta, gamma = path.coefficients(TIMES)
    close((q * beta**2 + gamma**2).sqrt(), 1 + TIMES * (math.sqrt(q) - 1))


def test_a_variance_above_the_linear_estimate_is_refused():
    with pytest.raises(InputError, match="between 0 and 1"):
        VarianceCurve.from_function(lambda sigma: 2 * sigma**2 / (1 + sigma**2))


def test_posterior_variance_of_two_points():
    sigma = torch.tensor([0.5, 0.7, 1.5, 10.0], dtype=torch.float64)
    made = posterior_variance(torch.tensor([[-1.0], [1.0]]), sigma, draws=400_000)
    z = torch.linspace(-9, 9, 20_001, dtype=torch.float64)
    density = torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    x = 1 + sigma[:, None] * z
    exact = torch.trapezoid((1 - torch.tanh(x / sigma[:, None] ** 2) ** 2) * density, z)
    assert bool(((made - exact).abs() < 5e-3 * exact).all())


def test_posterior_variance_at_both_ends():
    points = 3 + cloud(20, 2)
    ends = posterior_variance(points, torch.tensor([1e-5, 1e7], dtype=torch.float64), draws=20_000)
    assert ends[0] == 0
    assert abs(ends[1] - 1) < 0.01
    assert posterior_variance(points, torch.ones(2, 3).double()).shape == (2, 3)


@pytest.fixture(scope="module")
def energies():
    """Of several clouds of each size: optimum, its path, linear, trigonometric."""
    found = {}
    for n, d in ENERGIES:
        rows = []
        for seed in range(4 if n == 500 else 8):
            curve = VarianceCurve.from_points(cloud(n, d, seed), draws=500 if n == 500 else 1000)
            path = KineticOptimal.from_curve(curve)
            paths = (path, Linear(), Trigonometric())
            best = 2 - 2 * math.cos(path.turn)
            rows.append([best, *(kinetic_energy(p, curve) for p in paths)])
        found[n, d] = torch.tensor(rows)
    return found


@pytest.mark.parametrize(("n", "d"), ENERGIES)
def test_energies_of_clouds(energies, n, d):
    made = energies[n, d][:, [0, 2, 3]]
    expected = torch.tensor(ENERGIES[n, d])
    rounding = 5e-4 if (n, d) == (20, 2) else 5e-3
    assert bool(((made.mean(0) - expected).abs() < 3 * made.std(0) + rounding).all())


def test_no_path_is_below_the_optimum(energies):
    for found in energies.values():
        best, own, linear, circle = found.T
        assert bool((best <= torch.minimum(linear, circle)).all())
        assert bool((own >= best - 1e-4).all() and (own < 1.02 * best).all())
        assert bool((own < torch.minimum(linear, circle)).all())


def test_the_gap_to_straight_lines_closes_in_high_dimension(energies):
    gaps = [float((energies[20, d][:, 2] - energies[20, d][:, 0]).mean()) for d in (2, 10, 200)]
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] < 0.1


@pytest.mark.parametrize("name", ["kinetic-optimal", "linear", "trigonometric"])
def test_the_energy_is_that_of_the_exact_velocity(name):
    points = 0.5 + 1.3 * cloud(20, 3)
    curve = VarianceCurve.from_points(points, draws=20_000)
    paths = {"linear": Linear(), "trigonometric": Trigonometric()}
    path = paths.get(name) or KineticOptimal.from_curve(curve)
    n = 40_000
    noise = Noise.of(3, n)
    t = (torch.arange(n) + noise.uniform()) / n
    x1 = points[(noise.named("x1").uniform() * len(points)).long()]
    sample = path.sample(None, x1, t, noise.named("z").normal((3,), torch.float64))
    data = ExactPoints(path, points).denoiser(t, sample.x_t)
    velocity = convert(path, t, sample.x_t, data, DATA, VELOCITY)
    squares = velocity.square().mean(1)
    error = 4 * float(squares.std()) / math.sqrt(n)
    assert abs(float(squares.mean()) - kinetic_energy(path, curve)) < error + 0.005


def path_of_data():
    return KineticOptimal.from_data(2 + cloud(20, 2), draws=200)


def test_the_table_makes_a_path():
    path = path_of_data()
    check_interpolant(path, tolerance=1e-10)
    ends = torch.tensor([0.0, 1.0], dtype=torch.float64)
    _, beta, gamma = path.coefficients(ends)
    assert beta.tolist() == [0.0, 1.0] and gamma.tolist() == [1.0, 0.0]
    inside = TIMES[1:-1]
    sigma = path.noise_level(inside)
    assert bool((sigma.diff() < 0).all())
    close(path.time_at(sigma), inside, 1e-10)
    assert path.time_at(torch.zeros(()).double()) == 1
    assert path.time_at(torch.tensor(math.inf).double()) < 1e-15


def test_derivatives_do_not_jump_at_a_knot():
    path = path_of_data()
    t = path.time_at(path.radius / torch.tan(math.pi / 2 * torch.tensor(path.angles).double()))
    inner = t[1:-1]
    before, after = (torch.stack(path.derivatives(inner + h)) for h in (-1e-9, 1e-9))
    close(before, after, 1e-5)


def test_the_table_is_plain_numbers():
    path = path_of_data()
    written = json.loads(json.dumps(asdict(path)))
    again = KineticOptimal(**written | {"angles": tuple(written["angles"])})
    assert again == path
    close(torch.stack(again.coefficients(TIMES)), torch.stack(path.coefficients(TIMES)), 0.0)


def test_a_configuration_without_a_table_is_completed_from_the_data():
    asked = []

    def states(n):
        asked.append(n)
        return cloud(30, 2)

    made = KineticOptimal.completed({"turn": 0.0, "radius": 1.0, "angles": ()}, states)
    assert len(asked) == 1 and asked[0] >= 500
    same(KineticOptimal(**made), KineticOptimal.from_data(cloud(30, 2)), 1e-6)
    assert KineticOptimal.completed(made, states) is made and len(asked) == 1


def test_of_many_points_a_subset_is_used():
    few = VarianceCurve.from_points(cloud(200, 2), draws=100, largest=50)
    whole = VarianceCurve.from_points(cloud(200, 2), draws=100)
    assert float(few.lengths[-1]) > float(whole.lengths[-1])


def test_trees_are_flattened():
    x = cloud(20, 6)
    tree = {"b": x[:, 2:].reshape(20, 2, 2), "a": x[:, :2]}
    made = KineticOptimal.from_data(tree, draws=100)
    assert made == KineticOptimal.from_data(x, draws=100)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({}, "made from data and has no table"),
        ({"angles": (0.0, 0.5, 0.5, 1.0)}, "rise from 0 to 1"),
        ({"angles": (0.1, 1.0)}, "rise from 0 to 1"),
        ({"angles": (0.0, 1.0), "turn": 4.0}, "turn from 0 to π"),
        ({"angles": (0.0, 1.0), "radius": 0.0}, "radius > 0"),
    ],
)
def test_what_is_no_table_is_refused(arguments, match):
    with pytest.raises(InputError, match=match):
        KineticOptimal(**arguments)


@pytest.mark.parametrize("value", [0.0, math.nan])
def test_data_without_a_scale_are_refused(value):
    with pytest.raises(InputError, match=r"finite|positive second moment"):
        KineticOptimal.from_data(torch.full((5, 2), value))
