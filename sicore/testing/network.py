"""Checks of backbones."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from sicore.hub import Domain
from sicore.states import Noise, State, leaves, take
from sicore.testing.require import require, require_close, require_state

BATCH = 4


def check_backbone(
    network: nn.Module, domain: Domain, *, tolerance: float = 1e-4, observed: str | None = None
) -> None:
    """Check a built network: shapes, determinism, batch independence, conditions, gradients.

    Args:
        network: an instance of a registered backbone class, made for ``domain``.
        domain: gives the states and the conditions.
        tolerance: of a sample alone against the same in a batch, in float32.
        observed: the condition that is the observed source state of a bridge, if there is one.
    """
    what = f"backbone {type(network).__name__}"
    network.eval()
    noise = Noise.of(0, BATCH, space=domain.space)
    x = noise.normal_like(domain.space.zeros(BATCH, torch.float32))
    t = torch.linspace(0, 1, BATCH)
    source = noise.named("source").normal_like(domain.space.zeros(BATCH, torch.float32))
    least: dict[str, State] = {} if observed is None else {observed: source}
    seen = {name: c for name, c in domain.conditions.items() if c.seen}
    nothing = {name: c.missing(BATCH) for name, c in seen.items()} | least
    chosen = {name: c.examples(BATCH) for name, c in seen.items()} | least
    with torch.no_grad():
        out = require_state(network(x, t, least or None), f"{what}: its output")
        for name, leaf in leaves(x).items():
            got = leaves(out).get(name)
            shape = None if got is None else tuple(got.shape)
            expected = f"{what}: expected the shape of the state {tuple(leaf.shape)}, got {shape}"
            require(shape == tuple(leaf.shape), expected)
        again = network(x, t, least or None)
        require_close(again, out, f"{what}: it must be deterministic in eval mode")
        require_close(
            network(x, t, nothing), out, f"{what}: one that is missing must be 'no condition'"
        )
        full = network(x, t, chosen)
        alone = {name: take(value, slice(0, 1)) for name, value in chosen.items()}
        require_close(
            network(take(x, slice(0, 1)), t[:1], alone),
            take(full, slice(0, 1)),
            f"{what}: a sample must not depend on the others of its batch",
            tolerance=tolerance,
        )
    _check_training(network, what, x, t, chosen)


def _check_training(
    network: nn.Module, what: str, x: object, t: Tensor, chosen: Mapping[str, State]
) -> None:
    network.train()
    network.zero_grad()
    out = leaves(network(x, t, chosen))
    torch.stack([(leaf - 1).square().mean() for leaf in out.values()]).sum().backward()
    idle = [n for n, p in network.named_parameters() if p.requires_grad and p.grad is None]
    require(not idle, f"{what}: parameters without a gradient: {', '.join(idle)}")
    network.zero_grad()
    network.eval()
    places: dict[int, str] = {}
    for name, tensor in network.state_dict(keep_vars=True).items():
        if tensor.numel():
            other = places.setdefault(tensor.data_ptr(), name)
            require(other == name, f"{what}: '{name}' and '{other}' share memory")
    require(bool(places), f"{what}: it has no parameters")
