"""What every test can rely on: no network, no settings from outside, one thread, one seed."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read by torch when it is first imported
os.environ["HF_HUB_OFFLINE"] = "1"

import pytest


@pytest.fixture(autouse=True)
def no_outside_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's choice of plugins does not reach the tests."""
    for name in ("SICORE_DISABLE", "SICORE_ONLY", "SICORE_DEBUG"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def seeded() -> None:
    """What a test draws without naming a seed is the same in every run."""
    import torch

    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A connection to another machine fails at once; processes on this one may talk."""
    connect = socket.socket.connect

    def local_only(self: socket.socket, address: Any) -> None:
        here = self.family == getattr(socket, "AF_UNIX", None) or (
            isinstance(address, tuple) and address[0] in {"127.0.0.1", "::1", "localhost"}
        )
        if not here:
            raise AssertionError(f"a test tried to reach {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", local_only)
    yield
