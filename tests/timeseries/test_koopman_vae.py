"""The Koopman VAE: its loss term by term, gaps, what it draws, and linear dynamics it must find."""

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

from sicore.errors import InputError
from sicore.states import Noise
from sicore_timeseries.generators.base import regular_times
from sicore_timeseries.generators.encoders import ControlledEncoder, GapEncoder
from sicore_timeseries.generators.error_regression import free_energy, smooth
from sicore_timeseries.generators.koopman import Spectrum, linear_operator
from sicore_timeseries.generators.koopman_vae import KoopmanVAE
from sicore_timeseries.generators.store import load_generator, new_generator, save_generator

T = 8


def made(seed: int = 0, **arguments) -> KoopmanVAE:
    small = {"channels": 2, "latent": 3, "hidden": 6, **arguments}
    model = new_generator("koopman-vae", small, seed)
    assert isinstance(model, KoopmanVAE)
    return model.double().eval()


def windows(count: int = 5, gaps: float = 0.0, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, T, 2, generator=generator, dtype=torch.float64)
    x[torch.rand(x.shape, generator=generator) < gaps] = torch.nan
    return x


def times() -> Tensor:
    return regular_times(T).double()


def drawn(model: KoopmanVAE, x: Tensor, noise: Noise) -> tuple[Normal, Tensor]:
    """The posterior, and the sample of it that the loss sees."""
    law = model.posterior(x, times())
    return law, law.mean + law.stddev * noise.normal((T, model.latent), x.dtype)


def test_the_prior_of_a_sequence_is_the_one_that_it_is_drawn_from():
    model = made()
    normals = Noise.of(0, 4).normal((T, 3), torch.float64)
    z = model.imagine(normals)
    law = model.prior(z)
    assert torch.allclose((z - law.mean) / law.stddev, normals)
    later = z.clone()
    later[:, 5] += 1
    moved = (model.prior(later).mean - law.mean).abs().amax((0, 2)) > 0
    assert moved.tolist() == [False] * 6 + [True] * 2


def test_the_divergence_is_that_of_the_integral():
    model, noise = made(latent=1), Noise.of(3, 2)
    x = windows(2)
    law, z = drawn(model, x, noise)
    prior = model.prior(z)
    grid = torch.linspace(-15, 15, 20_001, dtype=torch.float64).view(-1, 1, 1, 1)
    q, p = law.log_prob(grid), prior.log_prob(grid)
    integral = torch.trapezoid(q.exp() * (q - p), grid.squeeze(), dim=0).sum((1, 2))
    assert torch.allclose(model.terms(x, times(), noise).divergence, integral, atol=1e-9)


def test_the_loss_is_free_energy_in_units_of_the_divergence():
    model = made(w_kl=0.3, w_pred=0.0)
    x, noise = windows(gaps=0.4), Noise.of(1, 5)
    law, z = drawn(model, x, noise)
    energy = model.surprise(x, z) + torch.distributions.kl_divergence(law, model.prior(z)).sum(
        (1, 2)
    )
    assert torch.allclose(model.losses(x, times(), noise), 0.3 * energy)


def test_error_regression_closes_what_the_encoder_leaves():
    model = made(w_kl=0.3)
    x, noise = windows(3, gaps=0.3), Noise.of(2, 3)
    start = model.posterior(x, times())
    normals = noise.normal((T, 4, 3), torch.float64).transpose(1, 2)
    found = smooth(model, x, noise, start=start, iterations=40)
    before, after = (
        free_energy(model, x, law.mean.detach(), law.stddev.detach(), 1.0, normals)
        for law in (start, found)
    )
    assert (after < before - 0.1).all()


def test_windows_may_come_in_any_order():
    model = made(w_pred=0.7, w_eig=0.4, unit_eigenvalues=2)
    x, noise = windows(gaps=0.3), Noise.of(0, 5)
    order = torch.tensor([3, 0, 4, 2, 1])
    losses = model.losses(x, times(), noise)
    assert torch.allclose(model.losses(x[order], times(), noise.take(order)), losses[order])


@pytest.mark.parametrize("encoder", ["gaps", "cde"])
def test_a_window_has_its_posterior_in_any_batch(encoder):
    model = made(encoder=encoder)
    x = windows(gaps=0.3)
    whole, alone = model.latents(x, times()), model.latents(x[2:3], times())
    assert torch.allclose(whole[2:3], alone)


@pytest.mark.parametrize("encoder", ["gaps", "cde"])
def test_what_is_missing_has_no_gradient_and_no_influence(encoder):
    model = made(encoder=encoder)
    x = windows(gaps=0.3)
    x[:, 3] = torch.nan
    missing = x.isnan()
    x.requires_grad_()
    noise = Noise.of(0, 5)
    model.losses(x, times(), noise).sum().backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()
    assert (x.grad[missing] == 0).all()
    assert (x.grad[~missing] != 0).all()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
    _, z = drawn(model, x.detach(), noise)
    seen = (model.decode(z)[~missing] - x.detach()[~missing]).square().sum()
    assert torch.allclose(model.terms(x.detach(), times(), noise).reconstruction.sum(), seen)


def decayed(x: Tensor, stamps: Tensor, rest: Tensor, decay: Tensor, delay: Tensor) -> Tensor:
    """GRU-D's input for one channel of one window, as its equations say it."""
    filled, last, at = [], None, None
    for value, now in zip(x, stamps, strict=True):
        if not value.isnan():
            last, at = value, now
            filled.append(value)
        elif last is None:
            filled.append(rest)
        else:
            kept = torch.exp(-torch.relu(decay * (now - at).abs() + delay))
            filled.append(rest + (last - rest) * kept)
    return torch.stack(filled)


def test_gaps_are_filled_as_the_equations_say():
    encoder = GapEncoder(2, 4, 1).double()
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for part in (encoder.rest, encoder.decay, encoder.delay):
            part.copy_(torch.randn(2, 2, generator=generator))
    x = windows(3, gaps=0.5)
    stamps = torch.rand(3, T, generator=generator, dtype=torch.float64).sort(1).values
    given = []
    encoder.cells.register_forward_hook(lambda module, inputs, output: given.append(inputs[0]))
    encoder(x, stamps)
    for b in range(3):
        for c in range(2):
            for side, turn in enumerate((lambda v: v, lambda v: v.flip(0))):
                parameters = (encoder.rest, encoder.decay, encoder.delay)
                expected = decayed(
                    turn(x[b, :, c]), turn(stamps[b]), *(part[side, c] for part in parameters)
                )
                assert torch.allclose(given[0][b, :, 2 * side + c], turn(expected))
            assert torch.equal(given[0][b, :, 4 + c], (~x[b, :, c].isnan()).double())


def test_a_long_gap_makes_a_difference_to_the_encoder():
    encoder, x = GapEncoder(2, 4, 1).double(), windows(1)
    x[:, 2:5] = torch.nan
    stamps = times().unsqueeze(0)
    late = stamps.clone()
    late[:, 5:] = 0.5 * (1 + late[:, 5:])
    assert not torch.allclose(encoder(x, stamps), encoder(x, late))


def test_the_equation_is_read_at_each_moment_and_is_that_of_the_neural_cde():
    encoder, x = made(encoder="cde").encode, windows(3, gaps=0.4) / 2
    assert isinstance(encoder, ControlledEncoder)
    encoder.equation.steps = 10 * (T - 1)
    given = []
    encoder.cells.register_forward_hook(lambda module, inputs, output: given.append(inputs[0]))
    stamps = times().expand(3, T).contiguous()
    encoder(x, stamps)
    assert torch.allclose(encoder.equation(stamps, x), given[0][:, -1], atol=3e-3)
    later = x.clone()
    later[:, 5:] = 3.0
    encoder(later, stamps)
    moved = (given[1] - given[0]).abs().amax((0, 2)) > 1e-9
    assert moved.tolist() == [False] * 5 + [True] * 3


def test_windows_of_a_seed_are_the_same_in_any_batch_and_after_storing(tmp_path):
    model = made().float()
    x = model.sample(7, T, seed=4)
    assert torch.allclose(model.sample(7, T, seed=4, batch_size=3), x, atol=1e-6)
    save_generator(model, tmp_path)
    assert torch.equal(load_generator(tmp_path).sample(7, T, seed=4), x)


def test_linear_latents_begin_as_the_prior_and_have_its_operator():
    model, n = made(latent=2).float(), 4000
    noise = Noise.of(0, n).named("sample")
    linear, own = model.linear_latents(T, noise), model.imagine(noise.normal((T, 2)))
    assert torch.allclose(linear[:, 0], own[:, 0], atol=1e-6)
    others = model.imagine(Noise.of(0, 1024).named("operator").normal((T, 2)))
    found, expected = linear_operator(linear), linear_operator(others.detach())
    assert float((found - expected).norm()) < 5 * 2 / math.sqrt(n * (T - 1))


def test_the_penalty_moves_the_largest_eigenvalues_to_the_unit_circle():
    x = windows(128).float()  # white noise: its own dynamics are nowhere near the circle
    moduli = {}
    for weight in (0.0, 100.0):
        model = new_generator(
            "koopman-vae",
            {"channels": 2, "latent": 3, "hidden": 6, "w_eig": weight, "unit_eigenvalues": 2},
        )
        model.fit(x, steps=150, batch_size=128, learning_rate=1e-2, ema_decay=0, progress=False)
        law = model.posterior(x, regular_times(T))
        z = law.mean + law.stddev * Noise.of(9, 128).normal((T, 3))
        moduli[weight] = Spectrum.of(linear_operator(z.detach())).moduli[:2]
    assert ((moduli[100.0] > 0.99) & (moduli[100.0] < 1.01)).all()
    assert float(moduli[0.0].min()) < 0.5


def two_symbols(count: int) -> Tensor:
    """Sequences of ±1: after −1 comes 1 with probability 0.3, after 1 with probability 0.8."""
    uniform = torch.rand(count, 24, generator=torch.Generator().manual_seed(0))
    symbols = [uniform[:, 0] < 0.6]
    for column in uniform[:, 1:].unbind(1):
        symbols.append(column < torch.where(symbols[-1], 0.8, 0.3))
    return 2 * torch.stack(symbols, 1).unsqueeze(-1).float() - 1


@pytest.mark.slow
def test_the_error_of_a_learned_machine_is_least_at_a_middling_meta_prior():
    errors = []
    for w in (0.001, 0.5, 3.0):
        arguments = {"channels": 1, "latent": 2, "hidden": 16, "w_kl": w, "w_pred": 0.0}
        model = new_generator("koopman-vae", {**arguments, "encoder": "recurrent"})
        model.fit(two_symbols(4000), steps=500, learning_rate=1e-2, progress=False)
        symbols = model.sample(4000, 24, seed=2).squeeze(-1) > 0
        before, after = symbols[:, :-1], symbols[:, 1:].float()
        found = (float(after[~before].mean()), float(after[before].mean()))
        errors.append(max(abs(found[0] - 0.3), abs(found[1] - 0.8)))
    assert errors[1] < 0.05
    assert errors[1] < 0.6 * min(errors[0], errors[2])


def test_what_it_cannot_do_is_said():
    with pytest.raises(InputError, match="encoder: expected one of"):
        made(encoder="transformer")
    with pytest.raises(InputError, match="unit_eigenvalues: expected 0 to 3"):
        made(unit_eigenvalues=4)
    with pytest.raises(InputError, match="w_kl"):
        made(w_kl=0.0)
    with pytest.raises(InputError, match="use the encoder 'gaps'"):
        made(encoder="recurrent").losses(windows(gaps=0.3), times(), Noise.of(0, 5))
    uneven = times() ** 2
    with pytest.raises(InputError, match="regular times only"):
        made().losses(windows(), uneven, Noise.of(0, 5))
    with pytest.raises(InputError, match="regular times only"):
        made().float().sample(2, uneven)
