# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The kernels of the cross-entropy: which are built, and how they are checked.

What builds kernels needs no PyTorch, so that is imported by the checks alone.
"""

IGNORED = -100
# A row is checked in double precision; of many, the first and the last ones.
CHECKED_ROWS = 64


def cases():
    """Kinds and options: a training step, then corner cases."""
    rows = {"rows": 32768}
    for shape in [{"columns": 50304}, {"columns": 50257, "row-stride": 50264}]:
        yield "cross-entropy", rows | shape | {"timed": True}
    yield "cross-entropy", rows | {"columns": 50304, "gradient": False, "timed": True}
    yield "cross-entropy", {"rows": 4096, "columns": 50304, "timed": True}
    yield "cross-entropy", {"rows": 4096, "columns": 50304, "losses": False}
    for dtype in ["bf16", "f32"]:
        base = {"dtype": dtype, "rows": 200}
        # One class, odd rows, few accesses, all kinds of padding, rows that are
        # too long for shared memory.
        for columns, stride in [
            (1, 1),
            (7, 7),
            (33, 34),
            (33, 64),
            (1000, 1000),
            (1001, 1001),
            (4096, 4096),
            (4095, 4096),
            (50257, 50304),
            (131072, 131072),
            (262144, 262144),
        ]:
            yield "cross-entropy", base | {"columns": columns, "row-stride": stride}
            yield "cross-entropy", base | {
                "columns": columns,
                "row-stride": stride,
                "gradient": False,
            }
    for rows in [1, 31, 1025, 8192, 32768, 100003]:
        yield "target-count", {"rows": rows}
        yield "mean-loss", {"rows": rows}


def time_torch(logits, targets):
    """Microseconds of PyTorch's loss and gradient."""
    import torch.nn.functional as F
    from measure import median_time

    logits = logits.detach().requires_grad_()

    def run():
        logits.grad = None
        F.cross_entropy(logits, targets).backward()

    return median_time(run, repeats=1)


def check_rows(kernel, options):
    import torch
    import torch.nn.functional as F
    from measure import DEVICE, TOLERANCE, TYPES, median_time, random

    dtype = TYPES[options.get("dtype", "bf16")]
    rows, columns = options["rows"], options["columns"]
    stride = options.get("row-stride") or columns
    has_losses = options.get("losses", True)
    has_gradient = options.get("gradient", True)
    # What stands beyond the columns is never used.
    logits = torch.full((rows, stride), torch.nan, dtype=dtype, device=DEVICE)
    for part in logits[:, :columns].split(4096):
        part.copy_(random(part.shape, dtype, 3.0))
    targets = torch.randint(columns, (rows,), dtype=torch.int32, device=DEVICE)
    targets[0], targets[-1] = 0, columns - 1
    targets[1::7] = IGNORED
    count = (targets != IGNORED).sum().float().reshape(1)
    losses = torch.full((rows,), torch.nan, device=DEVICE)
    checked = sorted({*range(min(rows, CHECKED_ROWS)), *range(rows)[-CHECKED_ROWS:]})
    sample = logits[checked, :columns].double().requires_grad_()
    wanted = targets[checked].long()
    expected = F.cross_entropy(sample, wanted, ignore_index=IGNORED, reduction="none")
    (gradient,) = torch.autograd.grad(expected.sum() / count.double(), sample)
    arguments = [logits, targets]
    arguments += [count] if has_gradient else []
    arguments += [losses] if has_losses else []
    arguments += [logits] if has_gradient else []
    kernel.launch(*arguments)
    torch.cuda.synchronize()
    report = {"ok": True}
    if has_losses:
        error = (losses[checked].double() - expected).abs().max().item()
        # f32 beside losses of about 10, and powers of two units in the last place.
        report["loss_error"] = error
        report["ok"] &= error < 1e-5
    if has_gradient:
        # Of the greatest that there can be: with one class, all are 0.
        difference = logits[checked, :columns].double() - gradient
        report["error"] = difference.abs().max().item() * count.item()
        report["ok"] &= report["error"] < TOLERANCE[dtype]
        report["ok"] &= not logits[:, columns:].any().item()
    if options.get("timed"):
        report["us"] = median_time(lambda: kernel.launch(*arguments), repeats=4)
        moved = rows * stride * dtype.itemsize * (2 if has_gradient else 1)
        report["gigabytes_per_second"] = moved / report["us"] / 1e3
        if has_gradient and stride == columns:
            report["torch_us"] = time_torch(logits, targets.long())
    return report


def check_count(kernel, options):
    import torch
    from measure import DEVICE, median_time

    targets = torch.arange(options["rows"], dtype=torch.int32, device=DEVICE)
    targets[::3] = IGNORED
    count = torch.full((1,), torch.nan, device=DEVICE)
    kernel.launch(targets, count)
    # One at least, so that nothing is divided by 0.
    ok = count.item() == max((targets != IGNORED).sum().item(), 1)
    return {"ok": ok, "us": median_time(lambda: kernel.launch(targets, count))}


def check_mean(kernel, options):
    import torch
    from measure import DEVICE, median_time

    losses = torch.rand(options["rows"], device=DEVICE) * 10
    count = torch.full((1,), 0.5 * options["rows"], device=DEVICE)
    loss = torch.full((), torch.nan, device=DEVICE)
    kernel.launch(losses, count, loss)
    expected = losses.double().sum().item() / count.item()
    error = abs(loss.item() - expected) / expected
    time = median_time(lambda: kernel.launch(losses, count, loss))
    return {"ok": error < 1e-6, "error": error, "us": time}


CHECKS = {
    "cross-entropy": check_rows,
    "target-count": check_count,
    "mean-loss": check_mean,
}
