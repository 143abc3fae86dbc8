"""Pictures of molecules: a grid with captions, the scaffold laid out alike and highlighted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rdkit import Chem
from rdkit.Chem import Crippen, rdCoordGen, rdDepictor
from rdkit.Chem.Draw import rdMolDraw2D
from rdkit.Chem.QED import qed

from sicore.errors import InputError

PANEL = (190, 185)  # pixels of one molecule, across and down
COLUMNS = 5
HIGHLIGHT = (1.0, 0.85, 0.5)
Mols = Sequence[Chem.Mol | None]


def caption(mol: Chem.Mol | None) -> str:
    """QED and logP of a molecule, or that it is none."""
    if mol is None:
        return "not valid"
    logp = round(Crippen.MolLogP(mol), 1) + 0.0  # no negative zero
    return f"QED {qed(mol):.2f}   logP {logp:.1f}"


def molecules_png(
    mols: Mols, columns: int = COLUMNS, *, scaffold: Chem.Mol | None = None, limit: int = 100
) -> bytes:
    """A grid of molecules as the bytes of a PNG file.

    Args:
        mols: sanitised; None leaves a place empty, with the caption "not valid".
        columns: in a row.
        scaffold: a substructure; where it is found, it is highlighted, and drawn in the same way
            in every molecule.
        limit: how many are drawn at most, the first ones.

    Raises:
        InputError: when there is nothing to draw.
    """
    grid = _Grid(mols, columns, scaffold, limit)
    drawer = rdMolDraw2D.MolDraw2DCairo(*grid.size, *PANEL)
    return bytes(grid.drawn(drawer))


def molecules_svg(
    mols: Mols, columns: int = COLUMNS, *, scaffold: Chem.Mol | None = None, limit: int = 100
) -> str:
    """The same as an SVG file's text, letters drawn as outlines: it looks alike everywhere.

    Raises:
        InputError: when there is nothing to draw.
    """
    grid = _Grid(mols, columns, scaffold, limit)
    drawer = rdMolDraw2D.MolDraw2DSVG(*grid.size, *PANEL, False)  # with FreeType
    return str(grid.drawn(drawer))


class _Grid:
    """What is drawn, whatever the kind of picture."""

    def __init__(self, mols: Mols, columns: int, scaffold: Chem.Mol | None, limit: int) -> None:
        self.mols = mols[:limit]
        if not self.mols or columns < 1:
            raise InputError(
                f"picture: expected molecules and a column for them, got {len(self.mols)} and "
                f"{columns}"
            )
        columns = min(columns, len(self.mols))
        self.size = (columns * PANEL[0], -(-len(self.mols) // columns) * PANEL[1])
        self.scaffold = _laid_out(scaffold) if scaffold is not None else None

    def drawn(self, drawer: Any) -> Any:
        """The finished picture."""
        options = drawer.drawOptions()
        options.legendFontSize = 15
        options.legendFraction = 0.18
        options.padding = 0.08
        options.drawMolsSameScale = False
        options.fixedBondLength = 26  # pixels, where there is room for it
        options.bondLineWidth = 1.5
        options.includeMetadata = False
        options.setHighlightColour(HIGHLIGHT)
        marked = [self._marked(mol) for mol in self.mols]
        drawer.DrawMolecules(
            [self._placed(mol) for mol in self.mols],
            legends=[caption(mol) for mol in self.mols],
            highlightAtoms=[atoms for atoms, _ in marked],
            highlightBonds=[bonds for _, bonds in marked],
        )
        drawer.FinishDrawing()
        return drawer.GetDrawingText()

    def _placed(self, mol: Chem.Mol | None) -> Chem.Mol:
        if mol is None:
            return _nothing()  # of an empty molecule RDKit does not even write the caption
        copy = Chem.Mol(mol)
        if self.scaffold is not None and copy.HasSubstructMatch(self.scaffold):
            rdDepictor.GenerateDepictionMatching2DStructure(copy, self.scaffold)
        else:
            rdCoordGen.AddCoords(copy)  # draws cages better than the other does
            rdDepictor.StraightenDepiction(copy)
        return rdMolDraw2D.PrepareMolForDrawing(copy, addChiralHs=False)

    def _marked(self, mol: Chem.Mol | None) -> tuple[list[int], list[int]]:
        """Numbers of the scaffold's atoms and bonds, which drawing does not change."""
        if self.scaffold is None or mol is None:
            return [], []
        atoms = list(mol.GetSubstructMatch(self.scaffold))
        ends = [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in self.scaffold.GetBonds()]
        bonds = [mol.GetBondBetweenAtoms(atoms[i], atoms[j]).GetIdx() for i, j in ends if atoms]
        return atoms, bonds


def _nothing() -> Chem.Mol:
    mol = Chem.MolFromSmiles("*")
    mol.GetAtomWithIdx(0).SetProp("atomLabel", "?")
    return mol


def _laid_out(mol: Chem.Mol) -> Chem.Mol:
    copy = Chem.Mol(mol)
    rdDepictor.Compute2DCoords(copy)  # in the unit of length of the layouts that follow it
    return copy
