# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes a checkpoint of Inputs/tiny.json with zero weights, and variants.

usage: write_checkpoint.py DIR [drop=NAME] [shape=NAME:2,3] [dtype=NAME:I32]
                               [add=NAME:2,3] [prefix=] [shards=N]
"""

import json
import pathlib
import struct
import sys

SIZES = {"F32": 4, "BF16": 2, "I32": 4}


def tiny_shapes(d=64, vocabulary=96, positions=32, layers=2):
    shapes = {"wte.weight": [vocabulary, d], "wpe.weight": [positions, d]}
    linears = {
        "attn.c_attn": [d, 3 * d],
        "attn.c_proj": [d, d],
        "mlp.c_fc": [d, 4 * d],
        "mlp.c_proj": [4 * d, d],
    }
    norms = ["ln_f"]
    for layer in range(layers):
        for name, shape in linears.items():
            shapes[f"h.{layer}.{name}.weight"] = shape
            shapes[f"h.{layer}.{name}.bias"] = shape[1:]
        norms += [f"h.{layer}.ln_1", f"h.{layer}.ln_2"]
    for name in norms:
        shapes[f"{name}.weight"] = shapes[f"{name}.bias"] = [d]
    return shapes


def write_file(path, tensors):
    header, offset = {}, 0
    for name, (dtype, shape) in tensors.items():
        size = SIZES[dtype]
        for n in shape:
            size *= n
        offsets = [offset, offset + size]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": offsets}
        offset += size
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(offset))


def main(directory, *changes):
    tensors = {name: ("F32", shape) for name, shape in tiny_shapes().items()}
    prefix, shards = "transformer.", 0
    for change in changes:
        kind, value = change.split("=", 1)
        name, _, rest = value.partition(":")
        if kind == "drop":
            del tensors[name]
        elif kind == "dtype":
            tensors[name] = (rest, tensors[name][1])
        elif kind in ("shape", "add"):
            tensors[name] = ("F32", [int(n) for n in rest.split(",")])
        elif kind == "prefix":
            prefix = value
        elif kind == "shards":
            shards = int(value)
        else:
            sys.exit(f"unknown change {change}")
    tensors = {prefix + name: tensor for name, tensor in tensors.items()}

    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    config = pathlib.Path(__file__).with_name("tiny.json").read_text()
    (directory / "config.json").write_text(config)
    if not shards:
        write_file(directory / "model.safetensors", tensors)
        return
    weight_map = {}
    for shard in range(shards):
        file = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        part = dict(list(tensors.items())[shard::shards])
        write_file(directory / file, part)
        weight_map.update(dict.fromkeys(part, file))
    index = directory / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": weight_map}))


main(*sys.argv[1:])
