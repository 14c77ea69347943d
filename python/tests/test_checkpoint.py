# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Python reads the tensors of a checkpoint that the runtime reads."""

import json
import os

import numpy as np
import pytest
import torch
from conftest import run_tool
from safetensors.torch import save_file

from pi_mlir.checkpoint import read_checkpoint
from pi_mlir.command_line import UserError
from pi_mlir.runtime import Model

INDEX = "model.safetensors.index.json"


def save(path, **values):
    """Vectors of two equal elements; __ in a name stands for a point."""
    tensors = {
        name.replace("__", "."): torch.full((2,), float(value))
        for name, value in values.items()
    }
    save_file(tensors, path)


def write_index(folder, weight_map):
    (folder / INDEX).write_text(json.dumps({"weight_map": weight_map}))


def read(path, framework="numpy"):
    return {name: float(v[0]) for name, v in read_checkpoint(path, framework).items()}


@pytest.mark.parametrize("framework", ["numpy", "pt"])
def test_other_files_of_a_folder_are_not_read(tmp_path, framework):
    save(tmp_path / "model.safetensors", a=1)
    save(tmp_path / "old.safetensors", a=2, b=2)
    write_index(tmp_path, {"a": "old.safetensors"})
    assert read(tmp_path, framework) == {"a": 1}
    (tmp_path / "model.safetensors").unlink()
    assert read(tmp_path, framework) == {"a": 2}
    assert read(tmp_path / INDEX, framework) == {"a": 2}
    assert read(tmp_path / "old.safetensors", framework) == {"a": 2, "b": 2}


def test_the_runtime_reads_the_same(tmp_path):
    run_tool("pi-write-tiny-model", tmp_path)
    mine = tmp_path / "model.safetensors"
    expected = read_checkpoint(tmp_path, "numpy")
    name = next(iter(expected))
    save_file({name: torch.zeros(expected[name].shape)}, tmp_path / "z.safetensors")
    with Model(tmp_path / "model.pi", tmp_path) as model:
        found = model.read_tensor(name)
    assert mine.exists() and found.any()
    np.testing.assert_array_equal(read_checkpoint(tmp_path, "numpy")[name], found)


def test_names(tmp_path):
    path = tmp_path / "model.safetensors"
    save(path, transformer__a=1, a=2, transformer__b=3, transformer__wte__weight=4)
    expected = {"a": 2, "b": 3, "wte.weight": 4, "lm_head.weight": 4}
    assert read(tmp_path) == expected
    save(path, wte__weight=4, lm_head__weight=5)
    assert read(tmp_path) == {"wte.weight": 4, "lm_head.weight": 5}


@pytest.mark.parametrize("framework", ["numpy", "pt"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_types(tmp_path, framework, dtype):
    save_file({"a": torch.ones(2, dtype=dtype)}, tmp_path / "model.safetensors")
    value = read_checkpoint(tmp_path, framework)["a"]
    assert value.dtype == (np.float32 if framework == "numpy" else torch.float32)


@pytest.mark.parametrize(
    "weight_map, message",
    [
        ([], "weight_map has to be an object"),
        ({"a": 3}, "weight_map.a: 3 is no file beside it"),
        ({"a": ""}, "weight_map.a: '' is no file beside it"),
        ({"a": "../x"}, "weight_map.a: '../x' is no file beside it"),
        ({"a": ".."}, "not a regular file"),
        ({"a": "none"}, "none: cannot be read: No such file"),
        ({"c": "x"}, "x: it has no tensor 'c'"),
        ({"a": "pipe"}, "pipe: not a regular file"),
        ({"a": INDEX}, "cannot be read"),
    ],
)
def test_wrong_index(tmp_path, weight_map, message):
    save(tmp_path / "x", a=1)
    os.mkfifo(tmp_path / "pipe")
    write_index(tmp_path, weight_map)
    with pytest.raises(UserError, match=message):
        read_checkpoint(tmp_path, "numpy")


@pytest.mark.parametrize(
    "text, message",
    [
        ("{", "malformed JSON"),
        ("[" * 100_000, "malformed JSON: too many levels"),
        ('{"weight_map": {"a": "x", "a": "y"}}', "has the field 'a' twice"),
        ('{"weight_map": NaN}', "NaN is no number"),
        ("[]", "has to be an object"),
    ],
)
def test_malformed_index(tmp_path, text, message):
    (tmp_path / INDEX).write_text(text)
    with pytest.raises(UserError, match=f"{INDEX}: .*{message}"):
        read_checkpoint(tmp_path, "numpy")


def test_no_checkpoint(tmp_path):
    save(tmp_path / "old.safetensors", a=1)
    with pytest.raises(UserError, match="neither model.safetensors nor model.safe"):
        read_checkpoint(tmp_path, "numpy")
    with pytest.raises(UserError, match="none: cannot be read: No such file"):
        read_checkpoint(tmp_path / "none", "numpy")
    os.mkfifo(tmp_path / "model.safetensors")
    with pytest.raises(UserError, match="model.safetensors: not a regular file"):
        read_checkpoint(tmp_path, "numpy")
