# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""usage: check_explore.py SCRATCH_DIR

Compares what pi-explore says with what pi-opt makes and estimates."""

import itertools
import json
import os
import subprocess
import sys
import time
from pathlib import Path

# Measured: 0.4 s. A machine that also does other things is slower.
SECONDS = 10.0
NAMES = (
    "SM+LN+G SM+LN+R SM+LN SM+G SM+R SM SM+ScFFN SM+ScFuFFN EReg(SM(t)+ScFuFFN)"
).split()
ONE_LAYER = {"n_layer": 1, "n_head": 4, "n_embd": 64, "vocab_size": 96}
NORMALIZED = ("SM+WNorm(QKV+FFN)", "SM+SNorm(FFN)")


class Tools:
    def __init__(self, scratch):
        self.scratch = Path(scratch)
        self.scratch.mkdir(parents=True, exist_ok=True)

    def run(self, *command):
        return subprocess.run(
            [str(part) for part in command],
            check=True,
            text=True,
            stdout=subprocess.PIPE,
        ).stdout

    def explore(self, *options):
        path = self.scratch / "explore.json"
        self.run("pi-explore", *options, "--json", path, "-o", "/dev/null")
        return json.loads(path.read_text())

    def estimate(self, module, *passes, options=""):
        report = self.scratch / "cost.json"
        cost = f"--pi-estimate-cost=format=json output={report} {options}"
        self.run("pi-opt", module, *passes, cost, "-o", "/dev/null")
        return json.loads(report.read_text())


def check_row(row, report):
    totals = report["totals"]
    assert row["bytes"] == totals["bytes"], (row, totals)
    assert row["rounds"] == totals["rounds"], (row, totals)
    assert row["seconds"] == totals["seconds"], (row, totals)
    assert row["nonlinear"] == report["nonlinear"], row


def check_rows(tools, model, setting, cost, numbers):
    """Rows that are emitted, and made by their pipeline, cost what is listed."""
    rows = tools.explore(*setting, *cost)["architectures"]
    options = " ".join(option.lstrip("-") for option in cost)
    emitted, made = tools.scratch / "emitted.mlir", tools.scratch / "made.mlir"
    for number in numbers(rows):
        row = rows[number - 1]
        assert row["row"] == number
        tools.run("pi-explore", *setting, *cost, "--emit", number, "-o", emitted)
        check_row(row, tools.estimate(emitted, options=options))
        pipeline = f"--pass-pipeline={row['pipeline']}"
        tools.run("pi-opt", model, pipeline, "--mlir-print-debuginfo", "-o", made)
        assert made.read_text() == tools.run(
            "pi-opt", emitted, "--mlir-print-debuginfo"
        ), row["pipeline"]


def check_names(tools, model, rows):
    """Every name is there, once, with the cost that pi-architecture gives."""
    named = {row["name"]: row for row in rows if row["name"]}
    assert sorted(named) == sorted(NAMES), named.keys()
    assert sum(bool(row["name"]) for row in rows) == len(NAMES)
    for name, row in named.items():
        report = tools.estimate(model, f"--pi-architecture=name={name}")
        assert row["bytes"] == report["totals"]["bytes"], name
    for name in NORMALIZED:
        report = tools.estimate(model, f"--pi-architecture=name={name}")
        assert named["SM"]["bytes"] == report["totals"]["bytes"], name


def dominates(one, other):
    """Whether `one` is at least as good in both respects and better in one."""
    return (
        one["kept"] >= other["kept"]
        and one["bytes"] <= other["bytes"]
        and (one["kept"], one["bytes"]) != (other["kept"], other["bytes"])
    )


def check_frontier(rows):
    frontier = [row for row in rows if row["on_frontier"]]
    for row in rows:
        beaten = [other for other in rows if dominates(other, row)]
        if row["on_frontier"]:
            assert not beaten and row["excess"] == 0, (row, beaten[0])
        else:
            assert any(
                dominates(other, row)
                or (other["kept"], other["bytes"]) == (row["kept"], row["bytes"])
                for other in frontier
            ), row
    # Rows that a table lists come first, and fewer bytes keep less.
    listed = [bool(row["name"] or row["on_frontier"]) for row in rows]
    assert listed == sorted(listed, reverse=True)
    sent = [row["bytes"] for row in frontier]
    assert sent == sorted(sent, reverse=True) and len(frontier) > 3


def lower_hull(points):
    """The points (kept, bytes) below which no line between two others passes."""
    hull = []
    for point in sorted(points):
        while len(hull) >= 2:
            (x0, y0), (x1, y1), (x2, y2) = hull[-2], hull[-1], point
            if (y1 - y0) * (x2 - x0) < (y2 - y0) * (x1 - x0):
                break
            hull.pop()
        hull.append(point)
    return hull


def check_other_text(tools):
    """A file's name may be no UTF-8, which JSON has to be."""
    config = tools.scratch / os.fsdecode(b"one\xfflayer.json")
    config.write_text(json.dumps(ONE_LAYER))
    explored = tools.explore("--config", config, "--seq-len", 16)
    assert explored["model"].endswith("one\ufffdlayer.json"), explored["model"]


def check_large_counts(tools):
    """Counts are whole numbers of 64 bits and end with the largest."""
    config = tools.scratch / "long.json"
    sizes = {"n_positions": 2**30, "n_head": 1, "n_embd": 8}
    config.write_text(json.dumps(ONE_LAYER | sizes))
    rows = tools.explore("--config", config)["architectures"]
    assert all(row["bytes"] == 2**63 - 1 and row["rounds"] > 0 for row in rows)


def check_against_all(tools):
    """One layer: no combination of rewrites is below what the search found."""
    config = tools.scratch / "one_layer.json"
    config.write_text(json.dumps(ONE_LAYER))
    setting = ("--config", config, "--seq-len", 16)
    found = tools.explore(*setting)["architectures"]
    model = tools.scratch / "one_layer.mlir"
    tools.run("pi-translate", "--import-gpt2", config, "--seq-len", 16, "-o", model)
    choices = (
        {(): 1, ("--pi-remove-layer-norm=before=attention",): 0},
        {(): 1, ("--pi-remove-layer-norm=before=feed-forward",): 0},
        {(): 1, ("--pi-remove-layer-norm=in-layers=false final=remove",): 0},
        {
            (): 1,
            ("--pi-replace-gelu",): 0.5,
            ("--pi-replace-gelu=with=identity",): 0,
            ("--pi-replace-gelu=with=identity", "--pi-fuse-ffn"): 0,
        },
    )
    points = []
    for combination in itertools.product(*(choice.items() for choice in choices)):
        passes = [one for passes, _ in combination for one in passes]
        kept = 1 + sum(kept for _, kept in combination)
        points.append((kept, tools.estimate(model, *passes)["totals"]["bytes"]))
    known = {(row["kept"], row["bytes"]) for row in found if row["on_frontier"]}
    missing = set(lower_hull(points)) - known
    assert not missing, (missing, sorted(known))


def main():
    tools = Tools(sys.argv[1])
    model = tools.scratch / "gpt2.mlir"
    tools.run("pi-translate", "--import-gpt2", "gpt2", "--seq-len", 128, "-o", model)
    setting = ("--config", "gpt2", "--seq-len", 128)
    start = time.perf_counter()
    rows = tools.explore(*setting)["architectures"]
    seconds = time.perf_counter() - start
    assert seconds < SECONDS, seconds
    print(f"{len(rows)} architectures in {seconds:.2f} s")
    check_names(tools, model, rows)
    check_frontier(rows)
    check_rows(
        tools, model, setting, (), lambda rows: (1, 2, 20, 51, 55, 90, len(rows))
    )
    cost = (
        "--protocol=spu-0.9.5",
        "--network=lan",
        "--weights=known",
        "--tokens=known",
    )
    check_rows(tools, model, setting, cost, lambda rows: (1, 25, len(rows) // 2))
    check_against_all(tools)
    check_other_text(tools)
    check_large_counts(tools)


if __name__ == "__main__":
    main()
