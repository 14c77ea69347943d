# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A directory appears complete or not at all, and replaces nothing else."""

import errno
import os

import pytest

from pi_mlir.command_line import UserError
from pi_mlir.output import new_directory, new_file


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def make(path, text, force=False):
    with new_directory(path, "mark", "thing", force) as made:
        (made / "mark").write_text(text)
        assert not path.exists() or force
    return path


def test_appears_at_the_end(tmp_path):
    path = make(tmp_path / "deep" / "out", "new")
    assert names(tmp_path) == ["deep", "deep/out", "deep/out/mark"]
    with pytest.raises(UserError, match="out exists already; give --force"):
        make(path, "newer")
    make(path, "newest", force=True)
    assert (path / "mark").read_text() == "newest"
    assert names(tmp_path) == ["deep", "deep/out", "deep/out/mark"]


def test_a_failure_leaves_the_old_one(tmp_path):
    path = make(tmp_path / "out", "old")
    with pytest.raises(KeyboardInterrupt):
        with new_directory(path, "mark", "thing", force=True) as made:
            (made / "mark").write_text("half")
            raise KeyboardInterrupt
    assert (path / "mark").read_text() == "old"
    assert names(tmp_path) == ["out", "out/mark"]


def test_a_failing_rename_leaves_the_old_one(tmp_path, monkeypatch):
    path = make(tmp_path / "out", "old")
    rename = type(path).rename

    def fail(source, target):
        if source.name == "new":
            raise OSError(errno.ENOSPC, "no room", str(target))
        return rename(source, target)

    monkeypatch.setattr(type(path), "rename", fail)
    with pytest.raises(UserError, match="out: no room"):
        make(path, "new", force=True)
    assert (path / "mark").read_text() == "old"


@pytest.mark.parametrize("name, text", [("out", "old"), ("new", "new")])
def test_a_signal_between_renames_leaves_one(tmp_path, monkeypatch, name, text):
    """It comes after the rename of `name`."""
    path = make(tmp_path / "out", "old")
    rename = type(path).rename

    def interrupt(source, target):
        rename(source, target)
        if source.name == name:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(path), "rename", interrupt)
        with pytest.raises(KeyboardInterrupt):
            make(path, "new", force=True)
    assert (path / "mark").read_text() == text
    assert names(tmp_path) == ["out", "out/mark"]


@pytest.mark.parametrize("kind", ["file", "directory", "broken link"])
def test_other_things_stay(tmp_path, kind):
    path = tmp_path / "out"
    if kind == "file":
        path.write_text("mine")
    elif kind == "directory":
        path.mkdir()
    else:
        path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(UserError, match="out is no thing; --force leaves it"):
        make(path, "new", force=True)
    assert names(tmp_path) == ["out"]


def test_files_are_on_the_disk_before_they_appear(tmp_path, monkeypatch):
    steps = []

    def record(function, describe):
        def recorded(*arguments):
            steps.append(describe(*arguments))
            return function(*arguments)

        return recorded

    def path_of(descriptor):
        return os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}"))

    monkeypatch.setattr(os, "fsync", record(os.fsync, path_of))
    rename, replace = type(tmp_path).rename, type(tmp_path).replace
    shown = lambda path, target: f"now {target.name}"  # noqa: E731
    monkeypatch.setattr(type(tmp_path), "rename", record(rename, shown))
    monkeypatch.setattr(type(tmp_path), "replace", record(replace, shown))
    with new_directory(tmp_path / "out", "mark", "thing") as made:
        (made / "deep").mkdir()
        for name in ("mark", "deep/file"):
            (made / name).write_text("text")
    flushed = ["deep", "file", "mark", "new"]
    assert sorted(steps[:4]) == flushed and steps[4:] == ["now out", tmp_path.name]
    steps.clear()
    with new_file(tmp_path / "file") as file:
        file.write(b"text")
    assert steps[0].startswith(".file.") and steps[1:] == ["now file", tmp_path.name]


def test_errors_of_a_file_name_it(tmp_path):
    link = tmp_path / "link"
    link.symlink_to("/dev/full")
    for path, message in ((link, "No space"), (tmp_path / "no" / "x", "No such file")):
        with pytest.raises(OSError, match=message) as caught:
            with new_file(path) as file:
                file.write(b"text")
        assert caught.value.filename == str(path)
    with pytest.raises(OSError) as caught:
        with new_file(tmp_path / "out"):
            open(tmp_path / "other" / "input")
    assert caught.value.filename == str(tmp_path / "other" / "input")


def test_a_file_appears_at_the_end(tmp_path):
    path, link = tmp_path / "out", tmp_path / "link"
    link.symlink_to(path)
    for text in (b"first", b"second"):
        with new_file(link) as file:
            file.write(text)
            assert text == b"first" or path.read_bytes() == b"first"
    with pytest.raises(KeyboardInterrupt):
        with new_file(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt
    assert path.read_bytes() == b"second" and link.is_symlink()
    assert names(tmp_path) == ["link", "out"]


def test_what_is_no_regular_file_is_written_as_it_is(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with new_file(path) as file:
        file.write(b"text")
    assert os.read(reader, 9) == b"text" and path.is_fifo()
    os.close(reader)
    assert names(tmp_path) == ["pipe"]
