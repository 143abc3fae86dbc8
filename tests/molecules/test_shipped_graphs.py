"""The small model of graphs that comes with the plugin: two communities, not one."""

import sicore


def test_graphs_have_the_sizes_and_the_clusters_of_the_data():
    model = sicore.load("graphs/community-small", device="cpu")
    graphs = model.sample(24, steps=40, seed=1).decoded
    assert graphs.sizes.min() >= 12 and graphs.sizes.max() <= 20
    assert "Licence" in model.card and "Limits" in model.card
    bonds = (graphs.bonds > 0).double()
    degree = bonds.sum(-1)
    triangles = (bonds @ bonds @ bonds).diagonal(dim1=1, dim2=2).sum()
    clustering = triangles / (degree * (degree - 1)).sum()
    density = bonds.sum() / (graphs.sizes * (graphs.sizes - 1)).sum()
    assert clustering > 1.3 * density  # edges that are independent have equal ones
