import pytest


@pytest.fixture
def one_sided(one_sided):
    """Each path from normal noise."""
    if not one_sided.gaussian:
        pytest.skip("its noise is not normal")
    return one_sided
