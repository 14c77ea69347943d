# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the checks of all kernels share: inputs, errors and times."""

import math
import statistics

import torch

DEVICE = "cuda"
TYPES = {"bf16": torch.bfloat16, "f32": torch.float32}
# Of the greatest magnitude of the expected result.
TOLERANCE = {torch.bfloat16: 1e-2, torch.float32: 2e-5}


def random(shape, dtype, scale=1.0):
    return (torch.randn(shape, device=DEVICE) * scale).to(dtype)


def median_time(run, repeats=20, replays=20):
    """Microseconds of `run` in a graph that holds it `repeats` times."""
    for _ in range(3):
        run()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(repeats):
            run()
    times = []
    for _ in range(replays):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        graph.replay()
        end.record()
        end.synchronize()
        times.append(1000 * start.elapsed_time(end) / repeats)
    return statistics.median(times)


def relative_error(actual, expected):
    actual = actual.double()
    if not torch.isfinite(actual).all():
        return math.inf
    greatest = expected.abs().max().clamp_min(1e-30)
    return ((actual - expected).abs().max() / greatest).item()


def split_heads(qkv, heads):
    batch, length, width = qkv.shape
    parts = qkv.view(batch, length, 3, heads, width // 3 // heads)
    return parts.permute(2, 0, 3, 1, 4).unbind(0)


def attention(qkv, temperature, heads, causal):
    """Result, log_sum_exp and entropy of each row, to be differentiated if wanted."""
    q, k, v = split_heads(qkv, heads)
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    if temperature is not None:
        scores = scores / temperature[None, :, :, None]
    length = qkv.shape[1]
    if causal:
        hidden = torch.ones(length, length, dtype=torch.bool, device=DEVICE).triu(1)
        scores = scores.masked_fill(hidden, -math.inf)
    log_sum_exp = scores.logsumexp(-1)
    logs = scores - log_sum_exp[..., None]
    if causal:
        # No 0 * infinity, neither here nor in the gradient.
        logs = logs.masked_fill(hidden, -1e4)
    p = logs.exp()
    result = (p @ v).transpose(1, 2).reshape(qkv.shape[0], length, -1)
    return result, log_sum_exp, -(p * logs).sum(-1)
