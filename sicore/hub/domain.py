"""What a plugin hands over for one kind of data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from sicore.errors import InputError
from sicore.hub.conditions import Categorical, ConditionKind
from sicore.predictions import Condition
from sicore.states import Noise, State, StateSpace, leaves

if TYPE_CHECKING:
    from sicore.hub.model import Model


class Domain:
    """One kind of data: its state space and how states become what the user knows.

    A plugin registers a subclass; the parameters of its constructor are the ``domain:`` section
    of the configuration, so that a model folder holds all that decoding needs. Only ``name`` and
    ``space`` are required.
    """

    name: ClassVar[str]
    space: StateSpace
    conditions: Mapping[str, ConditionKind] = {}
    suffixes: ClassVar[frozenset[str]] = frozenset()
    """The endings of the files that ``read`` understands, in lower case, such as ``.png``."""
    metric_choice: ClassVar[bool] = False
    """Whether ``evaluate`` takes ``metrics``, names in the registry's group ``metric``."""

    def categories(self, name: str) -> Categorical:
        """The condition of this name, a choice; one of no values if the domain has none such."""
        condition = self.conditions.get(name)
        return condition if isinstance(condition, Categorical) else Categorical(0)

    def space_of(self, x: State, condition: Condition = None) -> StateSpace:
        """The space of these states, which training draws noise in.

        It is ``space``, unless states are padded, so that each has entries of its own
        (`sicore.states.MaskedSpace`), or noise of its own (`sicore.states.CorrelatedSpace`).

        Args:
            x: states.
            condition: what a dataset gives with them.
        """
        return self.space

    def space_for(self, noise: Noise, condition: Condition) -> StateSpace:
        """The space that samples are drawn in: ``space``, unless each has entries of its own.

        Args:
            noise: the streams of the samples, for what is not given.
            condition: what was asked for.
        """
        return self.space

    def encode(self, items: Any) -> State:
        """Raw items to states: standardised, mean 0 and variance 1 over the data."""
        return items

    def decode(self, x: State) -> Any:
        """States to the user's objects; the inverse of ``encode`` up to rounding."""
        return x

    def read(self, path: Path, *, resize: bool = False) -> Any:
        """One item of a user's file, with a batch axis of 1.

        Args:
            path: the file.
            resize: fit an item of another size, if the domain can.
        """
        raise InputError(f"{path}: the domain '{self.name}' reads no files")

    def save(self, decoded: Any, folder: Path, *, stem: str = "sample") -> Sequence[Path]:
        """Write the user's files; the default is one safetensors file."""
        from safetensors.torch import save_file

        path = folder / f"{stem}s.safetensors"
        save_file({k or "x": v.contiguous() for k, v in leaves(decoded).items()}, path)
        return [path]

    def evaluate(self, model: Model, *, n: int, seed: int = 0, **options: Any) -> dict[str, Any]:
        """Metrics of a model's samples beside held-out data.

        The default compares n unconditional samples with n test states, by energy distance and
        sliced Wasserstein distance; the floor is the same for training states.

        Args:
            model: of this domain.
            n: how many samples.
            seed: of the samples.
            options: passed on to ``Model.sample``.
        """
        from sicore.evaluation import energy_distance, sliced_wasserstein

        train, test = (model.config.data.build(split=split) for split in ("train", "test"))
        count = min(n, len(train), len(test))
        held, real = (self._flat(data, count) for data in (test, train))
        drawn = model.sample(count, seed=seed, **options)
        made = flat(drawn.x).cpu()
        figures = {"energy_distance": energy_distance, "sliced_wasserstein": sliced_wasserstein}
        return {
            "n": count,
            "nfe": drawn.nfe,
            "model": {name: figure(made, held) for name, figure in figures.items()},
            "floor": {name: figure(real, held) for name, figure in figures.items()},
        }

    def likelihood(self, model: Model, *, n: int, seed: int = 0, **options: Any) -> dict[str, Any]:
        """The log-likelihood of n held-out items in the domain's own unit.

        Args:
            model: of this domain.
            n: how many items.
            seed: of the items and of what the estimate draws.
            options: ``steps``, ``progress``.

        Raises:
            InputError: the default, for a domain that has no unit for it.
        """
        raise InputError(f"the domain '{self.name}' measures no likelihood")

    def _flat(self, dataset: Any, n: int) -> Tensor:
        items, _ = dataset.batch(torch.linspace(0, len(dataset) - 1, n).long())
        return flat(self.encode(items))


def flat(x: State) -> Tensor:
    """States as vectors ``(B, size)``, leaf after leaf."""
    return torch.cat([leaf.flatten(1) for leaf in leaves(x).values()], 1)
