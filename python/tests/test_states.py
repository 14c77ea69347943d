# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What compiled functions leave in states, on the CPU."""

import numpy as np
import pytest

from conftest import run_tool

from pi_mlir.runtime import Model

MODULE = """
pi.state @a : tensor<4xf32>
pi.state @b : tensor<2x2xf32>
pi.state @c : tensor<2x2xf32>
pi.parameter @table : tensor<8x8xf32>
func.func @forward(%ids: tensor<1x1xi32> {pi.name = "input_ids"})
    -> (tensor<1x1x8xf32> {pi.name = "logits"}) {
  %table = pi.load @table : tensor<8x8xf32>
  %logits = pi.embedding %ids, %table
      : (tensor<1x1xi32>, tensor<8x8xf32>) -> tensor<1x1x8xf32>
  return %logits : tensor<1x1x8xf32>
}
func.func @shift(%x: tensor<2x2xf32> {pi.name = "x"})
    -> (tensor<2x2xf32> {pi.name = "old"}) attributes {pi.training} {
  %b = pi.load @b : tensor<2x2xf32>
  %flat = tensor.collapse_shape %b [[0, 1]] : tensor<2x2xf32> into tensor<4xf32>
  pi.store %x, @b : tensor<2x2xf32>
  pi.store %flat, @a : tensor<4xf32>
  return %b : tensor<2x2xf32>
}
func.func @exchange() attributes {pi.training} {
  %b = pi.load @b : tensor<2x2xf32>
  %c = pi.load @c : tensor<2x2xf32>
  pi.store %c, @b : tensor<2x2xf32>
  pi.store %b, @c : tensor<2x2xf32>
  return
}
"""


@pytest.fixture
def model(tmp_path):
    source, artifact = tmp_path / "states.mlir", tmp_path / "states.pi"
    source.write_text(MODULE)
    run_tool("pi-compile", source, "--target=cpu", "-o", artifact)
    with Model(artifact) as model:
        yield model


def shift(model, number):
    return model.run("shift", {"x": np.full((2, 2), number, np.float32)})["old"]


def test_old_value_goes_on_before_the_new_one_comes(model):
    shift(model, 1)
    assert (shift(model, 2) == 1).all()
    assert (model.read_tensor("a") == 1).all()
    assert (model.read_tensor("b") == 2).all()


def test_exchange(model):
    shift(model, 1)
    model.run("exchange", {})
    assert (model.read_tensor("b") == 0).all()
    assert (model.read_tensor("c") == 1).all()
