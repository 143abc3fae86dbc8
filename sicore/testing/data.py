"""Checks of datasets and domains."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sicore.hub import Domain
from sicore.states import leaves, take
from sicore.testing.require import require, require_close, require_state


def check_dataset(dataset: Any) -> None:
    """Check a built dataset: where it comes from, its batches, its domain section.

    Args:
        dataset: an instance of a registered dataset class.
    """
    what = f"dataset {type(dataset).__name__}"
    for key in ("title", "licence", "source"):
        value = getattr(dataset, key, None)
        require(isinstance(value, str) and bool(value), f"{what}: '{key}' must be a sentence")
    require(len(dataset) > 0, f"{what}: it is empty")
    index = torch.arange(min(8, len(dataset)))
    items, labels = dataset.batch(index)
    again, same = dataset.batch(index)
    _equal(items, again, f"{what}: the same indices must give the same items")
    last = index[-1:]
    alone, _ = dataset.batch(last)
    _equal(alone, _rows(items, last), f"{what}: an item must not depend on its batch")
    for name, label in labels.items():
        require(
            isinstance(label, Tensor) and len(label) == len(index),
            f"{what}: condition '{name}' must be a tensor of one value for each item",
        )
        require_close(label, same[name], f"{what}: condition '{name}' must not change")
    section = dataset.domain_config()
    require(
        json.loads(json.dumps(section)) == section,
        f"{what}: domain_config() must be made of numbers, strings, lists and dictionaries",
    )


def check_domain(domain: Domain, items: Any, *, tolerance: float = 1e-2) -> None:
    """Check a built domain on raw items.

    Args:
        domain: an instance of a registered domain class.
        items: a batch as its dataset gives it; 100 items or more also test the standardisation,
            unless the domain says ``standardised = False``.
        tolerance: of encode(decode(x)) to x; rounding to 8 bits is within the default.
    """
    what = f"domain {type(domain).__name__}"
    require(bool(getattr(domain, "name", "")), f"{what}: 'name' is missing")
    x = require_state(domain.encode(items), f"{what}: encode(items)")
    domain.space_of(x).check(x, f"{what}: encode(items)")
    require_close(domain.encode(items), x, f"{what}: encode must be deterministic")
    alone = domain.encode(_rows(items, torch.tensor([0])))
    first = take(x, slice(0, 1))
    require_close(alone, first, f"{what}: encode must treat each item alone", tolerance=1e-5)
    projected = domain.space_of(x).project(x)
    require_close(projected, x, f"{what}: encoded states must lie in the space", tolerance=1e-5)
    decoded = domain.decode(x)
    require_close(
        domain.encode(decoded), x, f"{what}: encode(decode(x)) must be x", tolerance=tolerance
    )
    if len(next(iter(leaves(x).values()))) >= 100 and getattr(domain, "standardised", True):
        _check_standardised(what, x)
    with tempfile.TemporaryDirectory() as name:
        written = domain.save(decoded, Path(name), stem="sample")
        require(bool(written), f"{what}: save must return the files that it wrote")
        for path in written:
            inside = Path(path).is_file() and Path(path).is_relative_to(name)
            require(inside, f"{what}: save returned '{path}', which is no file in the folder")


def _check_standardised(what: str, x: Any) -> None:
    for name, leaf in leaves(x).items():
        where = f"{what}: leaf '{name}'" if name else what
        mean, deviation = float(leaf.double().mean()), float(leaf.double().std())
        require(abs(mean) < 0.5, f"{where}: encoded states must have mean 0, not {mean:.2f}")
        right = 0.5 < deviation < 2
        require(right, f"{where}: encoded states must have variance 1, not {deviation**2:.2f}")


def _rows(items: Any, index: Tensor) -> Any:
    """Some of the items: of a tensor, a dictionary of tensors, a list, or a batch of its own."""
    if isinstance(items, dict):
        return {key: _rows(value, index) for key, value in items.items()}
    return [items[int(i)] for i in index] if isinstance(items, list | tuple) else items[index]


def _equal(a: Any, b: Any, message: str) -> None:
    tensors = isinstance(a, Tensor) or (
        isinstance(a, dict) and all(isinstance(leaf, Tensor) for leaf in a.values())
    )
    if tensors:
        require_close(a, b, message)
    else:
        require(a == b, message)
