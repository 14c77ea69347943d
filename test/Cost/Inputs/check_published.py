# Part of the pi-mlir project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""usage: check_published.py SOURCE_DIR SCRATCH_DIR

Compares what the tools on PATH estimate with the published figures."""

import importlib.machinery
import importlib.util
import os
import shutil
import sys
from pathlib import Path

COUNTS = {
    "SM+LN+G": "SM {heads}xR^{{{t}x{t}}}, LN {norms}xR^{{{t}x768}}, G {layers}xR^{{{t}x3072}}",
    "SM+LN+R": "SM {heads}xR^{{{t}x{t}}}, LN {norms}xR^{{{t}x768}}, R {layers}xR^{{{t}x3072}}",
    "SM+ScFuFFN": "SM {heads}xR^{{{t}x{t}}}",
    "EReg(SM(t)+ScFuFFN)": "SM {heads}xR^{{{t}x{t}}}",
}


def load_paper_table(source):
    path = str(Path(source) / "benchmarks" / "paper_table")
    sys.path.insert(0, str(Path(source) / "benchmarks"))
    loader = importlib.machinery.SourceFileLoader("paper_table", path)
    spec = importlib.util.spec_from_loader("paper_table", loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def check(name, report, row):
    """What deviates from the published `row`, as lines of text."""
    totals = report["totals"]
    problems = []
    for part, column in (("ffn", "ffn_gflops"), ("attention", "attention_gflops")):
        # Printed with one decimal, in one case rounded twice.
        gflops = totals["flops"][part] / 1e9
        if abs(gflops - float(row[column])) > 0.0501 + 0.005:
            problems.append(f"{part} FLOPs {gflops:.3f}B, published {row[column]}B")
    for value, column, bound in (
        (totals["bytes"] / 1e9, "gigabytes", 0.015),
        (totals["seconds"] / 60, "minutes", 0.05),
    ):
        if abs(value / float(row[column]) - 1) > bound:
            problems.append(f"{value:.3f} {column}, published {row[column]}")
    return [f"{name}: {problem}" for problem in problems]


def main():
    source, scratch = sys.argv[1:]
    paper = load_paper_table(source)
    os.makedirs(scratch, exist_ok=True)
    tools = paper.Tools(Path(shutil.which("pi-opt")).parent, scratch)
    problems = []
    compared = 0
    models = {}
    for (architecture, length, layers), row in paper.read_published().items():
        setting = (length, layers, int(row["vocabulary"]))
        if setting not in models:
            models[setting] = tools.import_model(*setting)
        options = "protocol=cheetah network=paper"
        report = paper.estimate(tools, models[setting], architecture, options)
        name = f"{architecture} T={length} L={layers}"
        problems += check(name, report, row)
        counts = COUNTS[architecture].format(
            heads=12 * layers, norms=2 * layers, layers=layers, t=length
        )
        if paper.format_nonlinear(report) != counts:
            problems.append(f"{name}: {paper.format_nonlinear(report)}, not {counts}")
        compared += 1
    print("\n".join(problems) or f"{compared} rows agree")
    sys.exit(bool(problems) or compared < 16)


if __name__ == "__main__":
    main()
