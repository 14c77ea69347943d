# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Inputs that code indexes by are checked, whatever they are called."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from conftest import run_tool

from pi_mlir.runtime import Model, RuntimeLibraryError

#: A head with more rows than the table.
MODULE = """
pi.parameter @table : tensor<8x4xf32>
pi.parameter @head : tensor<32x4xf32>
func.func @forward(%ids: tensor<1x4xi32> {pi.name = "input_ids"})
    -> (tensor<1x4x32xf32> {pi.name = "logits"}) {
  %t = pi.load @table : tensor<8x4xf32>
  %w = pi.load @head : tensor<32x4xf32>
  %x = pi.embedding %ids, %t : (tensor<1x4xi32>, tensor<8x4xf32>) -> tensor<1x4x4xf32>
  %y = pi.linear %x, %w transposed
      : (tensor<1x4x4xf32>, tensor<32x4xf32>) -> tensor<1x4x32xf32>
  return %y : tensor<1x4x32xf32>
}
func.func @look(%ids: tensor<1x2xi32> {pi.name = "ids"})
    -> (tensor<1x2x4xf32> {pi.name = "rows"}) attributes {pi.training} {
  %t = pi.load @table : tensor<8x4xf32>
  %x = pi.embedding %ids, %t : (tensor<1x2xi32>, tensor<8x4xf32>) -> tensor<1x2x4xf32>
  return %x : tensor<1x2x4xf32>
}
"""


@pytest.fixture
def model(tmp_path):
    source, artifact = tmp_path / "model.mlir", tmp_path / "model.pi"
    weights = tmp_path / "model.safetensors"
    source.write_text(MODULE)
    run_tool("pi-compile", source, "--target=cpu", "-o", artifact)
    table = np.arange(32, dtype=np.float32).reshape(8, 4)
    save_file({"table": table, "head": np.zeros((32, 4), np.float32)}, weights)
    with Model(artifact, weights) as model:
        yield model


def test_input_of_any_name(model):
    rows = model.run("look", {"ids": [[0, 7]]})["rows"]
    assert rows[0, :, 0].tolist() == [0, 28]
    for bad in (-3, 8, 1 << 30):
        with pytest.raises(RuntimeLibraryError, match=rf"'ids': {bad} at \[0, 1\]"):
            model.run("look", {"ids": [[0, bad]]})


def test_vocabulary_is_that_of_the_table(model):
    assert model.vocab_size == 32
    assert model.forward([[7]]).shape == (1, 1, 32)
    with pytest.raises(RuntimeLibraryError, match=r"8 at \[0, 0\] is not in \[0, 8\)"):
        model.forward([[8]])


@pytest.mark.parametrize("ignored, other", [(-1, -100), (-100, -1)])
def test_ignored_target(tmp_path, ignored, other):
    config = {"n_embd": 16, "n_layer": 1, "n_head": 2, "vocab_size": 32}
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gpt2", **config}))
    source, step = tmp_path / "gpt2.mlir", tmp_path / "step.mlir"
    artifact = tmp_path / "step.pi"
    run_tool(
        *("pi-translate", "--import-gpt2", tmp_path / "config.json"),
        *("--batch=2", "--seq-len=4", "-o", source),
    )
    flag = f"--pi-build-train-step=ignore-index={ignored}"
    run_tool("pi-opt", source, flag, "-o", step)
    run_tool("pi-compile", step, "--target=cpu", "-o", artifact)
    inputs = {"input_ids": np.zeros((2, 4), np.int32)}
    with Model(artifact) as model:
        model.initialize_weights(0)

        def loss(targets):
            return float(
                model.run("evaluate", {**inputs, "targets": targets})["cross_entropy"]
            )

        targets = np.full((2, 4), 5, np.int32)
        assert loss(targets) == pytest.approx(np.log(32), rel=0.05)
        targets[0] = ignored
        assert loss(targets) == pytest.approx(np.log(32), rel=0.05)
        assert loss(np.full((2, 4), ignored, np.int32)) == 0
        targets[1, 2] = other
        message = (
            rf"'targets': {other} at \[1, 2\] is not in \[0, 32\) and not {ignored}"
        )
        with pytest.raises(RuntimeLibraryError, match=message):
            loss(targets)
