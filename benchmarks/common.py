"""What the benchmarks share: their arguments, the model they time, and the record they leave."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read by torch when it is first imported

RESULTS = Path(__file__).parent / "results"
CLASSES = [f"class {i}" for i in range(10)]
DOMAIN = {"shape": [1, 28, 28], "mean": [0.286], "std": [0.353], "classes": CLASSES}


def arguments(description: str | None, **paths: Path) -> argparse.Namespace:
    """``--quick``, ``--results``, and one option for each of the paths, with its default."""
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, rougher figures")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the JSON file")
    for name, default in paths.items():
        parser.add_argument(f"--{name}", type=Path, default=default)
    return parser.parse_args()


def record(name: str, options: argparse.Namespace, figures: dict[str, Any]) -> None:
    """Write ``NAME.json`` with how it was measured, and print it."""
    script = Path(sys.argv[0]).name
    content = {
        "benchmark": name,
        "command": shlex.join(["python", f"benchmarks/{script}", *sys.argv[1:]]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": options.quick,
        "machine": machine(),
        "versions": {
            "python": platform.python_version(),
            "sicore": version("sicore-platform"),
            "torch": version("torch"),
            "accelerate": version("accelerate"),
        },
        "figures": figures,
    }
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    options.results.mkdir(parents=True, exist_ok=True)
    partial = options.results / f".{name}.json"
    partial.write_text(text, encoding="utf-8")
    partial.replace(options.results / f"{name}.json")
    print(text, end="")


def machine() -> dict[str, Any]:
    """The processor, and how busy it was: other work makes the times long and the ratios noisy."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": int(os.environ["OMP_NUM_THREADS"]),
        "load": None if load is None else round(load, 2),
    }


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def seconds(function: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def interleaved(
    first: Callable[[], object], second: Callable[[], object], pairs: int
) -> list[tuple[float, float]]:
    """Times of the two in turn, so that what else the machine does falls on both alike."""
    first(), second()  # warm-up
    times = []
    for i in range(pairs):
        if i % 2:
            b, a = seconds(second), seconds(first)
        else:
            a, b = seconds(first), seconds(second)
        times.append((a, b))
    return times


def summary(values: Sequence[float], digits: int = 4) -> dict[str, float]:
    """Median and quartiles."""
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    parts = {"median": statistics.median(values), "low quartile": low, "high quartile": high}
    return {name: round(value, digits) for name, value in parts.items()}


def fashion_model() -> Any:
    """The preset ``images/fashion-mnist`` with random weights: no data are needed."""
    import torch

    from sicore.config import load_config
    from sicore.hub import Model
    from sicore.hub.build import build_parts

    config = load_config("images/fashion-mnist")
    config = config.model_copy(update={"domain": config.domain.filled(DOMAIN)})
    torch.manual_seed(0)
    parts = build_parts(config)
    parts.network.eval().requires_grad_(False)
    return Model(config, parts, {})
