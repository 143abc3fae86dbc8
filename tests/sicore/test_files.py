import json

import pytest

from sicore.errors import InputError
from sicore.files import check_output, output_folder


def write(folder, overwrite=False, **files):
    with output_folder(folder, overwrite, {"seed": 1}) as staging:
        for name, text in files.items():
            (staging / name).write_text(text)
            (staging / name).chmod(0o600)  # as some libraries write


def test_files_and_manifest(tmp_path):
    write(tmp_path / "new" / "out", a="1", b="2")
    folder = tmp_path / "new" / "out"
    assert json.loads((folder / "manifest.json").read_text()) == {"seed": 1, "files": ["a", "b"]}
    assert sorted(p.name for p in folder.iterdir()) == ["a", "b", "manifest.json"]
    assert [p.name for p in folder.parent.iterdir()] == ["out"]
    assert all(p.stat().st_mode & 0o777 == 0o644 for p in folder.iterdir())


def test_nothing_is_left_after_a_failure(tmp_path):
    with pytest.raises(RuntimeError), output_folder(tmp_path / "out", False, {}) as staging:
        (staging / "a").write_text("1")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_needs_overwrite_which_removes_the_earlier_run_only(tmp_path):
    folder = tmp_path / "out"
    write(folder, a="1", b="2")
    (folder / "mine.txt").write_text("keep")
    with pytest.raises(InputError, match="--overwrite"):
        write(folder, c="3")
    write(folder, overwrite=True, a="4")
    assert sorted(p.name for p in folder.iterdir()) == ["a", "manifest.json", "mine.txt"]
    assert (folder / "a").read_text() == "4"


def test_a_folder_of_something_else_is_never_written_into(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="not written by sicore"):
        check_output(tmp_path, overwrite=True)
    with pytest.raises(InputError, match="is a file"):
        check_output(tmp_path / "thesis.txt", overwrite=True)
    check_output(tmp_path / "new", overwrite=False)


def test_a_manifest_cannot_name_files_outside(tmp_path):
    (tmp_path / "outside").write_text("keep")
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps({"files": ["../outside"]}))
    write(folder, overwrite=True, a="1")
    assert (tmp_path / "outside").exists()
