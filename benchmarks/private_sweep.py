# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Bytes of real two-party runs beside the cost model, over all architectures and
several sizes.

  .venv/bin/python benchmarks/private_sweep.py DIR

Makes a checkpoint of each size, trained a little, runs each architecture on it
with pi-private-run (scripts/setup --spu), and prints for each what was sent
beside what pi-estimate-cost says, by kind of operation and in total, at how many
of 100 positions of random prompts the most likely token is the one of a run in
the clear, and the largest difference of a logit.

DIR keeps checkpoints, modules, and results.json, to which every finished run is
added: a sweep that was stopped goes on where it was. What the model says is
computed when the tables are printed (--report prints them alone), so a change of
the model needs no new run. A run that fails is reported, and tried again by the
next sweep; exit status 1 then.
"""

import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / "build" / "bin"
sys.path.insert(0, str(ROOT / "python"))

from pi_mlir.command_line import ArgumentParser, UserError, run  # noqa: E402
from pi_mlir.private import report  # noqa: E402
from pi_mlir.private.program import run_tool  # noqa: E402
from pi_mlir.private_run import estimate_costs, parse_positive  # noqa: E402

VOCABULARY = 512
TRAIN_STEPS = 30
POSITIONS = 100
PROMPT_LENGTH = 25
PLACEMENTS = ["QK", "FFN", "QK+FFN", "QKV+FFN", "QKVO+FFN"]
#: Architectures that differ in what they send, then those that only differ in
#: weights that the server computes before the run.
ARCHITECTURES = [
    "EReg(SM(t)+ScFuFFN)",
    "SM+LN+G",
    "SM+LN+R",
    "SM+LN",
    "SM+G",
    "SM+R",
    "SM",
    "SM+ScFFN",
    "SM+ScFuFFN",
    "SM(t)+ScFuFFN",
    *[f"SM+WNorm({placement})" for placement in PLACEMENTS],
    *[f"SM+SNorm({placement})" for placement in PLACEMENTS],
]

#: What is kept of a run's report: of each step, and of the logits.
STEP_MEMBERS = ["location", "op", "measured", "messages", "seconds", "primitives"]
AGREEMENT = ["largest_difference", "largest_logit", "same_tokens", "positions"]


class Size(NamedTuple):
    width: int
    length: int
    layers: int
    heads: int

    def __str__(self):
        return f"d={self.width}, T={self.length}, L={self.layers}, H={self.heads}"


class Case(NamedTuple):
    architecture: str
    size: Size


BASE = Size(128, 32, 2, 4)
SIZES = [
    Size(64, 16, 1, 4),
    Size(256, 64, 1, 4),
    Size(128, 64, 2, 4),
    Size(128, 32, 4, 4),
]
CASES = [Case(name, BASE) for name in ARCHITECTURES] + [
    Case(name, size) for size in SIZES for name in ("EReg(SM(t)+ScFuFFN)", "SM+LN+G")
]


def parse_arguments(arguments):
    parser = ArgumentParser(prog="private_sweep.py", description=__doc__)
    parser.add_argument("directory", type=Path, metavar="DIR")
    parser.add_argument("--inputs", choices=["shared", "owned"], default="shared")
    parser.add_argument(
        "--only", metavar="NAME", help="one architecture, as SM+LN+G (default: all)"
    )
    parser.add_argument(
        "--report", action="store_true", help="print the tables and run nothing"
    )
    parser.add_argument(
        "--memory-limit",
        type=parse_positive(float),
        default=8.0,
        metavar="GIB",
        help="of each party (default: 8)",
    )
    options = parser.parse_args(arguments)
    if options.only is not None and options.only not in ARCHITECTURES:
        parser.error(
            f"unknown architecture '{options.only}'; known are "
            + ", ".join(ARCHITECTURES)
        )
    return options


# ===-- Results ---------------------------------------------------------------#


class Results:
    """The finished runs, in a file that is always complete."""

    def __init__(self, path):
        self.path, self.runs = path, []
        if not path.exists():
            return
        try:
            self.runs = json.loads(path.read_text())["runs"]
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path}: is no file of this program ({error})") from error

    def find(self, case, inputs):
        """The runs of a case."""
        key = {"architecture": case.architecture, **case.size._asdict()}
        key["inputs"] = inputs
        return [run for run in self.runs if run["case"] == key]

    def add(self, case, inputs, prompt, result):
        key = {"architecture": case.architecture, **case.size._asdict()}
        steps = [
            {name: row[name] for name in STEP_MEMBERS} for row in result["operations"]
        ]
        run = {"case": {**key, "inputs": inputs}, "prompt": prompt, "steps": steps}
        run.update({name: result[name] for name in AGREEMENT})
        self.runs.append(run)
        report.write_json(self.path, {"schema_version": 1, "runs": self.runs})


# ===-- Runs ------------------------------------------------------------------#


def make_prompts(size):
    """Random tokens, POSITIONS in all."""
    length = min(PROMPT_LENGTH, size.length)
    generator = random.Random(0)
    tokens = [generator.randrange(VOCABULARY) for _ in range(POSITIONS)]
    return [tokens[i : i + length] for i in range(0, POSITIONS, length)]


def get_checkpoint(directory, size):
    """A checkpoint of this size, made if it is not there."""
    name = "-".join(map(str, size))
    path = directory / "checkpoints" / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        options = {
            "n-embd": size.width,
            "n-positions": size.length,
            "n-layer": size.layers,
            "n-head": size.heads,
            "vocab-size": VOCABULARY,
            "train-steps": TRAIN_STEPS,
        }
        command = [sys.executable, "-m", "pi_mlir.make_checkpoint", path]
        for option, value in options.items():
            command += [f"--{option}", str(value)]
        environment = {"PYTHONPATH": str(ROOT / "python"), "PATH": "/usr/bin:/bin"}
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    return path


def make_module(checkpoint, architecture, scratch):
    """The module of a model."""
    imported, module = scratch / "gpt2.mlir", scratch / "private.mlir"
    run_tool("pi-translate", "--import-gpt2", checkpoint, "-o", imported)
    option = f"--pi-architecture=name={architecture}"
    run_tool("pi-opt", imported, option, "-o", module)
    return module


def run_private(case, tokens, options, scratch):
    """The report of one private run."""
    checkpoint = get_checkpoint(options.directory, case.size)
    module = make_module(checkpoint, case.architecture, scratch)
    output = scratch / "run.json"
    run_tool(
        "pi-private-run",
        module,
        f"--weights={checkpoint}",
        f"--tokens={','.join(map(str, tokens))}",
        f"--inputs={options.inputs}",
        f"--memory-limit={options.memory_limit}",
        f"--json={output}",
    )
    return json.loads(output.read_text())


def sweep(cases, results, options, scratch):
    """Runs what `results` lacks, first one prompt of each case; gives the number
    of runs that failed."""
    missing = []
    for case in cases:
        done = {run["prompt"] for run in results.find(case, options.inputs)}
        for index, tokens in enumerate(make_prompts(case.size)):
            if index not in done:
                missing.append((index, case, tokens))
    missing.sort(key=lambda run: run[0])
    failures = 0
    for number, (index, case, tokens) in enumerate(missing, 1):
        name = f"{case.architecture}, {case.size}, prompt {index}"
        print(f"{number} of {len(missing)}: {name}", file=sys.stderr, flush=True)
        try:
            result = run_private(case, tokens, options, scratch)
        except UserError as error:
            print(f"{name}: {error}", file=sys.stderr, flush=True)
            failures += 1
            continue
        results.add(case, options.inputs, index, result)
    return failures


# ===-- Tables ----------------------------------------------------------------#


def summarize(case, runs, options, scratch):
    """One case: by kind and in total, over all its runs, and how logits agree."""
    checkpoint = get_checkpoint(options.directory, case.size)
    module = make_module(checkpoint, case.architecture, scratch)
    costs = estimate_costs(SimpleNamespace(model=module, inputs=options.inputs))
    rows = [row for one in runs for row in report.join_costs(one["steps"], costs)]
    total = report.add_rows(rows)
    worst = max(runs, key=lambda one: one["largest_difference"])
    return {
        "kinds": {row["kind"]: row for row in report.by_kind(rows) if row["measured"]},
        "megabytes": total["measured"] / len(runs) / 1e6,
        "ratio": report.get_ratio(total),
        "same_tokens": sum(one["same_tokens"] for one in runs),
        "positions": sum(one["positions"] for one in runs),
        "largest_difference": worst["largest_difference"],
        "largest_logit": worst["largest_logit"],
        "runs": len(runs),
    }


def format_markdown(lines):
    lines = [lines[0], ["---"] * len(lines[0]), *lines[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def format_kind(summary, kind):
    """Measured / modelled of a kind; in parentheses where it is below 1 MB."""
    row = summary["kinds"].get(kind)
    if row is None:
        return ""
    ratio = report.get_ratio(row)
    text = "not modelled" if ratio is None else f"{ratio:.3f}"
    return text if row["measured"] / summary["runs"] >= 1e6 else f"({text})"


def format_table(heading, named):
    """A table of cases: `named` has pairs of a row's name and its summary."""
    kinds = list(dict.fromkeys(kind for _, s in named for kind in s["kinds"]))
    short = [kind.rpartition(".")[2].replace("_", " ") for kind in kinds]
    lines = [
        [heading, "MB", "total", *short, "same token"]
        + ["largest difference of a logit, of"]
    ]
    for name, summary in named:
        lines.append(
            [name, f"{summary['megabytes']:.2f}", f"{summary['ratio']:.3f}"]
            + [format_kind(summary, kind) for kind in kinds]
            + [
                f"{summary['same_tokens']} of {summary['positions']}",
                f"{summary['largest_difference']:.2g}, "
                f"{summary['largest_logit']:.2g}",
            ]
        )
    return format_markdown(lines)


def print_tables(cases, results, options, scratch):
    summaries = []
    for case in cases:
        if runs := results.find(case, options.inputs):
            summaries.append((case, summarize(case, runs, options, scratch)))
    by_architecture = [(c.architecture, s) for c, s in summaries if c.size == BASE]
    by_size = [
        (f"{case.architecture}, {case.size}", s)
        for case, s in summaries
        if case.size != BASE
    ]
    print(
        f"Inputs {options.inputs}, V={VOCABULARY}. MB sent by both parties; then "
        "measured / modelled in\ntotal and by kind, in parentheses where a kind "
        "sends less than 1 MB.\n"
    )
    if by_architecture:
        print(format_table(f"at {BASE}", by_architecture) + "\n")
    if by_size:
        print(format_table("by size", by_size) + "\n")


def main():
    options = parse_arguments(None)
    cases = [c for c in CASES if options.only in (None, c.architecture)]
    options.directory.mkdir(parents=True, exist_ok=True)
    results = Results(options.directory / "results.json")
    failures = 0
    with tempfile.TemporaryDirectory(prefix="pi-sweep-") as name:
        scratch = Path(name)
        if not options.report:
            failures = sweep(cases, results, options, scratch)
        print_tables(cases, results, options, scratch)
    if failures:
        raise UserError(f"{failures} runs failed")


if __name__ == "__main__":
    run(main)
