# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes and shows safetensors files with nothing but Python's own library.

tensors.py write FILE ROW...   an I64 tensor input_ids, one row of numbers each
tensors.py show FILE...        name, dtype, shape and first element of tensors
"""

import json
import struct
import sys


def write(path, rows):
    values = [[int(value) for value in row.split(",")] for row in rows]
    data = b"".join(struct.pack(f"<{len(row)}q", *row) for row in values)
    shape = [len(values), len(values[0])]
    entry = {"dtype": "I64", "shape": shape, "data_offsets": [0, len(data)]}
    header = json.dumps({"input_ids": entry}).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header + data)


def show(path):
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        data = file.read()
    header.pop("__metadata__", None)
    for name, entry in header.items():
        (first,) = struct.unpack_from("<f", data, entry["data_offsets"][0])
        print(name, entry["dtype"], entry["shape"], first)


if sys.argv[1] == "write":
    write(sys.argv[2], sys.argv[3:])
else:
    for argument in sys.argv[2:]:
        show(argument)
