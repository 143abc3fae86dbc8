"""Training: resumed bit by bit, stopped cleanly, never written over."""

import json
import os
import re
import socket
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

import sicore
from sicore.config import dump_config
from sicore.errors import InputError
from sicore.hub import load
from sicore.training import checkpoint, train

RUN = """
import sys
from pathlib import Path
from sicore.config import load_config
from sicore.training import train
train(load_config(sys.argv[1]), Path(sys.argv[2]), device="cpu", progress=False)
"""


def started(config, folder, tmp_path, plugin, **environment):
    """A training in a process of its own."""
    path = tmp_path / "config.yaml"
    path.write_text(dump_config(config))
    env = {**os.environ, "PYTHONPATH": str(plugin), "OMP_NUM_THREADS": "1", **environment}
    command = [sys.executable, "-c", RUN, str(path), str(folder)]
    return subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True)


def quiet(config, folder, **options):
    return train(config, folder, device="cpu", progress=False, **options)


def metrics(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def same_tensors(a, b):
    first, second = load_file(a), load_file(b)
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), f"{a.name}: {name} differs"


@pytest.fixture
def whole(configured, tmp_path):
    """An uninterrupted training."""
    return quiet(configured(), tmp_path / "whole")


def test_a_killed_training_goes_on_bit_by_bit(configured, whole, toy, tmp_path):
    folder = tmp_path / "killed"
    process = started(configured(), folder, tmp_path, toy, TOY_KILL="25")
    _, err = process.communicate(timeout=300)
    assert process.returncode == -9, err
    assert [p.name for p in checkpoint.checkpoints(folder)] == ["checkpoint-20"]
    assert not (folder / "model.safetensors").exists()
    quiet(configured(), folder, resume=True)
    for name in ("network", "ema", "optimizer"):
        path = f"checkpoint-30/{name}.safetensors"
        same_tensors(folder / path, whole / path)
    same_tensors(folder / "model.safetensors", whole / "model.safetensors")
    steps = [entry["step"] for entry in metrics(folder)]
    assert steps == list(range(1, 31))
    for entry, other in zip(metrics(folder), metrics(whole), strict=True):
        assert entry["loss"] == other["loss"] and entry["learning_rate"] == other["learning_rate"]


def test_what_a_kill_may_leave_behind_is_cleaned_up(configured, whole, tmp_path, monkeypatch):
    """A partial checkpoint, entries past the last whole one, and a line that is cut."""
    folder = tmp_path / "left"
    monkeypatch.setenv("TOY_NAN", "25")
    with pytest.raises(InputError, match="the loss is nan at step 25"):
        quiet(configured(), folder)
    monkeypatch.delenv("TOY_NAN")
    (folder / ".checkpoint-30").mkdir()
    (folder / ".checkpoint-30/network.safetensors").write_bytes(b"half")
    with (folder / "metrics.jsonl").open("a") as log:
        log.write('{"step": 2')
    assert len((folder / "metrics.jsonl").read_text().splitlines()) == 25
    quiet(configured(), folder, resume=True)
    assert [entry["step"] for entry in metrics(folder)] == list(range(1, 31))
    same_tensors(folder / "model.safetensors", whole / "model.safetensors")
    assert not (folder / ".checkpoint-30").exists()


def test_a_checkpoint_appears_whole_or_not_at_all(configured, tmp_path, monkeypatch):
    folder, written = tmp_path / "model", []
    genuine = checkpoint.write_json

    def failing(path, content):
        written.append(path)
        if len(written) == 2:
            raise OSError("disk full")
        genuine(path, content)

    monkeypatch.setattr(checkpoint, "write_json", failing)
    with pytest.raises(OSError, match="disk full"):
        quiet(configured(), folder)
    assert [p.name for p in checkpoint.checkpoints(folder)] == ["checkpoint-10"]
    for name in ("network", "ema", "optimizer"):
        load_file(folder / f"checkpoint-10/{name}.safetensors")


def test_resuming_a_finished_training_changes_nothing(configured, whole):
    before = (whole / "model.safetensors").read_bytes()
    quiet(configured(), whole, resume=True)
    assert (whole / "model.safetensors").read_bytes() == before
    assert [entry["step"] for entry in metrics(whole)] == list(range(1, 31))


def test_resume_without_a_checkpoint_starts_anew(configured, whole, tmp_path):
    quiet(configured(), tmp_path / "new", resume=True)
    same_tensors(tmp_path / "new/model.safetensors", whole / "model.safetensors")


def test_another_configuration_is_refused(configured, whole):
    with pytest.raises(InputError, match="was made with another configuration"):
        quiet(configured(learning_rate=0.5), whole, resume=True)


def test_an_existing_model_is_not_written_over(configured, whole):
    before = (whole / "model.safetensors").read_bytes()
    with pytest.raises(InputError, match=re.escape(f"'{whole}' exists")):
        quiet(configured(), whole)
    assert (whole / "model.safetensors").read_bytes() == before
    quiet(configured(seed=1), whole, overwrite=True)
    assert (whole / "model.safetensors").read_bytes() != before


def test_the_seed_decides_everything(configured, whole, tmp_path):
    quiet(configured(), tmp_path / "same")
    same_tensors(tmp_path / "same/model.safetensors", whole / "model.safetensors")
    quiet(configured(seed=1), tmp_path / "other")
    first, second = (load_file(f / "model.safetensors") for f in (whole, tmp_path / "other"))
    assert not all(torch.equal(first[name], second[name]) for name in first)


def test_the_loss_falls(configured, tmp_path):
    quiet(configured(steps=300, batch_size=50, checkpoint_every=300), tmp_path / "model")
    losses = [entry["loss"] for entry in metrics(tmp_path / "model")]
    assert sum(losses[-50:]) < 0.8 * sum(losses[:50])


@pytest.mark.parametrize(("log_every", "at"), [(1, 15), (7, 19), (100, 19), (100, 11)])
def test_a_loss_that_is_not_finite_stops_and_keeps_good_checkpoints(
    configured, tmp_path, monkeypatch, log_every, at
):
    """Also when the log does not look at the step where it happens, and a checkpoint is due."""
    monkeypatch.setenv("TOY_NAN", str(at))
    folder = tmp_path / "model"
    with pytest.raises(InputError, match=r"training: the loss is nan at step \d+"):
        quiet(configured(log_every=log_every), folder)
    (kept,) = checkpoint.checkpoints(folder)
    assert kept.name == "checkpoint-10"
    for name in ("network", "ema"):
        tensors = load_file(kept / f"{name}.safetensors")
        assert all(bool(tensor.isfinite().all()) for tensor in tensors.values())
    assert not (folder / "model.safetensors").exists()
    assert all(entry["loss"] == entry["loss"] for entry in metrics(folder))


def test_the_folder_is_a_model(configured, whole):
    model = load(whole)
    assert model.domain.scale == 2.0  # filled in from the data
    assert model.metrics["training"] == {"steps": 30}
    card = (whole / "README.md").read_text()
    for text in ("toy/points", "Points", "CC0", "drawn by the tests", "30 steps of 8"):
        assert text in card
    same = load_file(whole / "checkpoint-30/ema.safetensors")
    for name, tensor in model.network.state_dict().items():
        assert torch.equal(tensor, same[name])
    assert sicore.train is train


def test_nothing_but_the_model_is_left(whole):
    expected = {"README.md", "checkpoint-30", "config.yaml", "metrics.json", "metrics.jsonl"}
    assert {p.name for p in whole.iterdir()} == {*expected, "model.safetensors"}


def test_metrics_hold_what_is_needed(whole, configured):
    entries, settings = metrics(whole), configured().training
    assert set(entries[0]) == {"step", "loss", "grad_norm", "learning_rate", "seconds"}
    warm = [settings.learning_rate * min(1, (i + 1) / 5) for i in range(30)]
    wave = torch.cos(torch.arange(30, dtype=torch.float64) * torch.pi / 30)
    expected = [w * 0.5 * (1 + float(c)) for w, c in zip(warm, wave, strict=True)]
    assert [e["learning_rate"] for e in entries] == pytest.approx(expected, rel=1e-12)


def test_a_constant_schedule(configured, tmp_path):
    quiet(configured(schedule="constant", warmup_steps=0, steps=3), tmp_path / "model")
    assert [e["learning_rate"] for e in metrics(tmp_path / "model")] == [1e-2] * 3


LEARNING = {"time_law": {"name": "learned-importance", "bins": 4, "history": 20}}


def test_two_processes_train_the_same_model(configured, toy, tmp_path):
    """Two real processes (gloo), with slices of 3 and of 4, and a law that learns from both.

    Losses, weights and law are those of one process, up to rounding.
    """
    config, folder = configured(LEARNING, batch_size=7), tmp_path / "two"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    shared |= {"ACCELERATE_USE_CPU": "true", "LOCAL_WORLD_SIZE": "2"}
    processes = [
        started(config, folder, tmp_path, toy, RANK=rank, LOCAL_RANK=rank, **shared)
        for rank in ("0", "1")
    ]
    one = quiet(config, tmp_path / "one")
    errors = [process.communicate(timeout=300)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    losses = [entry["loss"] for entry in metrics(folder)]
    assert losses == pytest.approx([entry["loss"] for entry in metrics(one)], rel=1e-4)
    assert [entry["step"] for entry in metrics(folder)] == list(range(1, 31))
    for name in ("model", "checkpoint-30/time_law"):
        first, second = (load_file(f / f"{name}.safetensors") for f in (folder, one))
        for key, tensor in first.items():
            torch.testing.assert_close(tensor, second[key], rtol=1e-3, atol=1e-4)


def test_what_a_time_law_has_learned_goes_on_bit_by_bit(configured, toy, tmp_path):
    config = configured(LEARNING)
    whole, folder = quiet(config, tmp_path / "whole"), tmp_path / "killed"
    process = started(config, folder, tmp_path, toy, TOY_KILL="25")
    _, err = process.communicate(timeout=300)
    assert process.returncode == -9, err
    kept = load_file(folder / "checkpoint-20/time_law.safetensors")
    assert kept["counts"].min() > 10  # it has left the uniform law
    quiet(config, folder, resume=True)
    same_tensors(folder / "model.safetensors", whole / "model.safetensors")
    law = "checkpoint-30/time_law.safetensors"
    same_tensors(folder / law, whole / law)
    for entry, other in zip(metrics(folder), metrics(whole), strict=True):
        assert entry["loss"] == other["loss"]


def test_a_law_that_learns_nothing_is_not_saved(whole):
    assert not (whole / "checkpoint-30/time_law.safetensors").exists()


def test_settings_that_this_machine_cannot_do_are_refused(configured, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(InputError, match="device 'cuda': this torch sees no GPU"):
        train(configured(), tmp_path / "model", device="cuda", progress=False)
    with pytest.raises(InputError, match=r"training\.precision: fp16 needs a GPU"):
        quiet(configured(precision="fp16"), tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("setting", [{"precision": "bf16"}, {"channels_last": True}])
def test_other_settings_train_too(configured, tmp_path, setting):
    folder = quiet(configured(steps=5, **setting), tmp_path / "model")
    assert all(t.isfinite().all() for t in load_file(folder / "model.safetensors").values())
    assert all(t.dtype == torch.float32 for t in load_file(folder / "model.safetensors").values())
