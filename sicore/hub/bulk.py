"""Sampling in bulk: chunks of a seed's samples, in this process or sharded over several.

A chunk is one batch, or several where samples arrive at different times, so whatever the number of
processes the network sees the same batches, and sample number k of a seed is the same.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from sicore.errors import InputError, SicoreError
from sicore.hub.model import Model, load
from sicore.hub.plan import built, travelling
from sicore.hub.samples import Samples
from sicore.states import State, concatenate, leaves, take, to
from sicore.states import batch_size as batch_count


@dataclass(frozen=True)
class Chunk:
    """Samples number ``first`` to ``first + count − 1``, with their condition and source states."""

    first: int
    count: int
    condition: Mapping[str, Any] | None
    x0: State | None


def sample_bulk(
    model: Model,
    n: int,
    *,
    processes: int = 1,
    batch_size: int = 64,
    condition: Mapping[str, Any] | None = None,
    x0: State | None = None,
    advance: Callable[[int], None] | None = None,
    **options: Any,
) -> Samples:
    """Draw samples 0 … n − 1 of a seed, the same ones for any number of processes.

    Args:
        model: a copy of it is loaded by each process.
        n: how many samples.
        processes: how many processes share the work. Each uses as many threads as this one, since
            another number would change the rounding; on a CPU, set ``OMP_NUM_THREADS`` to the
            share of one process, for one process and for many.
        batch_size: samples for each network call.
        condition: as in ``Model.sample``.
        x0: source states ``(n, ...)`` of a two-sided path, or None.
        advance: called with the number of samples that were just finished.
        options: passed on to ``Model.sample``; with several processes they must be picklable.

    Returns:
        The samples, on the CPU.

    Raises:
        InputError: a process died, or ``Model.sample`` refuses the options.
    """
    if x0 is not None and batch_count(x0) != n:
        raise InputError(f"x0: expected {n} source states, got {batch_count(x0)}")
    solver, _ = built("solver", options.get("solver") or model.config.sampling.solver)
    size = travelling(solver, batch_size)
    chunks = [
        Chunk(
            first,
            min(size, n - first),
            _part(condition, n, first, size),
            None if x0 is None else take(x0, slice(first, first + size)),
        )
        for first in range(0, n, size)
    ]
    options = {**options, "batch_size": batch_size}
    processes = min(processes, len(chunks))
    draw = _here(model, chunks, options)
    if processes > 1:
        draw = _sharded(model, chunks, options, processes)
    parts: list[Samples] = []
    for part in draw:
        parts.append(part)
        if advance is not None:
            advance(len(part))
    return replace(
        parts[0],
        x=concatenate([part.x for part in parts]),
        status=torch.cat([part.status for part in parts]),
        nfe=max(part.nfe for part in parts),
        calls=_joined([part.calls for part in parts if part.calls is not None]),
        settings={**parts[0].settings, "condition": condition},
    )


def _joined(calls: list[Tensor]) -> Tensor | None:
    return torch.cat(calls) if calls else None


def _part(
    condition: Mapping[str, Any] | None, n: int, first: int, size: int
) -> dict[str, Any] | None:
    """The condition of one chunk: lists of n values are cut, single values hold for all."""
    if condition is None:
        return None
    return {
        name: value[first : first + size]
        if not isinstance(value, (int, float, str)) and len(value) == n
        else value
        for name, value in condition.items()
    }


def _here(model: Model, chunks: list[Chunk], options: Mapping[str, Any]) -> Iterator[Samples]:
    for chunk in chunks:
        with warnings.catch_warnings():  # the caller sees the status of all chunks together
            warnings.filterwarnings("ignore", message=".* samples (are not finite|ran out)")
            part = model.sample(
                chunk.count,
                condition=chunk.condition,
                x0=chunk.x0,
                first_index=chunk.first,
                **options,
            )
        yield replace(part, x=to(part.x, device="cpu"), status=part.status.cpu())


def _sharded(
    model: Model, chunks: list[Chunk], options: Mapping[str, Any], processes: int
) -> Iterator[Samples]:
    others = set(multiprocessing.active_children())
    threads = torch.get_num_threads()  # of each: another number would round otherwise
    with TemporaryDirectory() as scratch:
        folder = model.save_pretrained(Path(scratch) / "model")
        job = (str(folder), str(model.device), model.dtype, options, threads)
        executor = ProcessPoolExecutor(
            processes, multiprocessing.get_context("spawn"), _start, (job,)
        )
        try:
            with _interrupts_ignored():  # inherited: only this process answers Ctrl-C
                futures = [executor.submit(_work, chunk) for chunk in chunks]
            for future in futures:
                packed, rest = future.result()
                yield _unpacked(packed, rest, model)
        except BrokenProcessPool as error:
            raise InputError(
                "a sampling process died, perhaps for lack of memory: "
                "use fewer processes or a smaller batch size"
            ) from error
        except BaseException:
            for child in set(multiprocessing.active_children()) - others:
                child.terminate()
            raise
        finally:
            executor.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


Job = tuple[str, str, torch.dtype, Mapping[str, Any], int]
_worker: dict[str, Any] = {}  # in a worker process: its model and the options


def _start(job: Job) -> None:
    folder, device, dtype, options, threads = job
    torch.set_num_threads(threads)
    _worker.update(model=load(folder, device=device, dtype=dtype), options=options)


def _work(chunk: Chunk) -> tuple[bytes, dict[str, Any]]:
    try:
        (part,) = _here(_worker["model"], [chunk], _worker["options"])
    except SicoreError as error:  # some errors cannot travel between processes; a line can
        raise InputError(str(error)) from None
    tensors = {f"x{name}": leaf.contiguous() for name, leaf in leaves(part.x).items()}
    tensors["status"] = part.status
    if part.calls is not None:
        tensors["calls"] = part.calls
    rest = {"nfe": part.nfe, "seed": part.seed, "settings": part.settings}
    return safetensors.torch.save(tensors), rest


def _unpacked(packed: bytes, rest: Mapping[str, Any], model: Model) -> Samples:
    tensors: dict[str, Tensor] = safetensors.torch.load(packed)
    status, calls = tensors.pop("status"), tensors.pop("calls", None)
    named = {name[1:]: leaf for name, leaf in tensors.items()}
    x: State = named[""] if set(named) == {""} else named
    return Samples(x=x, status=status, domain=model.domain, calls=calls, **rest)
