# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks the gradient of attention against autograd in double precision."""

import math

import torch
import torch.nn.functional as F

from measure import (
    DEVICE,
    TYPES,
    attention,
    median_time,
    random,
    relative_error,
    split_heads,
)

# Of the greatest magnitude of the expected result. In bf16 P and dS are rounded
# before they are multiplied, and D is found from a rounded result. The
# temperature's gradient is a sum that cancels, q.dq over the columns of a head,
# and has these roundings amplified.
TOLERANCE = {torch.bfloat16: 2e-2, torch.float32: 5e-5}
TEMPERATURE_TOLERANCE = {torch.bfloat16: 5e-2, torch.float32: 5e-5}


def time_eagerly(run, repeats=20):
    """Microseconds of `run`. Autograd stays on the stream of the forward pass, so
    a graph cannot hold it; the GPU is what takes the time all the same."""
    for _ in range(3):
        run()
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    for _ in range(repeats):
        run()
    end.record()
    end.synchronize()
    return 1000 * start.elapsed_time(end) / repeats


def time_torch(qkv, heads):
    """The backward pass alone of PyTorch's attention, by back end."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    times = {}
    for name in ["FLASH_ATTENTION", "CUDNN_ATTENTION"]:
        try:
            parts = [part.detach().requires_grad_() for part in split_heads(qkv, heads)]
            with sdpa_kernel(getattr(SDPBackend, name)):
                result = F.scaled_dot_product_attention(*parts, is_causal=True)
            gradient = torch.randn_like(result)
            times[name] = time_eagerly(
                lambda: torch.autograd.grad(result, parts, gradient, retain_graph=True)
            )
        except RuntimeError as error:
            times[name] = f"failed: {error}"
    return times


def check_attention_grad(kernel, options):
    dtype = TYPES[options.get("dtype", "bf16")]
    batch, length = options.get("batch", 1), options.get("sequence-length", 1024)
    heads, head_size = options.get("heads", 12), options.get("head-size", 64)
    causal = options.get("causal", True)
    width = heads * head_size
    qkv = random((batch, length, 3 * width), dtype, 1.5)
    gradient = random((batch, length, width), dtype)
    temperature = d_entropy = None
    if options.get("temperature"):
        temperature = torch.rand(heads, length, device=DEVICE) + 0.5
    if options.get("entropy"):
        d_entropy = random((batch, heads, length), torch.float32, 2.0)

    # One sequence after another: the reference keeps T x T numbers of each head.
    results, log_sums, entropies, expected = [], [], [], []
    expected_dt = torch.zeros(heads, length, device=DEVICE, dtype=torch.float64)
    for b in range(batch):
        x = qkv[b : b + 1].double().requires_grad_()
        t = None if temperature is None else temperature.double().requires_grad_()
        result, log_sum, entropy = attention(x, t, heads, causal)
        results.append(result.detach().to(dtype))
        log_sums.append(log_sum.detach().float())
        entropies.append(entropy.detach().float())
        loss = (result * gradient[b : b + 1].double()).sum()
        if d_entropy is not None:
            loss = loss + (entropy * d_entropy[b : b + 1].double()).sum()
        loss.backward()
        # The reference of all sequences is large: keep the first and the last.
        if b in (0, batch - 1):
            expected.append((b, x.grad))
        if t is not None:
            expected_dt += t.grad

    d_qkv = torch.full((batch, length, 3 * width), math.nan, dtype=dtype, device=DEVICE)
    d_temperature = torch.full((heads, length), math.nan, device=DEVICE)
    arguments = [gradient, qkv, torch.cat(results), torch.cat(log_sums)]
    arguments += [temperature] if temperature is not None else []
    arguments += [torch.cat(entropies), d_entropy] if d_entropy is not None else []
    arguments += [torch.full((n,), math.nan, device=DEVICE) for n in kernel.scratch]
    arguments += [d_qkv]
    arguments += [d_temperature] if temperature is not None else []
    kernel.launch(*arguments)
    torch.cuda.synchronize()

    def error(actual, expected):
        # A row that sees one column has no gradient but dV's.
        if not expected.any():
            return actual.double().abs().max().item()
        return relative_error(actual, expected)

    report = {}
    for part, name in enumerate(["dq", "dk", "dv"]):
        columns = slice(part * width, (part + 1) * width)
        report[name] = max(
            error(d_qkv[b, :, columns], x[0, :, columns]) for b, x in expected
        )
    report["ok"] = max(report.values()) < TOLERANCE[dtype]
    if temperature is not None:
        report["dt"] = error(d_temperature, expected_dt)
        report["ok"] &= report["dt"] < TEMPERATURE_TOLERANCE[dtype]
    report["finite"] = torch.isfinite(d_qkv).all().item()
    first = d_qkv.clone()
    kernel.launch(*arguments)
    torch.cuda.synchronize()
    report["deterministic"] = torch.equal(first, d_qkv)
    report["ok"] &= report["finite"] and report["deterministic"]
    if options.get("timed"):
        report["us"] = median_time(lambda: kernel.launch(*arguments))
        if dtype == torch.bfloat16 and "warps" not in options:
            report["torch_us"] = time_torch(qkv, heads)
    return report
