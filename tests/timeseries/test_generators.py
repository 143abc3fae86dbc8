"""Training, drawing and storing of any generator, by a small one whose answers are known."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from sicore.errors import InputError, UnknownName
from sicore.states import Noise
from sicore_timeseries.generators import store
from sicore_timeseries.generators.base import Generator
from sicore_timeseries.generators.store import load_generator, new_generator, save_generator


class Levels(Generator):
    """Normal windows with a mean and a deviation of each channel: its likelihood is exact."""

    def __init__(self, channels: int, width: float = 1.0) -> None:
        super().__init__()
        self.channels, self.width = channels, width
        self.mean = nn.Parameter(torch.randn(channels))
        self.log_deviation = nn.Parameter(torch.zeros(channels))

    def losses(self, windows: Tensor, times: Tensor, noise: Noise) -> Tensor:
        z = (windows.nan_to_num() - self.mean) / self.log_deviation.exp()
        each = z.square() / 2 + self.log_deviation + 0.1 * noise.normal(z.shape[1:]) * self.mean
        return torch.where(windows.isnan(), 0, each).sum((1, 2))

    def generate(self, times: Tensor, noise: Noise) -> Tensor:
        z = noise.normal((times.shape[-1], self.channels))
        return self.mean + self.log_deviation.exp() * z


class Here:
    Levels = Levels


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(store.KINDS, "levels", "levels:Levels")
    there = store.import_module
    monkeypatch.setattr(
        store, "import_module", lambda name: Here if name.endswith("levels") else there(name)
    )


def windows(n: int = 400) -> Tensor:
    made = 0.5 + 2 * Noise.of(3, n).normal((6, 2))
    made[::3, 2, 1] = torch.nan
    return made


def test_training_finds_the_mean_and_the_deviation() -> None:
    data, made = windows(), Levels(2)
    history = made.fit(data, steps=600, batch_size=100, learning_rate=0.02, seed=1)
    flat = data.flatten(0, 1)
    torch.testing.assert_close(made.mean.detach(), flat.nanmean(0), atol=0.1, rtol=0)
    deviation = (flat - flat.nanmean(0)).square().nanmean(0).sqrt()
    torch.testing.assert_close(made.log_deviation.exp().detach(), deviation, atol=0.1, rtol=0)
    assert history[-1]["step"] == 600 and history[-1]["loss"] < history[0]["loss"]


def test_a_resumed_training_is_the_uninterrupted_one(tmp_path: Path) -> None:
    data, settings = windows(), {"batch_size": 32, "checkpoint_every": 7, "log_every": 5}
    whole, part, again = (new_generator("levels", {"channels": 2}, seed=5) for _ in range(3))
    entire = whole.fit(data, steps=20, folder=tmp_path / "a", **settings)

    def kill(entry: dict[str, float]) -> None:
        if entry["step"] >= 15:
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        part.fit(data, steps=20, folder=tmp_path / "b", callback=kill, **settings)
    with pytest.raises(InputError, match="resume"):
        again.fit(data, steps=20, folder=tmp_path / "b", **settings)
    resumed = again.fit(data, steps=20, folder=tmp_path / "b", resume=True, **settings)
    assert torch.equal(whole.mean, again.mean) and resumed == entire
    with pytest.raises(InputError, match="other settings"):
        again.fit(data, steps=30, folder=tmp_path / "b", resume=True, seed=1, **settings)


def test_an_interrupt_leaves_a_checkpoint(tmp_path: Path) -> None:
    def stop(entry: dict[str, float]) -> None:
        if entry["step"] == 4:
            os.kill(os.getpid(), signal.SIGINT)

    made = Levels(2)
    with pytest.raises(KeyboardInterrupt):
        made.fit(windows(), steps=50, log_every=4, folder=tmp_path, callback=stop)
    assert [p.name for p in tmp_path.glob("checkpoint-*")] == ["checkpoint-5"]


def test_a_sample_does_not_depend_on_its_batch() -> None:
    made = Levels(2)
    whole = made.sample(7, 5, seed=2)
    assert whole.shape == (7, 5, 2)
    assert torch.equal(made.sample(5, 5, seed=2, batch_size=3), whole[:5])
    assert not torch.equal(made.sample(7, 5, seed=3), whole)


def test_a_folder_gives_the_same_generator_and_nothing_else_does(tmp_path: Path) -> None:
    state = torch.get_rng_state()
    made = new_generator("levels", {"channels": 2, "width": 3.0}, seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    save_generator(made, tmp_path)
    again = load_generator(tmp_path)
    assert again.configuration == {"channels": 2, "width": 3.0}
    assert torch.equal(again.sample(3, 4), made.sample(3, 4))
    (tmp_path / "model.safetensors").write_bytes(b"\x80\x04.")
    with pytest.raises(InputError, match="not a safetensors file"):
        load_generator(tmp_path)
    with pytest.raises(UnknownName, match="koopman-vae"):
        new_generator("koopman", {})
    with pytest.raises(InputError, match="generator 'levels'"):
        new_generator("levels", {"chanels": 2})


def test_bad_input_is_named() -> None:
    made, good = Levels(2), windows(8)
    for bad, message in (
        (good[..., :1], r"expected \(N, T, 2\)"),
        (good[:0], "N >= 1"),
        (good / 0, "infinite"),
        (good * torch.nan, "no entry"),
    ):
        with pytest.raises(InputError, match=message):
            made.fit(bad, steps=1)
    for times, message in (
        (torch.linspace(0, 1, 5), "one for each of 6"),
        (torch.linspace(0, 2, 6), "from 0 to 1"),
        (torch.zeros(6), "rising"),
        (torch.rand(3, 6), r"\(8, T\)"),
    ):
        with pytest.raises(InputError, match=message):
            made.fit(good, times, steps=1)
    with pytest.raises(InputError, match="loss is nan"):
        made.fit(good, steps=3, learning_rate=1e30, log_every=1)
    with pytest.raises(InputError, match="batch_size"):
        made.fit(good, steps=3, batch_size=0)
