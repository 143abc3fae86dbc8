"""The demonstration's panels: samples by class, a hole, a blur, a low resolution."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shutil import copyfile
from typing import Any

import click

from sicore.hub import Model
from sicore.progress import progress_bar
from sicore.report import Page, Section
from sicore_apps.pages import restoration_section, row_figure
from sicore_apps.restoration import restore
from sicore_apps.task import Task
from sicore_images.data.sample import SAMPLES
from sicore_images.domain import as_pictures

PER_CLASS = 8
GUIDANCE = 2.0

LEAD = (
    "A small generative model of pictures of clothes, at work. It was trained once, to turn noise "
    "into such pictures; the same weights draw samples of a class, fill holes, sharpen, enlarge. "
    "A restoration is not one answer but many: each sample agrees with what was seen, and where "
    "they differ, the model does not know."
)
PANELS = (
    (
        "A hole",
        "The middle of a held-out picture is missing. The samples fill it in different ways that "
        "all fit the rim; the deviation is large inside the hole and nearly zero outside.",
        Task("", Path("bag-2.png"), "inpaint", degrade=True),
    ),
    (
        "A blur",
        "The picture was blurred and a little noise was added. Fine structure is drawn anew; the "
        "deviation shows where it could have been otherwise.",
        Task("", Path("ankle-boot-1.png"), "blur", degrade=True),
    ),
    (
        "Four times the resolution",
        "Seven by seven pixels are all that the model was given.",
        Task("", Path("dress-2.png"), "superres", degrade=True),
    ),
)


def tour(model: Model, name: str, *, folder: Path, staging: Path, seed: int) -> Page:
    """Make all panels.

    Args:
        model: a model of grey 28×28 clothes.
        name: as the commands on the page should call it.
        folder: where the user will find the files, as the commands should call it.
        staging: where to write the files now; they are moved to ``folder`` later.
        seed: of everything.
    """
    classes = model.domain.categories("class").names
    tasks = [_task(task, name, folder, staging, seed) for _, _, task in PANELS]
    steps = (len(classes) + len(tasks)) * model.config.sampling.steps
    with progress_bar("demo", steps) as bar:

        def advance(info: Any) -> None:
            bar.advance()

        with _said("samples by class"):
            sections = [_samples(model, name, seed, advance)]
        for (title, text, shown), (task, here) in zip(PANELS, tasks, strict=True):
            with _said(f"{shown.operator}: {shown.input.stem}"):
                result = restore(model, here, callbacks=[advance])
            result.save(staging / shown.operator, model.domain)
            command = task.command(folder / f"{shown.operator}-again")
            sections.append(restoration_section(result, title=title, text=text, command=command))
    footer = (
        f"Model: {name}. Pictures: Fashion-MNIST (© 2017 Zalando SE, MIT licence), from its test "
        "set, which the model has not seen."
    )
    return Page("sicore: one model, many questions", LEAD, sections, footer)


def _task(task: Task, name: str, folder: Path, staging: Path, seed: int) -> tuple[Task, Task]:
    """The task as the user can repeat it, and as it is done now, on the same picture."""
    relative = Path("pictures") / task.input
    (staging / "pictures").mkdir(exist_ok=True)
    copyfile(SAMPLES / task.input, staging / relative)
    told = replace(task, model=name, input=folder / relative, seed=seed)
    return told, replace(told, input=staging / relative)


def _samples(model: Model, name: str, seed: int, advance: Callable[[Any], None]) -> Section:
    names = model.domain.categories("class").names
    figures = []
    for number, label in enumerate(names):
        samples = model.sample(
            PER_CLASS,
            condition={"class": number},
            guidance=GUIDANCE,
            seed=seed,
            callbacks=[advance],
        )
        figures.append(row_figure(as_pictures(samples.decoded), label))
    command = (
        f"for c in $(seq 0 {len(names) - 1}); do sicore sample {shlex.quote(name)} -n {PER_CLASS} "
        f"--class $c --guidance {GUIDANCE:g} --seed {seed} -o samples/$c; done"
    )
    text = (
        f"{PER_CLASS} samples of each class, {samples.nfe} network evaluations each. Column by "
        "column the classes start from the same noise."
    )
    return Section("Samples by class", text, command, figures)


@contextmanager
def _said(what: str) -> Iterator[None]:
    """Say how long a panel took."""
    started = time.monotonic()
    yield
    click.echo(f"{what}: {time.monotonic() - started:.1f} s", err=True)
