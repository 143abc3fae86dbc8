"""Enzymes: tertiary structures of proteins as graphs of their secondary structure elements.

Sources: Borgwardt et al., "Protein function prediction via graph kernels", 2005; Schomburg et al.,
"BRENDA", 2004; Morris et al., "TUDataset", 2020.
"""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

from sicore.downloads import Archive, obtain
from sicore.errors import InputError
from sicore.files import write_atomically
from sicore_molecules.data.places import cache_folder
from sicore_molecules.data.splitting import SplitGraphs
from sicore_molecules.data.tudataset import read_tudataset

NAME = "ENZYMES"
SMALLEST = 10
FOLDER = (
    "https://raw.githubusercontent.com/harryjo97/GDSS/24cc490e0c5b39cbd265fda33ab2bc8b528d4454/"
    "dataset/ENZYMES/"
)
FILES = (
    Archive(FOLDER + "ENZYMES_A.txt", "1036978942e8dcfa04a23e811b4d01a49a98699f", "git"),
    Archive(
        FOLDER + "ENZYMES_graph_indicator.txt", "dcc03b2f70b09ffd0902bb56d43093dae6269643", "git"
    ),
    Archive(FOLDER + "ENZYMES_graph_labels.txt", "a38377c0bab3c5443a06d34e688b7f3929d54101", "git"),
)


class Enzymes(SplitGraphs):
    """Graphs of at least 10 nodes, in the order of the file.

    Args:
        split: ``train`` (80 %), ``test`` (20 %) or ``all``.
        classes: give the class of each enzyme, 0 to 5, as a condition.
        folder: where the text files are; by default the cache.

    Raises:
        InputError: for an unknown split, or when a file is missing.
    """

    title = "Enzymes: 587 tertiary structures of proteins, 10 to 125 nodes"
    licence = "not stated by its collectors; made from the BRENDA database"
    source = "https://chrsmrrs.github.io/datasets"

    def __init__(
        self, split: str = "train", classes: bool = False, folder: str | None = None
    ) -> None:
        place = Path(folder).expanduser() if folder else cache_folder()
        missing = [file for file in FILES if not (place / file.file).is_file()]
        if missing:
            raise InputError(
                f"{place}: has no {missing[0].file}; get it with 'sicore data fetch graphs/enzymes'"
            )
        graphs, labels = read_tudataset(place, NAME)
        kept = [number for number, (atoms, _) in enumerate(graphs) if len(atoms) >= SMALLEST]
        conditions = {"class": labels[kept]} if classes else None
        super().__init__([graphs[number] for number in kept], split, self.title, conditions)

    @classmethod
    def available(cls) -> bool:
        """Whether the files are in the cache."""
        return all((cache_folder() / file.file).is_file() for file in FILES)

    @classmethod
    def fetch(cls, folder: Path | None = None, source: str = "url") -> Path:
        """Fetch and verify the files (1 MB); ``source`` may be a folder that has them.

        Raises:
            InputError: when one cannot be had or is not the published one.
        """
        place = folder or cache_folder()
        for file in FILES:
            found = obtain(file, source, place)
            if found.parent != place:
                write_atomically(place / file.file, partial(shutil.copyfile, found))
        return place
