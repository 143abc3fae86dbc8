"""The multistep family: classical members, exactness for polynomials, correction, both ends."""

import pytest
import torch

from sicore.dynamics import Dynamics, PathDynamics
from sicore.errors import InputError
from sicore.interpolants import (
    VP,
    BrownianGamma,
    Linear,
    Product,
    Trigonometric,
    TwoSidedLinear,
)
from sicore.predictions import DATA, NOISE, PAIR, VELOCITY, FunctionPrediction
from sicore.solvers import (
    DDIM,
    RK5,
    AngleClock,
    Euler,
    HeldData,
    HeldNoise,
    HeldPair,
    HeldResidual,
    HeldVelocity,
    LogSNRClock,
    Multistep,
    PowerClock,
    RatioClock,
    TimeClock,
    UniformGrid,
    solve,
)
from sicore.solvers.base import Step
from sicore.states import Noise

HELD = {
    "data": HeldData(),
    "noise": HeldNoise(),
    "residual": HeldResidual(0.6),
    "velocity": HeldVelocity(),
}
CLOCKS = {
    "time": TimeClock(),
    "log-snr": LogSNRClock(),
    "angle": AngleClock(0.4),
    "ratio": RatioClock(2.0),
    "power": PowerClock(3.0),
}
KINDS = {"data": DATA, "noise": NOISE, "velocity": VELOCITY}


def moves(solver):
    times = torch.linspace(0.1, 0.9, 7, dtype=torch.float64)
    nothing = FunctionPrediction(lambda t, x: x, Linear(), VELOCITY)
    return solver.prepare(PathDynamics(nothing), times), float(times[1] - times[0])


@pytest.mark.parametrize(
    ("order", "weights"),
    [(2, (3 / 2, -1 / 2)), (3, (23 / 12, -16 / 12, 5 / 12)), (4, (55, -59, 37, -9))],
)
def test_adams_and_bashforth(order, weights):
    """The classical weights on a uniform grid (those of order 4 over 24)."""
    scale = 24 if order == 4 else 1
    table, h = moves(Multistep(HeldVelocity(), TimeClock(), order))
    x, *past, value = table[-1].final
    expected = [h * w / scale for w in weights]
    assert x == pytest.approx(1, abs=1e-13)
    assert [value, *past] == pytest.approx(expected, abs=1e-12)


def test_one_value_of_the_data_or_the_noise_is_ddim(one_sided, exact):
    law = exact(one_sided)
    times = UniformGrid().times(6, one_sided, 0.1, 0.8)
    x = law.marginal(0.1).sample(Noise.of(0, 5))
    dynamics = PathDynamics(law.prediction(VELOCITY))
    expected = solve(dynamics, x, times, DDIM()).x
    for held in (HeldData(), HeldNoise()):
        made = solve(dynamics, x, times, Multistep(held, TimeClock(), 1)).x
        torch.testing.assert_close(made, expected, rtol=1e-11, atol=1e-11 * float(x.abs().max()))


def test_one_value_of_the_velocity_is_eulers_method(path, exact):
    law = exact(path)
    times = UniformGrid().times(6, path, 0.1, 0.8)
    x = law.marginal(0.1).sample(Noise.of(0, 5))
    dynamics = PathDynamics(law.prediction(VELOCITY))
    made = solve(dynamics, x, times, Multistep(HeldVelocity(), TimeClock(), 1)).x
    torch.testing.assert_close(made, solve(dynamics, x, times, Euler()).x, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("path", [Linear(), VP()], ids=["linear", "vp"])
@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("held", KINDS)
def test_a_polynomial_is_followed_exactly(held, clock, path):
    """With three values, a held quantity that is a quadratic in the clock leaves no error."""
    read = CLOCKS[clock].read

    def quantity(t, x):
        c = read(path, torch.as_tensor(t, dtype=torch.float64))
        return (1.0 - 0.7 * c + 0.3 * c**2) * torch.ones_like(x)

    dynamics = PathDynamics(FunctionPrediction(quantity, path, KINDS[held]))
    times = torch.tensor([0.2, 0.3, 0.45, 0.6], dtype=torch.float64)
    x, carry = torch.full((1, 1), 0.3, dtype=torch.float64), ()
    solver = Multistep(HELD[held], CLOCKS[clock], 3)
    tables = solver.prepare(dynamics, times)
    for i, table in enumerate(tables):
        step = Step(i, float(times[i]), float(times[i + 1]), table)
        reached, carry = solver.step(dynamics, step, x, carry, Noise.of(0, 1))
        fine = torch.linspace(step.t, step.s, 41, dtype=torch.float64)
        x = solve(dynamics, x, fine, RK5()).x  # the exact states
    torch.testing.assert_close(reached, x, rtol=1e-9, atol=1e-9)


def test_gaussian_data_are_followed_exactly_by_the_residual(exact):
    """Isotropic data of variance v have no residual, so that one step goes all the way."""
    v = 0.6
    path = VP()

    def velocity(t, x):
        p = path.at(t)
        growth = (p.beta * p.beta_dot * v + p.gamma_gamma_dot) / (p.beta**2 * v + p.gamma**2)
        return growth * x

    dynamics = PathDynamics(FunctionPrediction(velocity, path, VELOCITY))
    x = torch.tensor([[1.0], [-2.0]], dtype=torch.float64)
    times = torch.tensor([0.0, 1.0], dtype=torch.float64)
    made = solve(dynamics, x, times, Multistep(HeldResidual(v), TimeClock(), 1)).x
    start = path.at(0.0)
    size = (v / (start.beta**2 * v + start.gamma**2)).sqrt()
    torch.testing.assert_close(made, size * x)


@pytest.mark.parametrize("nodes", [1, 2, 3])
def test_correction_is_a_predictor_corrector_written_out(nodes, exact):
    """Predict by Adams–Bashforth, evaluate, correct by Adams–Moulton through the same values."""
    path = Trigonometric()
    law = exact(path)
    dynamics = PathDynamics(law.prediction(VELOCITY))
    times = torch.tensor([0.1, 0.2, 0.34, 0.45, 0.6, 0.7], dtype=torch.float64)
    start = law.marginal(0.1).sample(Noise.of(0, 4))

    def integral(values, nodes, a, b):
        """Of the polynomial through the values at the nodes, exactly."""
        k = torch.arange(len(nodes), dtype=torch.float64)
        moments = (b ** (k + 1) - a ** (k + 1)) / (k + 1)
        weights = torch.linalg.solve((nodes.unsqueeze(-1) ** k).T, moments)
        return sum(w * v for w, v in zip(weights, values, strict=True))

    before, predicted, values = start, start, []
    for i in range(len(times) - 1):
        values.append(dynamics.drift(float(times[i]), predicted))
        if i:
            back = range(max(0, i - nodes), i + 1)
            through = times[list(back)] - times[i]
            change = integral([values[j] for j in back], through, times[i - 1] - times[i], 0.0)
            before = before + change
        back = range(max(0, i - nodes + 1), i + 1)
        through = times[list(back)] - times[i]
        change = integral([values[j] for j in back], through, 0.0, times[i + 1] - times[i])
        predicted = before + change
    made = solve(dynamics, start, times, Multistep(HeldVelocity(), TimeClock(), nodes, True)).x
    torch.testing.assert_close(made, predicted, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("held", ["data", "residual"])
def test_from_pure_noise_into_the_data(held, clock, one_sided, exact):
    """Both ends of every path from noise, where clocks and factors may be infinite."""
    law = exact(one_sided)
    x = law.marginal(0.0).sample(Noise.of(0, 200))
    dynamics = PathDynamics(law.prediction(VELOCITY))
    times = UniformGrid().times(40, one_sided)
    for corrected in (False, True):
        solver = Multistep(HELD[held], CLOCKS[clock], 2, corrected)
        made = solve(dynamics, x, times, solver)
        assert made.status.sum() == 0
        assert (made.x.mean(0) - law.target.mean).abs().max() < 0.4
        assert (made.x.T.cov() - law.target.covariance).abs().max() < 0.6


def test_a_clock_that_is_infinite_leaves_the_last_step_to_one_value(exact):
    law = exact(Linear())
    dynamics = PathDynamics(law.prediction(DATA))
    times = torch.tensor([0.5, 0.7, 1.0], dtype=torch.float64)
    x = law.marginal(0.5).sample(Noise.of(0, 4))
    made = solve(dynamics, x, times, Multistep(HeldData(), LogSNRClock(), 2), record=True)
    torch.testing.assert_close(made.x, law.denoiser(0.7, made.path[1]), rtol=1e-12, atol=1e-12)


def test_the_pair_of_a_two_sided_path_has_its_order(exact):
    path = TwoSidedLinear(BrownianGamma())
    law = exact(path)
    dynamics = PathDynamics(law.prediction(PAIR))
    x = law.marginal(0.1).sample(Noise.of(0, 6))
    times = torch.tensor([0.1, 0.9], dtype=torch.float64)
    fine = solve(dynamics, x, UniformGrid().times(200, path, 0.1, 0.9), RK5()).x
    for nodes in (1, 2, 3):
        solver, errors = Multistep(HeldPair(), TimeClock(), nodes), []
        for steps in (80, 160):
            shares = torch.linspace(0, 1, steps + 1, dtype=torch.float64) ** 2  # a gentle start
            made = solve(dynamics, x, torch.lerp(times[0], times[1], shares), solver).x
            errors.append(float((made - fine).norm()))
        assert torch.log2(torch.tensor(errors[0] / errors[1])) > nodes - 0.25


def test_a_product_of_paths_is_each_on_its_own(exact):
    paths = {"a": Linear(), "b": VP()}
    laws = {name: exact(path) for name, path in paths.items()}

    def together(t, x):
        return {name: laws[name].velocity(t, leaf) for name, leaf in x.items()}

    whole = PathDynamics(FunctionPrediction(together, Product(paths), VELOCITY))
    x = {name: law.marginal(0.1).sample(Noise.of(0, 5)) for name, law in laws.items()}
    times = UniformGrid().times(7, Linear(), 0.1, 0.9)
    for held in (HeldData(), HeldVelocity()):
        solver = Multistep(held, TimeClock(), 3)
        made = solve(whole, x, times, solver).x
        for name, law in laws.items():
            alone = solve(PathDynamics(law.prediction(VELOCITY)), x[name], times, solver).x
            torch.testing.assert_close(made[name], alone, rtol=1e-10, atol=1e-10)


def test_without_a_path_adams_works_and_the_others_say_why_not():
    class Growth(Dynamics):
        def drift(self, t, x):
            return x

    x, times = torch.ones(1, 1, dtype=torch.float64), torch.linspace(0, 1, 101).double()
    made = solve(Growth(), x, times, Multistep(HeldVelocity(), TimeClock(), 4)).x
    assert float(made) == pytest.approx(2.718281828, abs=3e-4)  # the first step is Euler's
    with pytest.raises(InputError, match="Growth: has no path"):
        solve(Growth(), x, times, Multistep(HeldData(), TimeClock(), 2))
    with pytest.raises(InputError, match="the clock 'angle' needs a path from noise"):
        solve(Growth(), x, times, Multistep(HeldVelocity(), AngleClock(), 2))


def test_it_refuses_what_it_cannot_do():
    with pytest.raises(InputError, match="expected an order from 1 to 4, got 5"):
        Multistep(HeldData(), TimeClock(), 5)
    with pytest.raises(InputError, match="for an SDE hold the data"):
        Multistep(HeldNoise(), TimeClock(), 2, stochastic=True)
