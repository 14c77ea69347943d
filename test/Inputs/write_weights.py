# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes a checkpoint for the parameters of a module.

usage: write_weights.py MODULE DIR [NAME=VALUE...]

Elements are f32, random, the same for the same name, and about 0.3 in size. A NAME
that is given has VALUE everywhere; it may also be a derived parameter, which the
checkpoint lacks otherwise.
"""

import json
import math
import random
import re
import struct
import sys
from pathlib import Path

PARAMETER = re.compile(
    r"^ *pi\.parameter @(\S+) : tensor<((?:\d+x)*)(?:f32|b?f16)>(.*)", re.MULTILINE
)


def write_weights(module, directory, values={}):
    """Writes model.safetensors for the text of a module."""
    header, data = {}, b""
    for name, sizes, rest in PARAMETER.findall(module):
        if "derived" in rest and name not in values:
            continue
        shape = [int(size) for size in sizes.split("x")[:-1]]
        generator = random.Random(name)
        numbers = [
            float(values.get(name, generator.gauss(0, 0.3)))
            for _ in range(math.prod(shape))
        ]
        begin, data = len(data), data + struct.pack(f"<{len(numbers)}f", *numbers)
        offsets = [begin, len(data)]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": offsets}
    text = json.dumps(header).encode()
    Path(directory).mkdir(parents=True, exist_ok=True)
    file = Path(directory, "model.safetensors")
    file.write_bytes(struct.pack("<Q", len(text)) + text + data)


if __name__ == "__main__":
    values = dict(argument.split("=") for argument in sys.argv[3:])
    write_weights(Path(sys.argv[1]).read_text(), sys.argv[2], values)
