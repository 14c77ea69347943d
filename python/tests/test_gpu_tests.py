# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How the runner of the GPU tests reports tests that pass, fail, crash or hang."""

import ctypes
import gzip
import io
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import load_script

from pi_mlir.command_line import UserError

FOLDER = Path(__file__).parents[2] / "scripts/gpu_tests"
sys.path.insert(0, str(FOLDER))

from processes import SKIPPED, Case, Runner  # noqa: E402


def succeed(text):
    print(text)


def give(status):
    return status


def fail():
    raise ValueError("wrong")


def crash():
    print("before", flush=True)
    ctypes.string_at(0)


def sleep():
    time.sleep(60)


@pytest.fixture
def run(tmp_path, capsys):
    """Runs tests: whether none failed, the lines printed, and the log."""

    def run_tests(*tests, timeout=30):
        log = io.StringIO()
        runner = Runner(2, timeout, log, tmp_path)
        passed = runner.run(tests)
        assert passed == (not runner.failures)
        return runner.failures, capsys.readouterr().out, log.getvalue()

    return run_tests


def test_passes(run):
    failures, output, log = run(Case("a", succeed, ("first\nsecond",)))
    assert failures == []
    assert output.startswith("ok     a (") and "second" in output
    assert "first" not in output and "first\nsecond" in log


def test_skips(run):
    failures, output, _ = run(Case("a", give, (SKIPPED,)))
    assert failures == [] and output.startswith("skip   a (")


def test_failures_are_of_one_test_only(run):
    tests = Case("a", fail), Case("b", crash), Case("c", give, (1,))
    failures, output, log = run(*tests, Case("d", succeed, ("fine",)))
    assert sorted(failures) == ["a", "b", "c"]
    assert "ok     d (" in output
    assert "ValueError: wrong" in output
    assert "ended by SIGSEGV" in output and "before" in log


@pytest.mark.parametrize(
    "statuses, line, status",
    [
        ([0, 0, SKIPPED], "2 passed, 1 skipped", 0),
        ([0, 1], "1 passed, 0 skipped, 1 failed: test 1", 1),
        ([SKIPPED], "0 passed, 1 skipped", 1),
        ([], "0 passed, 0 skipped", 1),
    ],
)
def test_summary(tmp_path, capsys, statuses, line, status):
    runner = Runner(2, 30, None, tmp_path)
    runner.run(Case(f"test {i}", give, (value,)) for i, value in enumerate(statuses))
    assert runner.summarize() == status
    assert capsys.readouterr().out.splitlines()[-1] == line


def test_a_name_of_no_test_is_an_error(tmp_path, monkeypatch):
    """And no checkpoint is made for it."""
    program = load_script("scripts/gpu_tests/run")
    (tmp_path / "bin").mkdir()
    with gzip.open(tmp_path / "bin/pi-train.gz", "wb") as packed:
        packed.write(b"program")
    monkeypatch.setattr(program, "FOLDER", tmp_path)
    for name in ("set_environment", "import_packages", "make_checkpoint"):
        monkeypatch.setattr(program, name, lambda *_: None)
    with pytest.raises(UserError, match="no test has 'TYPO' in its name"):
        program.main(["--only=TYPO"])


def test_hanging_test_is_stopped(run):
    failures, output, _ = run(Case("a", sleep), timeout=1)
    assert failures == ["a"] and "stopped after 1 s" in output


def test_tables_are_read_without_numpy():
    """As the packager does, with any Python."""
    program = """
import sys
sys.modules["numpy"] = None
import models, operations, training
print(len(list(operations.list_cases())) > 9)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=FOLDER, capture_output=True, text=True
    )
    assert done.stdout == "True\n", done.stderr
