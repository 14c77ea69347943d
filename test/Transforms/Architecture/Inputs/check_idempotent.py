# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Rewrites a model into every architecture of the table, once and twice.

Both have to verify and to be the same. Usage: check_idempotent.py MODEL.mlir gelu|relu
"""

import subprocess
import sys

PLACEMENTS = ["QK", "FFN", "QK+FFN", "QKV+FFN", "QKVO+FFN"]


def names(activation):
    """The names of the table that a model with this activation can become."""
    plain = ["SM+LN", "SM+R", "SM+LN+R", "SM", "SM+ScFFN", "SM+ScFuFFN"]
    plain += [f"SM+{kind}({p})" for kind in ("WNorm", "SNorm") for p in PLACEMENTS]
    if activation == "gelu":
        plain += ["SM+LN+G", "SM+G"]
    return plain + ["SM(t)+ScFuFFN", "EReg(SM(t)+ScFuFFN)", "EReg(SM(t)+LN+R)"]


def rewrite(model, name, times):
    """The text of the model after `pi-architecture` has run so many times."""
    passes = [f"--pi-architecture=name={name}"] * times
    run = subprocess.run(["pi-opt", model, *passes], capture_output=True, text=True)
    if run.returncode != 0 or run.stderr:
        sys.exit(f"{name}, {times} times: {run.stderr}")
    return run.stdout


def main():
    model, activation = sys.argv[1:]
    results = {}
    for name in names(activation):
        once = rewrite(model, name, 1)
        if rewrite(model, name, 2) != once:
            sys.exit(f"{name}: rewriting twice differs from rewriting once")
        results.setdefault(once, []).append(name)
    same = [group for group in results.values() if len(group) > 1]
    if same:
        sys.exit(f"different names, one model: {same}")
    print(f"{len(results)} architectures")


if __name__ == "__main__":
    main()
