# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""scripts/package-gpu-tests makes a whole folder, or none, and deletes no other."""

import tarfile

import pytest
from conftest import load_script

from pi_mlir.command_line import UserError


@pytest.fixture
def package(monkeypatch):
    """The program; it copies a file instead of programs, and compiles nothing."""
    module = load_script("scripts/package-gpu-tests")

    def copy_programs(build, out):
        (out / "bin").mkdir()
        (out / module.PI_TRAIN).write_text("program")

    monkeypatch.setattr(module, "compile_all", lambda *_: 1)
    monkeypatch.setattr(module, "copy_programs", copy_programs)
    return module


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_folder_and_archive(package, tmp_path):
    out = tmp_path / "gpu"
    assert package.main([str(out)]) == 0
    expected = ["gpu", "gpu.tar.gz", "gpu/bin", "gpu/bin/pi-train.gz"]
    assert names(tmp_path) == expected
    with tarfile.open(f"{out}.tar.gz") as archive:
        assert archive.getnames() == ["gpu", "gpu/bin", "gpu/bin/pi-train.gz"]
    with pytest.raises(UserError, match="gpu exists already; give --force"):
        package.main([str(out)])
    assert package.main([str(out), "--force", "--no-tar"]) == 0
    assert names(tmp_path) == expected


def test_other_folders_stay(package, tmp_path, monkeypatch):
    (tmp_path / "notes.txt").write_text("mine")
    monkeypatch.chdir(tmp_path)
    for arguments in (["."], [".", "--force"]):
        with pytest.raises(UserError, match="exists already|is no folder of GPU tests"):
            package.main(arguments)
    assert names(tmp_path) == ["notes.txt"]


def test_a_failure_leaves_nothing(package, tmp_path, monkeypatch):
    monkeypatch.setattr(package, "SIZE_LIMIT", 1)
    with pytest.raises(UserError, match="MiB; the limit is 60"):
        package.main([str(tmp_path / "gpu")])
    assert names(tmp_path) == []


def test_a_failing_compiler_ends_the_rest(tmp_path):
    package = load_script("scripts/package-gpu-tests")
    build = tmp_path / "build" / "bin"
    build.mkdir(parents=True)
    for name in ("pi-translate", "pi-opt", "pi-compile"):
        tool = build / name
        tool.write_text(f"#!/bin/sh\necho run >> {tmp_path}/log\necho no >&2\nexit 1\n")
        tool.chmod(0o755)
    with pytest.raises(UserError, match="bin/pi-translate failed: no"):
        package.main([str(tmp_path / "gpu"), f"--build={build.parent}"])
    assert len((tmp_path / "log").read_text().splitlines()) < 10
    assert sorted(path.name for path in tmp_path.iterdir()) == ["build", "log"]
