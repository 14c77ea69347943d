#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Assembles the kernels that check_kernels.py runs on a GPU.

    benchmarks/gpu_kernels/build_kernels.py build/bin/pi-opt OUT.json

OUT.json holds a list of cases, each with the options of `pi-build-kernel`, the
kernels' names, launches and resources, and their machine code. It is all that the
machine with the GPU needs.
"""

import base64
import json
import pathlib
import subprocess
import sys
import tempfile

import cross_entropy

TILINGS = [(4, 32, 64), (4, 32, 32), (4, 16, 64), (8, 16, 64), (4, 16, 128)]
GRADIENT_TILINGS = [(4, 32, 16), (2, 32, 32), (2, 32, 16), (4, 16, 32)]


def attention_cases():
    """Shapes of the benchmarks with all tilings, then corner cases."""
    for batch, length in [(32, 1024), (256, 128)]:
        shape = {"batch": batch, "sequence-length": length, "timed": True}
        yield shape
        yield shape | {"entropy": True, "temperature": True}
        yield shape | {"log-sum-exp": True}
        yield shape | {"entropy": True, "temperature": True, "log-sum-exp": True}
        for warps, rows, columns in TILINGS:
            yield shape | {
                "warps": warps,
                "rows-per-warp": rows,
                "columns-per-step": columns,
            }
    yield {"batch": 32, "sequence-length": 1024, "dtype": "f32", "timed": True}
    for dtype in ["bf16", "f32"]:
        for length in [1, 7, 100, 1000]:
            yield {"dtype": dtype, "batch": 2, "heads": 3, "sequence-length": length}
            yield {
                "dtype": dtype,
                "batch": 2,
                "heads": 3,
                "sequence-length": length,
                "temperature": True,
                "entropy": True,
                "log-sum-exp": True,
            }
        for head_size in [16, 32, 80, 96, 128]:
            yield {
                "dtype": dtype,
                "batch": 2,
                "heads": 2,
                "sequence-length": 200,
                "head-size": head_size,
                "entropy": True,
            }
        yield {
            "dtype": dtype,
            "batch": 2,
            "heads": 2,
            "sequence-length": 200,
            "causal": False,
            "log-sum-exp": True,
        }


def attention_grad_cases():
    everything = {"temperature": True, "entropy": True}
    for batch, length in [(256, 128), (64, 512), (32, 1024)]:
        shape = {"batch": batch, "sequence-length": length, "timed": True}
        yield shape
        yield shape | everything
        for warps, rows, columns in GRADIENT_TILINGS:
            yield shape | {
                "warps": warps,
                "rows-per-warp": rows,
                "columns-per-step": columns,
            }
    for dtype in ["bf16", "f32"]:
        for length in [1, 7, 100, 200, 1000]:
            small = {"dtype": dtype, "batch": 2, "heads": 3, "sequence-length": length}
            yield small
            yield small | everything
        for head_size in [16, 32, 80, 96, 128]:
            for length in [100, 300]:
                yield {
                    "dtype": dtype,
                    "batch": 2,
                    "heads": 2,
                    "sequence-length": length,
                    "head-size": head_size,
                    "entropy": True,
                }
        for length in [100, 200]:
            small = {"dtype": dtype, "batch": 3, "heads": 2, "sequence-length": length}
            yield small | {"causal": False}
            yield small | everything | {"causal": False}
            yield small | {"temperature": True, "batch": 33}


def cached_attention_cases():
    for dtype in ["bf16", "f32"]:
        yield {"dtype": dtype}
        yield {"dtype": dtype, "sequence-length": 100, "batch": 3, "temperature": True}
        yield {"dtype": dtype, "heads": 5, "head-size": 80, "batch": 2}


def linear_cases():
    norm = {"layer-norm": True}
    gelu = {"activation": "gelu_tanh"}
    head = {"transposed": True, "bias": False, "result-dtype": "f32"}
    for dtype in ["bf16", "f32"]:
        base = {"dtype": dtype}
        yield base | norm | {"columns": 2304}
        yield base | {"columns": 768, "residual": "add"}
        yield base | norm | gelu | {"columns": 3072}
        yield base | {"depth": 3072, "residual": "add"}
        yield base | head | norm | {"columns": 50257}
        yield base | norm | {"columns": 3072, "activation": "gelu_erf"}
        yield base | norm | {"columns": 1200, "rows": 3, "depth": 400}
        yield base | {"columns": 1600, "depth": 6400, "residual": "scaled"}
        yield base | head | norm | {"columns": 1001, "depth": 1600, "rows": 2}
        yield base | {"columns": 96, "depth": 48, "activation": "relu", "rows": 8}


def argmax_cases():
    yield {"columns": 50257, "dtype": "f32"}
    yield {"columns": 5, "rows": 3, "dtype": "f32"}


def build(pi_opt, folder, kind, options):
    arguments = {"kind": kind} | {k: v for k, v in options.items() if k != "timed"}
    text = " ".join(
        f"{key}={str(value).lower() if isinstance(value, bool) else value}"
        for key, value in arguments.items()
    )
    cubin, launches = folder / "kernel.cubin", folder / "launches.json"
    subprocess.run(
        [
            pi_opt,
            "-",
            "-o",
            "/dev/null",
            f"--pi-build-kernel={text}",
            f"--pi-assemble-cubin=output={cubin} launches-output={launches}",
        ],
        input=b"module {}",
        check=True,
    )
    entries = json.loads(launches.read_text())
    return {
        "options": options | {"kind": kind},
        "kernels": sorted(entries, key=lambda entry: entry["launch"].get("order", 0)),
        "cubin": base64.b64encode(cubin.read_bytes()).decode(),
    }


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    pi_opt, output = sys.argv[1:]
    kinds = {
        "attention": attention_cases(),
        "attention-grad": attention_grad_cases(),
        "cached-attention": cached_attention_cases(),
        "linear": linear_cases(),
        "argmax": argmax_cases(),
    }
    cases = [(kind, options) for kind, some in kinds.items() for options in some]
    cases += cross_entropy.cases()
    with tempfile.TemporaryDirectory() as folder:
        kernels = [
            build(pi_opt, pathlib.Path(folder), kind, options)
            for kind, options in cases
        ]
    pathlib.Path(output).write_text(json.dumps(kernels, indent=1))
    print(f"{len(kernels)} kernels in {output}")


if __name__ == "__main__":
    main()
