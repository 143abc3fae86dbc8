"""The solver that the documentation writes is one."""

import re
from pathlib import Path

from sicore.testing import check_solver

PAGE = Path(__file__).parents[3] / "docs" / "solvers.md"


def test_the_solver_of_the_page():
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (block,) = [text for text in blocks if "TableSolver" in text]
    names = {}
    exec(block, names)
    check_solver(names["Kutta3"]())
