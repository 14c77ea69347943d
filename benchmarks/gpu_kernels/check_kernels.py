#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the kernels of build_kernels.py, compares them with PyTorch, times them.

    benchmarks/gpu_kernels/check_kernels.py KERNELS.json [RESULTS.json] [--only KIND]

Needs a GPU, PyTorch and NumPy. Each kernel's result is compared with the same
computation in double precision over the same (rounded) inputs. Times are
medians over replays of a CUDA graph, beside PyTorch's in the same run. The exit
status is 1 if a kernel is wrong.
"""

import argparse
import json
import math
import pathlib
import sys

import torch
import torch.nn.functional as F

import cross_entropy
from attention_grad import check_attention_grad
from driver import Kernels
from measure import (
    DEVICE,
    TOLERANCE,
    TYPES,
    attention,
    median_time,
    random,
    relative_error,
    split_heads,
)


def reference_attention(qkv, heads, causal, temperature):
    """Result, log_sum_exp and entropy in double precision."""
    temperature = None if temperature is None else temperature.double()
    return attention(qkv.double(), temperature, heads, causal)


def time_torch_attention(qkv, heads):
    """PyTorch's attention over the packed projection, by back end."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    q, k, v = split_heads(qkv, heads)
    times = {}
    for name in ["FLASH_ATTENTION", "CUDNN_ATTENTION"]:
        try:
            with sdpa_kernel(getattr(SDPBackend, name)):
                times[name] = median_time(
                    lambda: F.scaled_dot_product_attention(q, k, v, is_causal=True)
                )
        except RuntimeError as error:
            times[name] = f"failed: {error}"
    return times


def check_attention(kernel, options):
    dtype = TYPES[options.get("dtype", "bf16")]
    batch, length = options.get("batch", 1), options.get("sequence-length", 1024)
    heads, head_size = options.get("heads", 12), options.get("head-size", 64)
    causal = options.get("causal", True)
    width = heads * head_size
    qkv = random((batch, length, 3 * width), dtype, 1.5)
    temperature = None
    if options.get("temperature"):
        temperature = torch.rand(heads, length, device=DEVICE) + 0.5
    result = torch.full((batch, length, width), math.nan, dtype=dtype, device=DEVICE)
    entropy, log_sum_exp = (
        torch.full((batch, heads, length), math.nan, device=DEVICE) for _ in range(2)
    )
    arguments = [qkv]
    arguments += [temperature] if temperature is not None else []
    arguments += [result]
    arguments += [entropy] if options.get("entropy") else []
    arguments += [log_sum_exp] if options.get("log-sum-exp") else []
    kernel.launch(*arguments)
    torch.cuda.synchronize()
    report = {"error": 0.0}
    # The reference in double precision is large: check the first and the last.
    for b in {0, batch - 1}:
        expected, expected_log_sum, expected_entropy = reference_attention(
            qkv[b : b + 1], heads, causal, temperature
        )
        error = relative_error(result[b : b + 1], expected)
        report["error"] = max(report["error"], error)
        if options.get("entropy"):
            difference = (entropy[b : b + 1].double() - expected_entropy).abs().max()
            report["entropy_error"] = difference.item()
            report["ok"] = difference.item() < 2e-4
        if options.get("log-sum-exp"):
            difference = log_sum_exp[b : b + 1].double() - expected_log_sum
            report["log_sum_exp_error"] = difference.abs().max().item()
            report["ok"] = report.get("ok", True) and report["log_sum_exp_error"] < 2e-5
    finite = torch.isfinite(result).all().item()
    report["ok"] = (
        report.get("ok", True) and finite and report["error"] < TOLERANCE[dtype]
    )
    if options.get("timed"):
        report["us"] = median_time(lambda: kernel.launch(*arguments))
        if dtype == torch.bfloat16 and "warps" not in options:
            report["torch_us"] = time_torch_attention(qkv, heads)
    return report


def check_cached_attention(kernel, options):
    dtype = TYPES[options.get("dtype", "bf16")]
    batch, capacity = options.get("batch", 1), options.get("sequence-length", 1024)
    heads, head_size = options.get("heads", 12), options.get("head-size", 64)
    width = heads * head_size
    temperature = None
    if options.get("temperature"):
        temperature = torch.rand(heads, capacity, device=DEVICE) + 0.5
    report = {"error": 0.0, "ok": True}
    for position in [0, 1, 17, capacity // 2, capacity - 1]:
        history = random((batch, capacity, 3 * width), dtype, 1.5)
        cache = history[:, :, width:].view(batch, capacity, 2, width)
        cache = cache.permute(2, 0, 1, 3).contiguous()
        cache[:, :, position:] = math.nan
        before = cache.clone()
        row = history[:, position : position + 1].contiguous()
        result = torch.full((batch, 1, width), math.nan, dtype=dtype, device=DEVICE)
        place = torch.tensor([position], dtype=torch.int32, device=DEVICE)
        arguments = [row, cache, place]
        arguments += [temperature] if temperature is not None else []
        kernel.launch(*arguments, result)
        torch.cuda.synchronize()
        prefix = history[:, : position + 1]
        limited = None if temperature is None else temperature[:, : position + 1]
        expected, _, _ = reference_attention(prefix, heads, True, limited)
        error = relative_error(result, expected[:, -1:])
        before[0, :, position] = row[:, 0, width : 2 * width]
        before[1, :, position] = row[:, 0, 2 * width :]
        same = torch.equal(before.nan_to_num(7.0), cache.nan_to_num(7.0))
        report["error"] = max(report["error"], error)
        report["ok"] &= same and error < TOLERANCE[dtype]
    report["us"] = median_time(lambda: kernel.launch(*arguments, result))
    return report


def check_linear(kernel, options):
    dtype = TYPES[options.get("dtype", "bf16")]
    result_dtype = TYPES[options.get("result-dtype", options.get("dtype", "bf16"))]
    rows, depth = options.get("rows", 1), options.get("depth", 768)
    columns = options.get("columns", 768)
    x = random((rows, depth), dtype)
    shape = (columns, depth) if options.get("transposed") else (depth, columns)
    # Enough copies that the weight never comes from the L2.
    size = depth * columns * dtype.itemsize
    weights = [
        random(shape, dtype, depth**-0.5)
        for _ in range(max(1, min(40, math.ceil(2e8 / size))))
    ]
    expected = x.double()
    vectors = []
    if options.get("layer-norm"):
        norm = [random((depth,), torch.float32) for _ in range(2)]
        vectors += norm
        gamma, beta = (n.double() for n in norm)
        expected = F.layer_norm(expected, (depth,), gamma, beta, 1e-5)
    matrix = weights[0].double()
    expected = expected @ (matrix.T if options.get("transposed") else matrix)
    if options.get("bias", True):
        bias = random((columns,), dtype)
        vectors.append(bias)
        expected = expected + bias.double()
    activations = {
        "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
        "gelu_erf": F.gelu,
        "relu": F.relu,
    }
    if "activation" in options:
        expected = activations[options["activation"]](expected)
    if "residual" in options:
        residual = random((rows, columns), dtype)
        vectors.append(residual)
        if options["residual"] == "scaled":
            scales = [torch.tensor([s], device=DEVICE, dtype=dtype) for s in (1.5, 0.5)]
            vectors += scales
            expected = expected / 1.5 + 0.5 * residual.double()
        else:
            expected = expected + residual.double()
    result = torch.full((rows, columns), math.nan, dtype=result_dtype, device=DEVICE)
    kernel.launch(x, weights[0], *vectors, result)
    torch.cuda.synchronize()
    error = relative_error(result, expected)
    report = {"error": error, "ok": error < TOLERANCE[dtype]}

    def run():
        for weight in weights:
            kernel.launch(x, weight, *vectors, result)

    report["us"] = median_time(run, repeats=2) / len(weights)
    report["gigabytes_per_second"] = size / report["us"] / 1e3
    return report


def check_argmax(kernel, options):
    rows, columns = options.get("rows", 1), options["columns"]
    logits = random((rows, columns), torch.float32)
    # A tie: the lowest index wins.
    logits[:, columns // 3] = logits[:, columns // 3 + 1] = 50
    result = torch.full((rows,), -1, dtype=torch.int32, device=DEVICE)
    kernel.launch(logits, result)
    torch.cuda.synchronize()
    report = {"ok": result.tolist() == [columns // 3] * rows}
    report["us"] = median_time(lambda: kernel.launch(logits, result))
    return report


def time_decode(kernels):
    """A decoding step of GPT-2 small put together from the bf16 kernels."""

    def find(**wanted):
        return next(k for k in kernels if wanted.items() <= k.options.items())

    qkv_kernel = find(kind="linear", columns=2304, dtype="bf16")
    projection = find(kind="linear", columns=768, residual="add", dtype="bf16")
    up = find(kind="linear", activation="gelu_tanh", dtype="bf16")
    down = find(kind="linear", depth=3072, residual="add", dtype="bf16")
    head = find(kind="linear", columns=50257, dtype="bf16")
    attend = find(kind="cached-attention", dtype="bf16")
    argmax = find(kind="argmax", columns=50257)
    bf16 = torch.bfloat16

    def parameters(inputs, outputs):
        return [random((inputs, outputs), bf16, 0.02), random((outputs,), bf16, 0.02)]

    def norm():
        return [torch.ones(768, device=DEVICE), random((768,), torch.float32, 0.02)]

    def normalised(inputs, outputs):
        weight, bias = parameters(inputs, outputs)
        return [weight, *norm(), bias]

    layers = [
        dict(
            qkv=normalised(768, 2304),
            projection=parameters(768, 768),
            up=normalised(768, 3072),
            down=parameters(3072, 768),
            cache=random((2, 1, 1024, 768), bf16),
        )
        for _ in range(12)
    ]
    wte, final = random((50257, 768), bf16, 0.02), norm()
    x, qkv, y, h = (random((1, n), bf16) for n in (768, 2304, 768, 3072))
    x2 = torch.empty_like(x)
    logits = torch.empty(1, 50257, device=DEVICE)
    token = torch.empty(1, dtype=torch.int32, device=DEVICE)
    position = torch.tensor([1023], dtype=torch.int32, device=DEVICE)

    def step(programmatic):
        options = {"programmatic": programmatic}
        for layer in layers:
            qkv_kernel.launch(x, *layer["qkv"], qkv, **options)
            attend.launch(qkv, layer["cache"], position, y, **options)
            projection.launch(y, *layer["projection"], x, x2, **options)
            up.launch(x2, *layer["up"], h, **options)
            down.launch(h, *layer["down"], x2, x, **options)
        head.launch(x, wte, *final, logits, **options)
        argmax.launch(logits, token, **options)

    return {
        "decode_us": median_time(lambda: step(False), repeats=4),
        "decode_programmatic_us": median_time(lambda: step(True), repeats=4),
    }


CHECKS = {
    "attention": check_attention,
    "attention-grad": check_attention_grad,
    "cached-attention": check_cached_attention,
    "linear": check_linear,
    "argmax": check_argmax,
    **cross_entropy.CHECKS,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kernels", type=pathlib.Path, help="of build_kernels.py")
    parser.add_argument("results", type=pathlib.Path, nargs="?")
    parser.add_argument("--only", choices=CHECKS, help="run one kind of kernel")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    torch.backends.cuda.matmul.allow_tf32 = False
    cases = json.loads(arguments.kernels.read_text())
    if arguments.only:
        cases = [c for c in cases if c["options"]["kind"] == arguments.only]
    kernels, results = [], []
    for case in cases:
        options = case["options"]
        kernel = Kernels(case)
        kernels.append(kernel)
        report = CHECKS[options["kind"]](kernel, options)
        results.append({"options": options, **report})
        print(json.dumps(results[-1]), flush=True)
    if {kernel.options["kind"] for kernel in kernels} == set(CHECKS):
        results.append(time_decode(kernels))
        print(json.dumps(results[-1]))
    if arguments.results:
        arguments.results.write_text(json.dumps(results, indent=1))
    wrong = [r for r in results if not r.get("ok", True)]
    print(f"{len(cases) - len(wrong)} of {len(cases)} kernels are right")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
