"""How fast the command line answers: ``sicore --help``, and whether it imports torch.

The aim is less than 0.5 seconds, without torch.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from common import arguments, record, summary

PROGRAM = Path(sys.executable).parent / "sicore"
COMMANDS = {
    "sicore --help": [str(PROGRAM), "--help"],
    "sicore sample --help": [str(PROGRAM), "sample", "--help"],
    "sicore plugins": [str(PROGRAM), "plugins"],
    "python -c pass": [sys.executable, "-c", "pass"],
    "import torch": [sys.executable, "-c", "import torch"],
}
PROBE = """
import sys
from sicore.cli import main
sys.argv = ["sicore", "--help"]
try:
    main()
except SystemExit:
    pass
sys.exit(77 if "torch" in sys.modules else 0)
"""


def timed(command: list[str]) -> tuple[float, float]:
    """Wall and CPU seconds of a process."""
    before, start = os.times(), time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    wall, after = time.perf_counter() - start, os.times()
    cpu = after.children_user + after.children_system - before.children_user
    return wall, cpu - before.children_system


def main() -> None:
    options = arguments(__doc__)
    figures: dict[str, object] = {"aim for sicore --help in seconds": 0.5}
    for name, command in COMMANDS.items():
        runs = 3 if options.quick or name == "import torch" else 15
        timed(command)
        times = [timed(command) for _ in range(runs)]
        wall, cpu = zip(*times, strict=True)
        figures[name] = {
            "wall seconds": summary(wall),
            "CPU seconds": summary(cpu),
            "least wall seconds": round(min(wall), 4),
        }
    probe = subprocess.run([sys.executable, "-c", PROBE], stdout=subprocess.DEVNULL, check=False)
    figures["sicore --help imports torch"] = probe.returncode == 77
    record("startup", options, figures)


if __name__ == "__main__":
    main()
