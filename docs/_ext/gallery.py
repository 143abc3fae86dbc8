"""The directive ``{gallery} NAME``: a picture of a path, drawn when the docs are built.

Left, the path's own samples in the plane at five times, from its source to eight Gaussians. Right,
the density of a path on the line over time, with trajectories of its ODE where the exact velocity
is known. States are divided by their standard deviation, which changes by the thousandfold on some
paths. Options of a path are given as YAML: ``{gallery} {name: linear-two-sided, gamma: none}``.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, ClassVar

import matplotlib as mpl
import numpy as np
import torch
import yaml
from docutils import nodes
from matplotlib.figure import Figure
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from torch import Tensor

from sicore.config import Component
from sicore.dynamics import PathDynamics
from sicore.exact import ExactPath, GaussianMixture
from sicore.interpolants import Interpolant
from sicore.predictions import VELOCITY
from sicore.solvers import RK4, solve
from sicore.states import Noise

POINTS, COLUMNS, LINES = 4000, 120, 12
INK, WARM = "#20364f", "#c4562f"
PANELS = (0.0, 0.25, 0.5, 0.75, 1.0)


def checkerboard(noise: Noise) -> Tensor:
    """Points on the dark squares of a 4 × 4 board over [−2, 2]²."""
    x = 4 * noise.named("board").uniform() - 2
    row = 2 * torch.floor(2 * noise.named("row").uniform()) + torch.floor(x) % 2
    return torch.stack((x, row - 2 + noise.named("place").uniform()), 1)


def eight_gaussians(noise: Noise) -> Tensor:
    """Eight Gaussians of deviation 0.15 on a circle of radius 1.4."""
    angle = 2 * math.pi / 8 * torch.floor(8 * noise.named("which").uniform())
    centre = 1.4 * torch.stack((angle.cos(), angle.sin()), 1)
    return centre + 0.15 * noise.named("spread").normal((2,), torch.float64)


def line_law(*modes: tuple[float, float, float]) -> GaussianMixture:
    """A mixture on the line from (weight, mean, deviation)."""
    table = torch.tensor(modes, dtype=torch.float64)
    return GaussianMixture(table[:, 0], table[:, 1:2], table[:, 2].square().reshape(-1, 1, 1))


TARGET = line_law((0.35, -1.2, 0.18), (0.65, 0.75, 0.3))
SOURCE = line_law((0.5, -0.3, 0.25), (0.5, 1.5, 0.2))


class Gallery(SphinxDirective):
    """One path: its picture."""

    required_arguments: ClassVar[int] = 1
    final_argument_whitespace: ClassVar[bool] = True

    def run(self) -> list[nodes.Node]:
        """Draw the picture into the output, and show it."""
        entry = yaml.safe_load(self.arguments[0])
        component = Component.parse("interpolant", entry)
        name = "-".join(str(v) for v in _words(component.plain())).replace(" ", "")
        folder = Path(self.env.app.outdir) / "_images"
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"gallery-{name[:80]}.png"
        draw(component.build(), target)
        alt = f"Samples of the path {component.name} over time, and its density over time"
        html = f'<img class="gallery" src="_images/{target.name}" alt="{alt}" loading="lazy">'
        return [nodes.raw("", html, format="html")]


def _words(entry: Any) -> list[Any]:
    if isinstance(entry, dict):
        return [word for value in entry.values() for word in _words(value)]
    return [] if isinstance(entry, list) else [entry]


def draw(path: Interpolant, target: Path) -> None:
    """Write the picture of a path."""
    with mpl.rc_context({"font.size": 8, "axes.edgecolor": "#b8c0ca", "text.color": INK}):
        figure = Figure(figsize=(9.6, 1.55), dpi=130, facecolor="white")
        places = figure.add_gridspec(1, 7, width_ratios=[1, 1, 1, 1, 1, 0.12, 2.5], wspace=0.08)
        _planes(path, [figure.add_subplot(places[0, i]) for i in range(5)])
        _density(path, figure.add_subplot(places[0, 6]))
        figure.savefig(target, bbox_inches="tight", pad_inches=0.05)


def _planes(path: Interpolant, panels: list[Any]) -> None:
    noise = Noise.of(0, POINTS)
    x1 = eight_gaussians(noise)
    x0 = checkerboard(noise) if path.two_sided else None
    z = path.latent(noise.named("latent"), x1)
    for axes, t in zip(panels, PANELS, strict=True):
        x = _scaled(path, t, path.sample(x0, x1, torch.tensor(t), z).x_t)
        axes.plot(*x.T.numpy(), ",", color=INK, alpha=0.6)
        axes.set(xlim=(-2.6, 2.6), ylim=(-2.6, 2.6), xticks=[], yticks=[], aspect="equal")
        axes.set_title(f"t = {t:g}", color=INK, fontsize=8, pad=3)


def _density(path: Interpolant, axes: Any) -> None:
    noise, times = Noise.of(1, 40_000), np.linspace(0, 1, COLUMNS)
    x1 = TARGET.sample(noise)
    x0 = SOURCE.sample(noise.named("source")) if path.two_sided else None
    z = path.latent(noise.named("latent"), x1)
    edges = np.linspace(-3, 3, 161)
    columns = []
    for t in times:
        x = _scaled(path, t, path.sample(x0, x1, torch.tensor(t), z).x_t)
        height, _ = np.histogram(x.numpy().ravel(), edges, density=True)
        columns.append(height / max(height.max(), 1e-9))
    image = np.stack(columns, 1) ** 0.7
    axes.imshow(image, origin="lower", aspect="auto", extent=(0, 1, -3, 3), cmap="Blues", vmax=1.3)
    if path.gaussian:
        for line in _trajectories(path):
            axes.plot(*line, color=WARM, lw=0.7)
    axes.set(xlim=(0, 1), ylim=(-3, 3), yticks=[], xticks=[0, 0.5, 1])
    axes.set_title("density and ODE" if path.gaussian else "density", fontsize=8, pad=3)


def _trajectories(path: Interpolant) -> list[tuple[np.ndarray, np.ndarray]]:
    """Solutions of the exact ODE from evenly spread quantiles of the law at its start."""
    law = ExactPath(path, TARGET, SOURCE if path.two_sided else None)
    times = torch.linspace(0, 1, 201, dtype=torch.float64)
    starts = law.marginal(0.0).sample(Noise.of(2, 4000)).sort(0).values
    x = starts[torch.linspace(40, 3959, LINES).long()]
    kept = [_scaled(path, 0.0, x)]

    def keep(step: Any) -> None:
        kept.append(_scaled(path, float(step.s), step.x))

    solve(PathDynamics(law.prediction(VELOCITY)), x, times, RK4(), callbacks=(keep,))
    lines = torch.stack(kept).squeeze(-1).T.numpy()
    return [(times.numpy(), line) for line in lines]


def _scaled(path: Interpolant, t: float, x: Any) -> Tensor:
    """The state over the root mean square that data of unit variance would have."""
    p = path.at(t)
    size = (p.alpha**2 + p.beta**2 + p.gamma**2).sqrt()
    return torch.as_tensor(x) / size


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("gallery", Gallery)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
