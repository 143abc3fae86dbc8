"""Checks of interpolants: their ends, derivatives, draws and, by ``conversions``, conversions."""

from __future__ import annotations

import torch
from torch import Tensor

from sicore.interpolants import Interpolant, OneSided
from sicore.states import Noise, State, leaves, take
from sicore.testing.conversions import check_conversions
from sicore.testing.require import require, require_close

INSIDE = torch.linspace(0.05, 0.95, 19, dtype=torch.float64)
WHOLE = torch.linspace(0, 1, 21, dtype=torch.float64)
DRAWS = 20_000


def check_interpolant(interpolant: Interpolant, *, tolerance: float = 1e-6) -> None:
    """Check a path in all that solvers, objectives and conversions rely on.

    Its ends; its derivatives against autodiff, finite on all of [0, 1]; times ``()`` and ``(B,)``;
    draws: their moments, trees, dtype and device; the noise level and its inverse on a one-sided
    path; every conversion between kinds of prediction, ends included, in float64 and float32, and
    with x0 observed on a two-sided path. Of a categorical path, in place of what is Gaussian, that
    its draws are one-hot, with the shares of its mean.

    Args:
        interpolant: an instance of a registered interpolant; of a product, check each path.
        tolerance: relative, of the derivatives.
    """
    what = f"interpolant {type(interpolant).__name__}"
    _check_ends(interpolant, what)
    _check_times(interpolant, what)
    _check_derivatives(interpolant, what, tolerance)
    if interpolant.categorical:
        _check_kinds(interpolant, what)
        return
    _check_states(interpolant, what)
    _check_moments(interpolant, what)
    if not interpolant.two_sided:
        require(
            isinstance(interpolant, OneSided), f"{what}: a path from noise must be a OneSided path"
        )
        _check_noise_level(interpolant, what)  # type: ignore[arg-type]
    check_conversions(interpolant, what)


def _check_ends(interpolant: Interpolant, what: str) -> None:
    first, last = ([float(c) for c in interpolant.coefficients(t)] for t in WHOLE[[0, -1]])
    alpha, beta, gamma = last
    require(
        abs(alpha) < 1e-3 and abs(beta - 1) < 1e-3 and 0 <= gamma < 0.5,
        f"{what}: at t = 1 it must be the data, with little noise at most, but α, β, γ = "
        f"{alpha:g}, {beta:g}, {gamma:g}",
    )
    alpha, beta, gamma = first
    if interpolant.two_sided:
        require(
            abs(alpha + beta - 1) < 1e-3,
            f"{what}: at t = 0 it must be its source, in which (α + β) x0 + γ z starts, but "
            f"α + β = {alpha + beta:g}",
        )
    else:
        require(
            alpha == 0 and abs(beta) <= 0.5 * gamma,
            f"{what}: at t = 0 it must be noise, but α, β, γ = {alpha:g}, {beta:g}, {gamma:g}",
        )


def _check_times(interpolant: Interpolant, what: str) -> None:
    many = (*interpolant.coefficients(WHOLE), *interpolant.derivatives(WHOLE))
    names = ("α", "β", "γ", "α̇", "β̇", "γγ̇")
    for name, values in zip(names, many, strict=True):
        require(values.shape == WHOLE.shape, f"{what}: {name}(t) must have the shape of t")
        require(values.dtype == torch.float64, f"{what}: {name}(t) must be float64")
        finite = bool(torch.isfinite(values).all())
        require(finite, f"{what}: {name} must be finite at t = 0, t = 1 and between")
    for i in (0, 7, 20):
        single = (*interpolant.coefficients(WHOLE[i]), *interpolant.derivatives(WHOLE[i]))
        for name, one, values in zip(names, single, many, strict=True):
            message = f"{what}: {name} at t = {float(WHOLE[i]):g} must be that of a batch of times"
            require_close(one, values[i], message, tolerance=1e-13 * (1 + float(values[i].abs())))


def _check_derivatives(interpolant: Interpolant, what: str, tolerance: float) -> None:
    t = INSIDE.clone().requires_grad_()
    values, slopes = interpolant.coefficients(t), interpolant.derivatives(t)
    for name, value, slope in zip("αβγ", values, slopes, strict=True):
        product = value**2 / 2 if name == "γ" else value  # derivatives give γγ̇
        (exact,) = (
            torch.autograd.grad(product.sum(), t, retain_graph=True)
            if product.requires_grad
            else (torch.zeros_like(t),)
        )
        error = float((slope - exact).detach().abs().max() / (1 + exact.abs().max()))
        label = "γγ̇" if name == "γ" else f"{name}̇"
        require(error < tolerance, f"{what}: {label} differs from autodiff by {error:.2g}")


def _draw(
    interpolant: Interpolant, noise: Noise, like: State, t: Tensor
) -> tuple[State | None, State, State, State]:
    """x0, x1 and z of one draw, and the state made of them."""
    x0 = noise.named("x0").normal_like(like) if interpolant.two_sided else None
    x1 = noise.named("x1").normal_like(like)
    z = interpolant.latent(noise.named("z"), like)
    return x0, x1, z, interpolant.sample(x0, x1, t, z).x_t


def _check_states(interpolant: Interpolant, what: str) -> None:
    noise = Noise.of(3, 5)
    tree = {"a": torch.zeros(5, 2).double(), "b": torch.zeros(5, 2, 3).double()}
    t = INSIDE[[1, 5, 9, 13, 17]]
    x0, x1, z, made = _draw(interpolant, noise, tree, t)
    alpha, beta, gamma = interpolant.coefficients(t)
    for name, leaf in leaves(made).items():
        rows = [c.reshape(5, *(1,) * (leaf.ndim - 1)) for c in (alpha, beta, gamma)]
        terms = rows[1] * leaves(x1)[name] + rows[2] * leaves(z)[name]
        if x0 is not None:
            terms = terms + rows[0] * leaves(x0)[name]
        size = 1 + float(terms.abs().max())
        message = f"{what}: a draw must be α x0 + β x1 + γ z in every leaf"
        require_close(leaf, terms, message, tolerance=1e-12 * size)
    part = slice(1, 4)
    again = interpolant.latent(noise.take(part).named("z"), take(tree, part))
    require_close(again, take(z, part), f"{what}: z must not depend on the batch it is drawn in")
    for place, dtype in (("cpu", torch.float32), ("meta", torch.float32), ("cpu", torch.float64)):
        like = torch.zeros(5, 2, dtype=dtype, device=place)
        made = torch.as_tensor(_draw(interpolant, Noise.of(3, 5, device=place), like, t)[-1])
        kept = made.dtype == dtype and made.device.type == place
        got = f"got {made.dtype} on {made.device}"
        require(kept, f"{what}: a draw must keep {dtype} on {place}, {got}")


def _check_moments(interpolant: Interpolant, what: str) -> None:
    """Mean and variance of draws, and of z, by five standard errors."""
    if not interpolant.gaussian:
        return
    noise = Noise.of(4, DRAWS)
    z = torch.as_tensor(interpolant.latent(noise, torch.zeros(DRAWS, 1).double()))
    x0 = 1 - noise.named("x0").uniform((1,)).log()  # of mean 2 and variance 1
    x1 = 4.0 * (noise.named("x1").uniform((1,)) < 0.5)  # of mean 2 and variance 4
    for t in WHOLE[[0, 6, 15, 20]]:
        alpha, beta, gamma = interpolant.coefficients(t)
        made = torch.as_tensor(
            interpolant.sample(x0 if interpolant.two_sided else None, x1.double(), t, z).x_t
        )
        two = float(interpolant.two_sided)
        mean, variance = 2 * (alpha * two + beta), alpha**2 * two + 4 * beta**2 + gamma**2
        centred = made - made.mean()
        spread = (centred**4).mean().sqrt()
        right = abs(made.mean() - mean) < 5 * (variance / DRAWS) ** 0.5 + 1e-9
        right = right & (abs(centred.var() - variance) < 5 * spread / DRAWS**0.5 + 1e-9)
        require(
            bool(right),
            f"{what}: at t = {float(t):g} draws have mean {float(made.mean()):.3g} and variance "
            f"{float(centred.var()):.3g}, α, β and γ say {float(mean):.3g} and "
            f"{float(variance):.3g}",
        )


def _check_noise_level(interpolant: OneSided, what: str) -> None:
    sigma = interpolant.noise_level(INSIDE)
    require(bool((sigma.diff() < 0).all()), f"{what}: the noise level must fall with time")
    times = interpolant.time_at(sigma)
    message = f"{what}: time_at must invert the noise level"
    require_close(times, INSIDE, message, tolerance=1e-9)
    again = interpolant.noise_level(times)
    require_close(again / sigma, torch.ones_like(sigma), message, tolerance=1e-7)


def _check_kinds(interpolant: Interpolant, what: str) -> None:
    """Draws are one-hot, and those of x1 at least as often as β says."""
    x1 = torch.zeros(DRAWS, 3, dtype=torch.float64)
    x1[:, 1] = 1
    z = interpolant.latent(Noise.of(0, DRAWS), x1)
    for t in INSIDE[::6]:
        x_t = torch.as_tensor(interpolant.sample(None, x1, t, z).x_t)
        one_hot = bool((x_t.sum(-1) == 1).all()) and bool(((x_t == 0) | (x_t == 1)).all())
        require(one_hot, f"{what}: its states must be one-hot")
        share, least = float(x_t[:, 1].mean()), float(interpolant.coefficients(t)[1])
        require(share > least - 5 / DRAWS**0.5, f"{what}: x_t must be x1 with probability β")
    end = torch.as_tensor(interpolant.sample(None, x1, WHOLE[-1], z).x_t)
    require_close(end, x1, f"{what}: at t = 1 it must be the data")
