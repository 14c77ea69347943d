# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Reads the tensors of a checkpoint, the same ones that the runtime reads."""

import contextlib
from pathlib import Path

from pi_mlir.command_line import UserError
from pi_mlir.json_file import read_json_object

SINGLE_FILE = "model.safetensors"
INDEX_SUFFIX = ".index.json"
PREFIX = "transformer."


def find_file(path):
    """The file that says where the tensors of a checkpoint are: a Safetensors
    file or an index. `path` is one of those, or a directory."""
    path = Path(path)
    if not path.is_dir():
        return path
    for name in (SINGLE_FILE, SINGLE_FILE + INDEX_SUFFIX):
        if (path / name).exists():
            return path / name
    raise UserError(
        f"{path}: neither {SINGLE_FILE} nor {SINGLE_FILE}{INDEX_SUFFIX} is there"
    )


def read_index(path):
    """The names of the tensors in each file that an index names."""
    names_by_file = {}
    weight_map = read_json_object(path).get("weight_map")
    if not isinstance(weight_map, dict):
        raise UserError(f"{path}: weight_map has to be an object")
    for name, shard in weight_map.items():
        if not isinstance(shard, str) or not shard or "/" in shard or "\0" in shard:
            raise UserError(
                f"{path}: weight_map.{name:.60}: {shard!r:.60} is no file beside it"
            )
        names_by_file.setdefault(path.parent / shard, []).append(name)
    return names_by_file


@contextlib.contextmanager
def open_file(path, framework):
    """An open Safetensors file, for "numpy" or "pt"; what is wrong with it, also
    when a tensor is read, is a UserError."""
    from safetensors import SafetensorError, safe_open

    if framework == "numpy":
        with contextlib.suppress(ImportError):
            import ml_dtypes  # noqa: F401  It teaches numpy bfloat16.
    # It would wait for what a pipe does not have.
    if path.exists() and not path.is_file():
        raise UserError(f"{path}: not a regular file")
    try:
        with safe_open(path, framework) as file:
            yield file
    except (OSError, SafetensorError, TypeError, ValueError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error


def read_file(path, framework, names=None):
    """Tensors of a Safetensors file, by name: `names`, or all."""
    with open_file(path, framework) as file:
        present = set(file.keys())
        for name in names or ():
            if name not in present:
                raise UserError(f"{path}: it has no tensor '{name}'")
        return {name: file.get_tensor(name) for name in names or sorted(present)}


def read_checkpoint(path, framework):
    """The tensors of a checkpoint as float32, by their names without the leading
    `transformer.`; `framework` is "numpy" or "pt".

    Those are what the runtime takes for a parameter of a name: of a directory,
    model.safetensors or else what its index names, and for a head that is not
    there the embedding.
    """
    file = find_file(path)
    if file.name.endswith(INDEX_SUFFIX):
        tensors = {}
        for shard, names in read_index(file).items():
            tensors |= read_file(shard, framework, names)
    else:
        tensors = read_file(file, framework)
    # A name without the prefix comes first.
    for name in [name for name in tensors if name.startswith(PREFIX)]:
        tensors.setdefault(name.removeprefix(PREFIX), tensors.pop(name))
    if "wte.weight" in tensors:
        tensors.setdefault("lm_head.weight", tensors["wte.weight"])
    if framework == "numpy":
        return {k: v.astype("float32", copy=False) for k, v in tensors.items()}
    return {name: tensor.float() for name, tensor in tensors.items()}
