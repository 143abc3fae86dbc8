"""Molecules as states: graphs whose nodes are atoms and whose edges are bonds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from sicore.errors import InputError
from sicore_molecules.chemistry.vocabulary import Vocabulary
from sicore_molecules.domain import Graphs, whole
from sicore_molecules.graphs import GraphBatch

if TYPE_CHECKING:
    from sicore.hub import Model

ORDERS = 4  # no bond, single, double, triple


class Molecules(Graphs):
    """Molecules of at most ``size`` atoms other than hydrogen, kekulised.

    States, sizes and properties are those of `Graphs`; A symbols of atoms, and E = 4 orders of
    bonds, of which 0 is none.

    Args:
        vocabulary: symbols of the atoms, such as ``C``, ``N+``.
        size: N, room for atoms.
        sizes: how many molecules of the data have 0, 1, …, N atoms; every size alike if not given.
        properties: mean and standard deviation of each property that can be asked for.

    Raises:
        InputError: for symbols that are none, or as `Graphs` does.
    """

    name: ClassVar[str] = "molecules"
    suffixes: ClassVar[frozenset[str]] = frozenset({".smi", ".sdf", ".mol"})

    def __init__(
        self,
        vocabulary: Sequence[str],
        size: int,
        sizes: Sequence[int] = (),
        properties: Mapping[str, tuple[float, float]] | None = None,
    ) -> None:
        self.vocabulary = Vocabulary(tuple(vocabulary))
        super().__init__(size, sizes, (len(self.vocabulary), ORDERS), properties)

    def read(self, path: Path, *, resize: bool = False) -> GraphBatch:
        """The first molecule of a file of SMILES or an SDF.

        Raises:
            InputError: when it cannot be read, or does not fit the model.
        """
        from sicore_molecules.data.molecule_file import MoleculeFile

        symbols = self.vocabulary.symbols
        data = MoleculeFile(str(path), "all", vocabulary=symbols, size=self.room)
        return data.batch(torch.tensor([0]))[0]

    def save(self, decoded: GraphBatch, folder: Path, *, stem: str = "sample") -> Sequence[Path]:
        """SMILES and SDF of the valid ones, a table of all, and a picture of the first hundred."""
        from sicore_molecules.rendering import files
        from sicore_molecules.rendering.molecules import molecules_png

        rows = files.describe(decoded, self.vocabulary)
        picture = molecules_png([row.mol for row in rows])
        return [
            files.write_smiles(rows, folder / f"{stem}s.smi", overwrite=True),
            files.write_sdf(rows, folder / f"{stem}s.sdf", overwrite=True),
            files.write_table(rows, folder / f"{stem}s.csv", overwrite=True),
            files.write_picture(picture, folder / f"{stem}s.png", overwrite=True),
        ]

    def evaluate(self, model: Model, *, n: int, seed: int = 0, **options: Any) -> dict[str, Any]:
        """Validity, uniqueness, novelty, FCD, NSPDK and more of n samples, beside the test set.

        Args:
            model: of this domain.
            n: how many samples.
            seed: of the samples.
            options: passed on to ``Model.sample``.

        Raises:
            InputError: when its data are no molecules, or as `metrics.evaluation.evaluate` does.
        """
        from sicore_molecules.data.molecule_data import MoleculeData
        from sicore_molecules.data.places import cache_folder
        from sicore_molecules.metrics.evaluation import evaluate

        train, test = (model.config.data.build(split=s) for s in ("train", "test"))
        if not isinstance(train, MoleculeData):
            raise InputError(f"evaluate: the data '{model.config.data.name}' are no molecules")
        drawn = model.sample(n, seed=seed, **options)
        cache, given = cache_folder(), drawn.decoded
        sets = (given, whole(test), whole(train), self.vocabulary)
        figures = evaluate(*sets, cache=cache, seed=seed)
        return {"nfe": drawn.nfe, **figures}
