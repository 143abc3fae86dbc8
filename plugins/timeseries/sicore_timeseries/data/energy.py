"""Energy: what the appliances of a house in Belgium use, and its air, every ten minutes.

Source: Candanedo et al., "Data driven prediction models of energy use of appliances in a low-energy
house", Energy and Buildings 140 (2017).
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import ClassVar

import pandas as pd

from sicore.downloads import Archive
from sicore_timeseries.data.published import File, Published
from sicore_timeseries.data.table import Table, to_table

MEMBER = "energydata_complete.csv"


class Energy(Published):
    """19735 moments of 28 values; the last two, rv1 and rv2, are the same random numbers.

    The protocol of TimeGAN takes all windows of 24 rows (``split="all"``), in the scaling of
    `WindowData.min_max`.
    """

    title: ClassVar[str] = "Energy: 19735 moments of 28 values of a house, ten minutes apart"
    licence: ClassVar[str] = "CC BY 4.0"
    source: ClassVar[str] = "https://archive.ics.uci.edu/dataset/374/appliances+energy+prediction"
    name: ClassVar[str] = "energy"
    file: ClassVar[File] = File(
        Archive(
            "https://archive.ics.uci.edu/static/public/374/appliances+energy+prediction.zip",
            "78519cd2bc0535406c5fabdb921ca10ed7174b9ff09854932e85263bc4deb502",
            name="energy.zip",
        ),
        (MEMBER,),
    )

    @classmethod
    def read(cls, path: Path) -> Table:
        """The table in the archive, or beside it."""
        content = path.read_bytes()
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                content = archive.read(MEMBER)
        frame = pd.read_csv(io.BytesIO(content), skipinitialspace=True)
        return to_table(frame, name=str(path), time="date")
