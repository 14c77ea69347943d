# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What is wrong is said in a sentence, by the library or before it."""

import subprocess
import sys

import numpy as np
import pytest

from pi_mlir import generate, verify
from pi_mlir.command_line import UserError
from pi_mlir.runtime import Library, Model, RuntimeLibraryError, as_tokens


@pytest.fixture
def malformed(tmp_path):
    path = tmp_path / "model.pi"
    path.write_bytes(b"PIMODEL\n")
    return path


def test_missing_artifact(tmp_path):
    with pytest.raises(RuntimeLibraryError, match="model.pi.*No such file"):
        Model(tmp_path / "model.pi", tmp_path)


def test_malformed_artifact(malformed):
    with pytest.raises(RuntimeLibraryError, match="model.pi.*truncated"):
        Model(malformed, malformed.parent)


def test_missing_library(tmp_path):
    with pytest.raises(RuntimeLibraryError, match="cannot load.*PI_RUNTIME_LIBRARY"):
        Library(str(tmp_path / "libpi_runtime.so"))


def test_programs_report_it(malformed, tmp_path):
    arguments = [str(malformed), f"--weights={tmp_path}"]
    with pytest.raises(UserError, match="model.pi.*truncated"):
        verify.main(arguments)
    with pytest.raises(UserError, match="tokenizer.json: no such file"):
        generate.main([*arguments, "--text=a"])


def test_errors_have_no_traceback(malformed, tmp_path):
    command = [sys.executable, "-m", "pi_mlir.verify", malformed]
    result = subprocess.run(
        [*command, f"--weights={tmp_path}"], capture_output=True, text=True
    )
    assert result.returncode == 1
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
    assert result.stdout == ""


@pytest.mark.parametrize("program", ["generate", "verify", "make_checkpoint"])
def test_help(program):
    result = subprocess.run(
        [sys.executable, "-m", f"pi_mlir.{program}", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "usage: python -m pi_mlir." + program in result.stdout
    assert result.stderr == ""


def test_tokens_are_checked():
    assert as_tokens([1, 2, 3]).shape == (1, 3)
    assert as_tokens([[1], [2]]).dtype == np.int32
    for wrong in ([[1.5]], [[[1]]], [["a"]]):
        with pytest.raises(ValueError, match="have to be integers, rows x length"):
            as_tokens(wrong)
    with pytest.raises(ValueError, match="fit in 32 bits"):
        as_tokens([[1 << 40]])
