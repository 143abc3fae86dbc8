"""The GDSS system: nodes and edges on paths of their own, graphs of different sizes in a batch."""

from dataclasses import dataclass

import pytest
import torch

from sicore.config import Component
from sicore.dynamics import PathDynamics, noising
from sicore.errors import InputError
from sicore.interpolants import VE, VP, Categorical, Product
from sicore.plugins import get_registry
from sicore.predictions import CATEGORICAL, DATA, SCORE, FunctionPrediction, NetworkPrediction
from sicore.solvers import S4, AnnealedRule, EulerMaruyama, PredictorCorrector, solve
from sicore.states import MaskedSpace, Noise
from sicore_molecules.domain import Graphs, pair_mask
from sicore_molecules.networks.gdss import GDSS

N, A, E = 3, 2, 2
SIZES = (1, 2, 3)
DOMAIN = Graphs(N, kinds=(A, E))
PATHS = Product({"nodes": VP(), "edges": VE(0.1, 1.0)})  # as the paper's for ZINC250k
UPPER = torch.triu_indices(N, N, 1)
FREE = N * A + UPPER.shape[1] * E
FIRST, LAST = 0.1, 0.9


def sizes(n):
    """Graphs of all sizes in turn."""
    return torch.tensor(SIZES).repeat(n // len(SIZES) + 1)[:n]


def there(size):
    """Which nodes, of graphs of these sizes."""
    return torch.arange(N) < size.unsqueeze(-1)


def space_of(size):
    mask = there(size)
    leaves = {"nodes": mask.unsqueeze(-1), "edges": pair_mask(mask).unsqueeze(-1)}
    return MaskedSpace(DOMAIN.space, leaves)


def free(x):
    """The free numbers of graphs, ``(B, FREE)``."""
    return torch.cat((x["nodes"].flatten(1), x["edges"][:, UPPER[0], UPPER[1]].flatten(1)), 1)


def graph(v):
    """The graphs with these free numbers."""
    edges = v.new_zeros(len(v), N, N, E)
    edges[:, UPPER[0], UPPER[1]] = v[:, N * A :].unflatten(1, (-1, E))
    return {"nodes": v[:, : N * A].unflatten(1, (N, A)), "edges": edges + edges.transpose(1, 2)}


def kept(size):
    """Which free numbers are there, as 0 and 1."""
    space = space_of(size)
    return free(space.project(graph(torch.ones(len(size), FREE, dtype=torch.float64))))


@dataclass(frozen=True)
class GaussianGraphs:
    """Nodes and edges that are jointly normal; of a smaller graph, the part that is there."""

    mean: torch.Tensor
    covariance: torch.Tensor

    @classmethod
    def made(cls):
        noise = Noise.of(4, FREE)
        factor = noise.normal((FREE,), torch.float64) / 3
        covariance = factor @ factor.T + 0.1 * torch.eye(FREE, dtype=torch.float64)
        return cls(noise.at(1).normal((1,), torch.float64)[:, 0], covariance)

    def at(self, t):
        """Mean and covariance of x_t of a whole graph."""
        p = PATHS.at(t)  # edges, nodes: the sorted order of names
        nodes = N * A
        beta, gamma = (
            torch.cat((c[1].expand(nodes), c[0].expand(FREE - nodes))) for c in (p.beta, p.gamma)
        )
        covariance = beta[:, None] * self.covariance * beta + torch.diag(gamma**2)
        return beta * self.mean, covariance

    def sample(self, t, size, noise):
        mean, covariance = self.at(t)
        z = noise.normal((FREE,), torch.float64)
        return graph((mean + z @ torch.linalg.cholesky(covariance).T) * kept(size))

    def score(self, size):
        """The score ``(t, x)`` for graphs of these sizes: 0 where nothing is."""
        masks = kept(torch.tensor(SIZES))
        which = [(size == count).unsqueeze(1) for count in SIZES]

        def function(t, x):
            mean, covariance = self.at(t.reshape(-1)[0])
            total = 0.0
            for mask, chosen in zip(masks, which, strict=True):
                part = covariance * torch.outer(mask, mask) + torch.diag(1 - mask)
                away = (mean - free(x)) * mask
                total = total + torch.where(chosen, away @ torch.linalg.inv(part), 0.0)
            return graph(total)

        return FunctionPrediction(function, PATHS, SCORE)


def drawn(solver, steps, n, epsilon=None):
    """Graphs of all sizes, from the law at FIRST to LAST."""
    law, size = GaussianGraphs.made(), sizes(n)
    space = space_of(size)
    noise = Noise.of(0, n, space=space)
    x = law.sample(FIRST, size, noise.named("start"))
    times = torch.linspace(FIRST, LAST, steps + 1, dtype=torch.float64)
    dynamics = PathDynamics(law.score(size), epsilon)
    return solve(dynamics, x, times, solver, noise, space=space)


def deviations(x, mean, covariance):
    """The largest of mean and covariance, in standard errors."""
    n, centred = len(x), x - mean
    of_mean = centred.mean(0).abs() / (covariance.diagonal() / n).sqrt()
    products = centred.unsqueeze(2) * centred.unsqueeze(1)
    of_covariance = (products.mean(0) - covariance).abs() / (products.std(0) / n**0.5)
    return max(float(of_mean.max()), float(of_covariance.max()))


SAMPLERS = {
    "euler-maruyama": (EulerMaruyama(), 120, True),  # fine: what the others must agree with
    "s4": (S4(None), 60, False),
    "s4-langevin": (S4(AnnealedRule(0.05)), 60, False),
    "predictor-corrector": (PredictorCorrector(EulerMaruyama(), AnnealedRule(0.05)), 60, True),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_law_of_graphs_of_every_size(name):
    """Each graph has the law of its own nodes and pairs, whoever shares the batch."""
    solver, steps, sde = SAMPLERS[name]
    n = 1200
    made = drawn(solver, steps, n, noising(PATHS) if sde else None)
    mean, covariance = GaussianGraphs.made().at(LAST)
    size, v = sizes(n), free(made.x)
    for count in SIZES:
        of_size, mask = v[size == count], kept(torch.tensor([count]))[0].bool()
        assert not of_size[:, ~mask].any()
        part = covariance[mask][:, mask]
        assert deviations(of_size[:, mask], mean[mask], part) < 4


def test_a_law_that_forgets_the_masks_is_found_out():
    """The other way round: the score of whole graphs, on smaller ones."""
    law, n = GaussianGraphs.made(), 600
    size = torch.full((n,), 2)
    space = space_of(size)
    noise = Noise.of(0, n, space=space)
    times = torch.linspace(FIRST, LAST, 41, dtype=torch.float64)
    x = law.sample(FIRST, size, noise.named("start"))
    whole = law.score(torch.full((n,), N))
    made = solve(PathDynamics(whole), x, times, S4(None), noise, space=space)
    mean, covariance = law.at(LAST)
    mask = kept(size)[0].bool()
    part = covariance[mask][:, mask]
    assert deviations(free(made.x)[:, mask], mean[mask], part) > 8


def lopsided(t, x):
    """A prediction that knows neither symmetry nor masks; at least every number is a law's."""
    ramp = {name: torch.linspace(0.1, 1, leaf[0].numel()) for name, leaf in x.items()}
    bias = {name: ramp[name].reshape(leaf.shape[1:]).to(leaf) for name, leaf in x.items()}
    raw = {name: (bias[name] + torch.sin(leaf)).exp() for name, leaf in x.items()}
    return {name: leaf / leaf.sum(-1, keepdim=True) for name, leaf in raw.items()}


def network():
    torch.manual_seed(0)
    return GDSS(DOMAIN).double()


def known(kind, path, lawful):
    """A prediction with masks and symmetry of its own (GDSS's networks), or without any."""
    if not lawful:
        return FunctionPrediction(lopsided, path, kind)
    net = network()

    def function(x, t, condition):
        out = net(x, t, condition)
        return out if kind is DATA else {k: v.softmax(-1) for k, v in out.items()}

    return NetworkPrediction(function, path, kind)


ALL = [entry.name for entry in get_registry().entries("solver")]
TIMES = torch.linspace(0.1, 0.8, 6, dtype=torch.float64)


def path_for(solver):
    """The system's; one path for all leaves where a solver needs a single noise level."""
    if solver.categorical:
        return Categorical({"nodes": (0.5, 0.5), "edges": (0.7, 0.3)})
    epsilon = noising(PATHS) if solver.stochastic else None
    try:
        solver.prepare(PathDynamics(known(DATA, PATHS, False), epsilon), TIMES)
    except InputError as refused:
        assert "noise level" in str(refused)
        return VP()
    return PATHS


def test_the_solvers_of_the_paper_take_the_system():
    for name in ("s4", "predictor-corrector", "euler-maruyama", "ddim", "heun", "exponential-sde"):
        assert path_for(Component.parse("solver", name).build()) is PATHS


@pytest.mark.parametrize("lawful", [False, True], ids=["lopsided", "gdss"])
@pytest.mark.parametrize("name", ALL)
def test_every_solver_keeps_masks_and_symmetry(name, lawful):
    """At every step, to the last bit; where the network does, without any projection."""
    solver, n = Component.parse("solver", name).build(), 6
    space, path = space_of(sizes(n)), path_for(solver)
    prediction = known(CATEGORICAL if solver.categorical else DATA, path, lawful)
    noise = Noise.of(0, n, space=space)
    x = path.prior(noise, space, torch.float64)
    epsilon = noising(path) if solver.stochastic else None
    with torch.no_grad():
        made = solve(
            PathDynamics(prediction, epsilon), x, TIMES, solver, noise,
            space=None if lawful else space, record=True,
        )  # fmt: skip
    assert len(made.path["nodes"]) == 6 and not made.status.any()
    mask = there(sizes(n))
    for nodes, edges in zip(made.path["nodes"], made.path["edges"], strict=True):
        assert torch.equal(edges, edges.transpose(1, 2))
        assert not edges[~pair_mask(mask)].any() and not nodes[~mask].any()
        assert nodes[mask].any(-1).all() and edges[pair_mask(mask)].any(-1).all()
    moved = (made.path["nodes"][1:] - made.path["nodes"][:-1]).abs().amax()
    assert moved > 0
