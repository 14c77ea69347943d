# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The operations that scripts/gpu_tests runs on a GPU, compiled for the CPU.

So the formulas that GPU code is compared with hold for the CPU's, too.
"""

import sys
from pathlib import Path

import pytest

from conftest import run_tool

from pi_mlir.runtime import Model

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts/gpu_tests"))
import operations  # noqa: E402

CASES = [operation for operation, kind in operations.list_cases() if kind == "f32"]


@pytest.mark.parametrize("operation", CASES, ids=lambda operation: operation.name)
def test_operation(operation, tmp_path):
    source, artefact = tmp_path / "operation.mlir", tmp_path / "operation.pi"
    source.write_text(operations.write(operation, "f32"))
    options = ["--target=cpu", *operations.COMPILE_OPTIONS]
    run_tool("pi-compile", source, *options, "-o", artefact)
    with Model(artefact) as model:
        operations.check(operation, "f32", model)
