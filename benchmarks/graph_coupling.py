"""Do nodes and edges know of each other? Training on atoms of one molecule with bonds of another.

Two small models, alike but for the data: QM9 as it is, and with the atoms of each molecule replaced
by those of another of the same size. If the second one were as valid, validity would not measure
what joint generation learns.
"""

from __future__ import annotations

import time
from typing import Any

import torch
from common import arguments, record

from sicore.dynamics import PathDynamics
from sicore.interpolants import Categorical
from sicore.objectives import Objective
from sicore.predictions import CATEGORICAL, NetworkPrediction, Softmax
from sicore.solvers import CategoricalLeap, solve
from sicore.states import Noise, State
from sicore_molecules.chemistry.validity import validity
from sicore_molecules.chemistry.vocabulary import QM9_VOCABULARY
from sicore_molecules.data.qm9 import QM9
from sicore_molecules.graphs import GraphBatch
from sicore_molecules.molecules import Molecules
from sicore_molecules.networks.transformer import GraphTransformer

BATCH = 128
NETWORK = {"d_node": 64, "d_edge": 32, "layers": 4, "heads": 4}


def shuffled(graphs: GraphBatch, seed: int) -> GraphBatch:
    """Atoms of another molecule of the batch of the same size."""
    generator, atoms = torch.Generator().manual_seed(seed), graphs.atoms.clone()
    for size in graphs.sizes.unique():
        mine = (graphs.sizes == size).nonzero().squeeze(1)
        atoms[mine] = graphs.atoms[mine[torch.randperm(len(mine), generator=generator)]]
    return GraphBatch(atoms, graphs.bonds)


def trained(domain: Molecules, data: QM9, steps: int, mixed: bool) -> NetworkPrediction:
    """A small model after some steps."""
    torch.manual_seed(0)
    network = GraphTransformer(domain, **NETWORK)

    def states(n: int) -> State:
        return domain.encode(data.batch(torch.arange(n))[0])

    path = Categorical(**Categorical.completed({}, states))
    prediction = NetworkPrediction(network, path, CATEGORICAL, Softmax())
    objective = Objective(path, leaf_weights={"nodes": 4, "edges": 20})
    optimiser = torch.optim.AdamW(network.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for step in range(steps):
        noise = Noise.of(0, BATCH, step * BATCH)
        graphs, _ = data.batch((noise.uniform() * len(data)).long())
        x1 = domain.encode(shuffled(graphs, step) if mixed else graphs)
        streams = Noise.of(1, BATCH, step * BATCH, space=domain.space_of(x1))
        objective.loss(prediction, x1, None, streams).mean().backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        schedule.step()
    network.eval()
    return prediction


@torch.no_grad()
def shares(domain: Molecules, prediction: NetworkPrediction, n: int) -> dict[str, float]:
    """Validity of n samples."""
    noise = Noise.of(2, n)
    space = domain.space_for(noise, None)
    streams = Noise.of(2, n, space=space)
    path = prediction.interpolant
    x = path.prior(streams, space, torch.float32)
    times = torch.linspace(0, 1, 51)
    made = solve(PathDynamics(prediction), x, times, CategoricalLeap(10.0), streams, space=space)
    state = validity(domain.decode(made.x), QM9_VOCABULARY)
    return {"strict": float(state.strict.mean()), "connected": float(state.connected.mean())}


def main() -> None:
    """Measure, and write ``graph_coupling.json``."""
    options = arguments(__doc__)
    torch.set_num_threads(1)
    steps, n = (60, 200) if options.quick else (600, 1000)
    data = QM9("train")
    domain = Molecules(**data.domain_config())
    figures: dict[str, Any] = {"steps": steps, "n": n}
    for name, mixed in (("molecules", False), ("atoms of another", True)):
        start = time.process_time()
        prediction = trained(domain, data, steps, mixed)
        seconds = round(time.process_time() - start, 1)
        figures[name] = shares(domain, prediction, n) | {"cpu_seconds": seconds}
    record("graph_coupling", options, figures)


if __name__ == "__main__":
    main()
