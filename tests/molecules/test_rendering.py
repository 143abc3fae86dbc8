"""Pictures, tables, files and the page: what is in them, not how they look."""

import csv
import io
import xml.etree.ElementTree as ElementTree

import networkx as nx
import numpy as np
import pytest
import torch
from PIL import Image
from rdkit import Chem
from rdkit.Chem import QED, Descriptors

from sicore.errors import InputError
from sicore_molecules.chemistry.decode import canonical
from sicore_molecules.chemistry.vocabulary import QM9_VOCABULARY
from sicore_molecules.graphs import GraphBatch, joined
from sicore_molecules.rendering import (
    describe,
    graphs_png,
    graphs_svg,
    histogram_png,
    layout,
    molecules_page,
    molecules_png,
    molecules_svg,
    write_picture,
    write_sdf,
    write_smiles,
    write_table,
)
from sicore_molecules.rendering import graphs as graph_pictures
from sicore_molecules.rendering import molecules as molecule_pictures

from .conftest import graph

SMILES = ["CCO", "c1ccoc1", "CC(=O)N", "C1CC1"]


@pytest.fixture
def batch():
    """Four molecules, a carbon with six bonds, and two fragments."""
    too_many, apart = graph("CC", QM9_VOCABULARY, 9), graph("CCO", QM9_VOCABULARY, 9)
    too_many = too_many.resized(3)
    too_many.bonds[0, :2, :2] = torch.tensor([[0, 3], [3, 0]])
    too_many.atoms[0, 2] = 1
    too_many.bonds[0, 0, 2] = too_many.bonds[0, 2, 0] = 3
    apart.bonds[0, 1, 2] = apart.bonds[0, 2, 1] = 0
    good = [graph(smiles, QM9_VOCABULARY, 9) for smiles in SMILES]
    return joined([*good, too_many, apart])


@pytest.fixture
def rows(batch):
    return describe(batch, QM9_VOCABULARY, known={"CCO", "CC"})


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def panel(sheet, number, size, columns):
    row, column = divmod(number, columns)
    return sheet[row * size[1] : (row + 1) * size[1], column * size[0] : (column + 1) * size[0]]


def orange(part):
    """Whether the colour of the scaffold is in it."""
    colour = np.array(molecule_pictures.HIGHLIGHT) * 255
    return bool((np.abs(part - colour).max(-1) < 12).sum() > 20)


def test_molecules_lie_in_a_grid_and_the_scaffold_is_marked():
    mols = [Chem.MolFromSmiles(s) for s in ("CCO", "Cc1ccccc1", "c1ccc2ccccc2c1", "C1CCCCC1")]
    size = molecule_pictures.PANEL
    sheet = pixels(molecules_png([*mols, None], 3, scaffold=Chem.MolFromSmiles("c1ccccc1")))
    assert sheet.shape == (2 * size[1], 3 * size[0], 3)
    parts = [panel(sheet, number, size, 3) for number in range(6)]
    assert [orange(part) for part in parts] == [False, True, True, False, False, False]
    assert [bool((part < 128).any()) for part in parts] == [True] * 5 + [False]
    assert not any(orange(panel(pixels(molecules_png(mols, 3)), n, size, 3)) for n in range(4))


def test_a_scaffold_is_laid_out_alike():
    benzene = Chem.MolFromSmiles("c1ccccc1")
    mols = [Chem.MolFromSmiles(s) for s in ("Cc1ccccc1", "OC(=O)c1ccc(N)cc1")]
    grid = molecule_pictures._Grid(mols, 2, benzene, 10)
    rings = []
    for mol in mols:
        placed = grid._placed(mol)
        places = placed.GetConformer().GetPositions()[list(mol.GetSubstructMatch(benzene))]
        rings.append(places - places.mean(0))
    np.testing.assert_allclose(rings[0], rings[1], atol=1e-4)


def test_svg_has_the_same_size_and_says_nothing_that_needs_a_font():
    mols = [Chem.MolFromSmiles(s) for s in SMILES]
    root = ElementTree.fromstring(molecules_svg(mols, 4))
    assert root.get("width") == f"{4 * molecule_pictures.PANEL[0]}px"
    kinds = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert "path" in kinds
    assert "text" not in kinds
    assert molecules_svg(mols, 4) == molecules_svg(mols, 4)


def test_captions():
    ethanol = Chem.MolFromSmiles("CCO")
    assert molecule_pictures.caption(ethanol) == f"QED {QED.qed(ethanol):.2f}   logP 0.0"
    assert molecule_pictures.caption(None) == "not valid"


def test_only_the_first_are_drawn():
    mols = [Chem.MolFromSmiles("C")] * 30
    assert pixels(molecules_png(mols, 2, limit=3)).shape[0] == 2 * molecule_pictures.PANEL[1]


@pytest.mark.parametrize("columns", [0, 3])
def test_nothing_to_draw(columns, drugs):
    with pytest.raises(InputError, match="picture: expected"):
        molecules_png([Chem.MolFromSmiles("C")] * (columns == 0), columns)
    with pytest.raises(InputError, match="picture: expected"):
        graphs_svg(drugs[: int(columns == 0)], columns)


def as_batch(*graphs):
    edges = [torch.from_numpy(nx.to_numpy_array(g)).byte() for g in graphs]
    return joined([GraphBatch(torch.ones(1, len(e), dtype=torch.uint8), e[None]) for e in edges])


def test_layout_keeps_distances_that_fit_into_the_plane():
    # A path and a hexagon's worth of steps: a path is a straight line, evenly spaced.
    x = layout(nx.to_numpy_array(nx.path_graph(6)))
    apart = np.linalg.norm(x[:, None] - x, axis=-1)
    steps = np.abs(np.subtract.outer(np.arange(6), np.arange(6)))
    np.testing.assert_allclose(apart, steps, atol=0.02)


def test_layout_of_a_ring_is_round_and_parts_are_apart():
    x = layout(nx.to_numpy_array(nx.cycle_graph(9)))
    radii = np.linalg.norm(x - x.mean(0), axis=1)
    assert np.ptp(radii) < 0.03 * radii.mean()
    two = nx.disjoint_union(nx.cycle_graph(5), nx.cycle_graph(5))
    x = layout(nx.to_numpy_array(two))
    between = np.linalg.norm(x[:5, None] - x[5:], axis=-1)
    assert between.min() > 1
    assert layout(np.zeros((1, 1))).shape == (1, 2)


def test_graph_pictures_show_every_node_and_edge():
    graphs = as_batch(nx.cycle_graph(7), nx.star_graph(4), nx.empty_graph(2))
    root = ElementTree.fromstring(graphs_svg(graphs, 2))
    groups = list(root.iter("{http://www.w3.org/2000/svg}g"))
    side = graph_pictures.PANEL
    for number, (group, nodes, edges) in enumerate(zip(groups, (7, 5, 2), (7, 4, 0), strict=True)):
        dots = list(group.iter("{http://www.w3.org/2000/svg}circle"))
        lines = "".join(p.get("d") for p in group.iter("{http://www.w3.org/2000/svg}path"))
        assert (len(dots), lines.count("M")) == (nodes, edges)
        row, column = divmod(number, 2)
        for dot in dots:  # inside its panel
            assert column * side < float(dot.get("cx")) < (column + 1) * side
            assert row * side < float(dot.get("cy")) < (row + 1) * side
    sheet = pixels(graphs_png(graphs, 2))
    assert sheet.shape == (2 * side, 2 * side, 3)
    parts = [panel(sheet, number, (side, side), 2) for number in range(4)]
    assert [bool((part < 255).any()) for part in parts] == [True, True, True, False]


def test_table_tells_the_truth_of_each_molecule(rows, tmp_path):
    path = write_table(rows, tmp_path / "table.csv")
    table = list(csv.DictReader(path.read_text().splitlines()))
    assert [line["smiles"] for line in table] == [
        *(canonical(Chem.MolFromSmiles(s)) for s in SMILES),
        "",
        "CC.O",
    ]
    assert [line["valid_strict"] for line in table] == ["yes"] * 4 + ["no", "yes"]
    assert [line["connected"] for line in table] == ["yes"] * 5 + ["no"]
    assert [line["novel"] for line in table] == ["no", "yes", "yes", "yes", "", "yes"]
    furan = Chem.MolFromSmiles("c1ccoc1")
    assert float(table[1]["weight"]) == pytest.approx(Descriptors.MolWt(furan), rel=1e-3)
    assert float(table[1]["qed"]) == pytest.approx(QED.qed(furan), rel=1e-3)
    assert table[4]["qed"] == ""


def test_table_without_known_molecules_leaves_novelty_open(batch, tmp_path):
    path = write_table(describe(batch, QM9_VOCABULARY), tmp_path / "table.csv")
    assert {line["novel"] for line in csv.DictReader(path.read_text().splitlines())} == {""}


def test_sdf_and_smiles_come_back_as_the_same_molecules(rows, tmp_path):
    sdf = write_sdf(rows, tmp_path / "molecules.sdf")
    read = list(Chem.SDMolSupplier(str(sdf)))
    valid = [row.smiles for row in rows if row.strict]
    assert [canonical(mol) for mol in read] == valid
    assert [mol.GetProp("_Name") for mol in read] == ["1", "2", "3", "4", "6"]
    for mol in read:
        places = mol.GetConformer().GetPositions()
        assert not places[:, 2].any()
        apart = np.linalg.norm(places[:, None] - places, axis=-1)
        assert mol.GetNumAtoms() == 1 or apart[np.triu_indices(len(apart), 1)].min() > 0.5
        assert float(mol.GetProp("weight")) == pytest.approx(Descriptors.MolWt(mol), rel=1e-3)
    smiles = write_smiles(rows, tmp_path / "molecules.smi").read_text().splitlines()
    assert smiles == [f"{s}\t{n}" for s, n in zip(valid, (1, 2, 3, 4, 6), strict=True)]


def test_files_are_not_written_over(rows, tmp_path):
    path = tmp_path / "x"
    path.write_text("mine")
    for write in (write_table, write_sdf, write_smiles):
        with pytest.raises(InputError, match="exists"):
            write(rows, path)
    with pytest.raises(InputError, match="exists"):
        write_picture(b"x", path)
    assert path.read_text() == "mine"
    write_picture(b"x", path, overwrite=True)
    assert path.read_bytes() == b"x"
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_histogram_is_filled_where_the_training_data_are(rng):
    sheet = pixels(histogram_png(rng.uniform(0, 1, 2000), rng.uniform(2, 3, 2000), "x"))
    height, width = sheet.shape[:2]
    middle = sheet[height // 2]
    grey = np.flatnonzero(np.abs(middle - [0xC9, 0xCE, 0xD8]).max(-1) < 8)
    assert grey.min() > 0.6 * width
    blue = np.abs(sheet - [0x2F, 0x5F, 0xD0]).max(-1) < 40
    assert blue[: height // 2, : width // 2].any()
    assert not blue[: height // 2, width // 2 :].any()


@pytest.mark.parametrize("wrong", [np.zeros(0), np.array([1.0, np.nan])])
def test_histogram_wants_numbers(wrong):
    with pytest.raises(InputError, match="finite generated values"):
        histogram_png(wrong, np.ones(3), "x")
    assert histogram_png(np.ones(3), np.ones(3), "one value only")


def test_page_shows_counts_and_pictures(rows):
    train = {name: np.linspace(0, 1, 20) for name in ("qed", "logp", "sa", "weight")}
    model = {"n": 5, "fcd": 1.25, "nspdk": 0.5}
    figures = {"n_reference": 100, "model": model, "floor": {**model, "fcd": 0.75}}
    page = molecules_page(rows, title="<Molecules>", command="sicore", train=train, figures=figures)
    html = page.render()
    assert "&lt;Molecules&gt;" in html
    assert "5 of 6" in html  # valid
    assert "4 of 5" in html  # new
    assert html.count("data:image/png;base64,") == 5
    assert "<td>1.25</td><td>0.75</td>" in html


def test_page_without_a_valid_molecule(batch):
    html = molecules_page(describe(batch[4:5], QM9_VOCABULARY), title="x", command="y").render()
    assert "0 of 1" in html
    assert "data:image" not in html
