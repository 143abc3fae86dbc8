import json
import shlex

import numpy as np
import pytest
import torch
from PIL import Image

import sicore as platform
from sicore_apps.degradation import hole
from sicore_apps.restoration import HOLE_COLOUR, restore
from sicore_apps.task import Task
from sicore_images.data.sample import SAMPLES
from sicore_images.domain import as_pictures

BOOT = SAMPLES / "ankle-boot-1.png"


@pytest.fixture(scope="module")
def model(model_folder):
    return platform.load(model_folder)


def png(path):
    return np.asarray(Image.open(path))


@pytest.mark.parametrize(
    "words",
    [
        ["--operator", "inpaint", "--mask", "box:4,5,10,12"],
        ["--operator", "blur", "--sigma", "2", "--class", "Ankle boot"],
        ["--operator", "superres", "--factor", "2", "--noise", "0.05"],
    ],
)
def test_a_clean_picture_is_degraded_restored_and_shown(sicore, model_folder, tmp_path, words):
    out = tmp_path / "out"
    common = ["restore", model_folder, "--input", BOOT, *words, "--degrade", "--samples", "3"]
    status, said, errors = sicore(*common, "--steps", "2", "-o", out)
    assert status == 0, errors
    assert said.strip() == str(out / "index.html")
    names = {p.name for p in out.iterdir()}
    pictures = {"mean.png", "std.png", "measured.png", "truth.png", "samples.png"}
    assert names == pictures | {f"sample-000{i}.png" for i in range(3)} | {
        "index.html",
        "manifest.json",
    }
    assert (png(out / "truth.png") == png(BOOT)).all()
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["nfe"] == 3  # the last step is one call
    assert set(manifest["psnr"]) == {"mean", "sample"}
    page = (out / "index.html").read_text()
    assert page.count("<img ") == 5
    assert "PSNR of the mean" in page
    # the command on the page and in the manifest does the same again
    again = shlex.split(manifest["command"])
    assert again[0] == "sicore"
    again[again.index("-o") + 1] = str(tmp_path / "again")
    assert sicore(*again[1:])[0] == 0
    for name in sorted(n for n in names if n.endswith(".png")):
        assert (out / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


def test_a_really_degraded_picture_with_a_mask_file(sicore, model_folder, tmp_path):
    damaged = np.array(png(BOOT))
    mask = np.zeros((28, 28), np.uint8)
    mask[10:20, 3:15] = 255
    damaged[mask > 0] = 255  # scratched white
    Image.fromarray(damaged).save(tmp_path / "damaged.png")
    Image.fromarray(mask).save(tmp_path / "hole.png")
    out = tmp_path / "out"
    words = ["--input", tmp_path / "damaged.png", "--operator", "inpaint"]
    words += ["--mask", tmp_path / "hole.png", "--samples", "2", "-o", out]
    status, _, errors = sicore("restore", model_folder, *words)
    assert status == 0, errors
    assert not (out / "truth.png").exists()
    assert json.loads((out / "manifest.json").read_text())["psnr"] is None
    assert "PSNR" not in (out / "index.html").read_text()
    # what the scratch looked like does not matter
    damaged[mask > 0] = np.random.default_rng(0).integers(0, 256, int((mask > 0).sum()))
    Image.fromarray(damaged).save(tmp_path / "damaged.png")
    words[-1] = tmp_path / "other"
    assert sicore("restore", model_folder, *words)[0] == 0
    assert (png(out / "samples.png") == png(tmp_path / "other" / "samples.png")).all()


def test_a_really_small_picture(sicore, model_folder, tmp_path):
    small = Image.fromarray(png(BOOT).reshape(7, 4, 7, 4).mean((1, 3)).astype(np.uint8))
    small.save(tmp_path / "small.png")
    words = ["--operator", "superres", "--samples", "2", "-o", tmp_path / "out"]
    status, _, errors = sicore("restore", model_folder, "--input", tmp_path / "small.png", *words)
    assert status == 0, errors
    assert png(tmp_path / "out" / "mean.png").shape == (28, 28)
    assert png(tmp_path / "out" / "measured.png").shape == (7, 7)


def test_samples_agree_with_what_was_seen(model):
    """Even an untrained model's samples keep to the measurement."""
    seen = []
    for operator in ("inpaint", "superres"):
        task = Task("tiny", BOOT, operator, degrade=True, samples=2, steps=30, noise=0.005)
        result = restore(model, task)
        samples, truth = result.samples, result.truth
        if result.hole is not None:
            seen.append(np.abs(samples - truth)[..., ~result.hole].mean())
        else:
            small = samples.reshape(2, 1, 7, 4, 7, 4).mean((3, 5))
            seen.append(np.abs(small - result.measured).mean())
    assert max(seen) < 0.1


def test_measured_mean_and_deviation(model):
    task = Task("tiny", BOOT, "inpaint", mask="box:0,0,14,28", degrade=True, samples=4, steps=2)
    result = restore(model, task)
    assert result.hole.sum() == 14 * 28
    noise = result.measured[0][14:] - result.truth[0][14:]
    bright = (result.truth[0][14:] > 0.1) & (result.truth[0][14:] < 0.9)
    assert noise[bright].std() == pytest.approx(task.noise, rel=0.35)
    view = np.asarray(result.measured_view())
    assert (view[:14] == HOLE_COLOUR).all()
    assert (view[14:] != HOLE_COLOUR).any(-1).all()
    assert np.allclose(result.mean, result.samples.mean(0))
    assert np.allclose(result.std, result.samples.std(0, ddof=1)[0])
    decibels = -10 * np.log10(((result.mean - result.truth) ** 2).mean())
    assert result.psnr()["mean"] == pytest.approx(decibels, abs=0.01)
    assert result.psnr()["mean"] >= result.psnr()["sample"]


def test_seed_and_class_matter(model):
    base = Task("tiny", BOOT, "superres", degrade=True, samples=2, steps=2)
    first = restore(model, base).samples
    assert (first == restore(model, base).samples).all()
    other = restore(model, Task(**{**vars(base), "seed": 1})).samples
    labelled = restore(model, Task(**{**vars(base), "label": "bag"})).samples
    assert (first != other).any()
    assert (first != labelled).any()


def test_one_sample_has_no_deviation(model):
    task = Task("tiny", BOOT, "blur", degrade=True, samples=1, steps=2)
    assert not restore(model, task).std.any()


def test_masks(tmp_path):
    assert hole("center", (28, 28)).nonzero().min(0).values.tolist() == [7, 7]
    assert hole("center", (28, 28)).sum() == 14 * 14
    box = hole("box:1,2,3,4", (8, 9)).nonzero()
    assert box.min(0).values.tolist() == [1, 2]
    assert box.max(0).values.tolist() == [3, 5]
    Image.fromarray(np.eye(6, dtype=np.uint8) * 255).save(tmp_path / "m.png")
    assert torch.equal(hole(str(tmp_path / "m.png"), (6, 6)), torch.eye(6).bool())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--input", "none.png", "--operator", "blur"], "none.png: no such file"),
        (["--operator", "inpaint", "--mask", "box:1,2,3"], "expected box:top,left,height,width"),
        (["--operator", "inpaint", "--mask", "box:20,20,20,20"], "does not lie in the picture"),
        (["--operator", "inpaint", "--mask", "box:0,0,28,28"], "everything is missing"),
        (["--operator", "inpaint", "--mask", "none.png"], "none.png: no such file"),
        (["--operator", "superres", "--factor", "3"], "--factor 3"),
        (["--operator", "superres"], "28×28 pixels (height × width), expected 7×7"),
        (["--operator", "blur", "--class", "sock"], "unknown condition value 'sock'"),
        (["--operator", "blur", "--method", "pigdn"], "did you mean 'pigdm'"),
        (["--operator", "blur", "--solver", "hein"], "did you mean 'heun'"),
    ],
)
def test_bad_input_is_one_clear_line(sicore, model_folder, tmp_path, words, message):
    given = [] if "--input" in words else ["--input", BOOT]
    status, said, errors = sicore("restore", model_folder, *given, *words, "-o", tmp_path / "out")
    assert status == 1
    assert said == ""
    assert errors.count("\n") == 1
    assert message in errors
    assert not (tmp_path / "out").exists()


def test_usage_errors(sicore, model_folder, tmp_path):
    out = ["-o", tmp_path / "out"]
    assert sicore("restore", model_folder, "--operator", "blur", *out)[0] == 2
    assert sicore("restore", model_folder, "--input", BOOT, "--operator", "smear", *out)[0] == 2
    status, _, errors = sicore(
        "restore", "images/fashion", "--input", BOOT, "--operator", "blur", *out
    )
    assert status == 1
    assert "no model 'images/fashion'" in errors


def test_an_existing_folder_is_kept(sicore, model_folder, tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    words = ["--input", BOOT, "--operator", "blur", "--degrade", "--samples", "1", "--steps", "1"]
    for flags in ([], ["--overwrite"]):
        assert sicore("restore", model_folder, *words, "-o", tmp_path, *flags)[0] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_a_model_of_something_else_is_refused(model):
    class Other:
        name = "molecules"

    class NotPictures:
        domain = Other()

    with pytest.raises(ValueError, match="restore works on pictures"):
        restore(NotPictures(), Task("other", BOOT, "blur"))


def test_commands_leave_defaults_out_and_quote():
    task = Task("m", BOOT, "inpaint")
    assert task.command("o") == f"sicore restore m --input {BOOT} --operator inpaint -o o"
    task = Task("m", BOOT, "blur", sigma=2.0, degrade=True, label="Ankle boot", seed=3)
    assert "--sigma 2.0 --degrade --class 'Ankle boot' --seed 3 -o 'my out'" in task.command(
        "my out"
    )


def test_pictures_can_be_tensors_or_arrays():
    assert as_pictures(torch.ones(1, 1, 2, 2)).dtype == np.float32
    assert as_pictures(np.ones((1, 1, 2, 2))).shape == (1, 1, 2, 2)


def test_samples_that_are_not_finite_are_an_error(model, monkeypatch):
    def broken(*arguments, **options):
        made = type(model).restore(model, *arguments, **options)
        made.status[0] = 1
        return made

    monkeypatch.setattr(model, "restore", broken, raising=False)
    with pytest.raises(ValueError, match=r"1 of 2 samples are not finite.*--noise"):
        restore(model, Task("tiny", BOOT, "blur", degrade=True, samples=2, steps=1))
