"""Tables written as files."""

import pytest

from sicore_timeseries.data.table import read_table


@pytest.fixture
def table_of(tmp_path):
    """The table of a text: the file's name in messages is data.csv."""

    def read(text, **options):
        path = tmp_path / "data.csv"
        path.write_text(text, encoding="utf-8")
        return read_table(path, **options)

    return read
