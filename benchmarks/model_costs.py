# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the reports on costs share: models, architectures, and the tools."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ARCHITECTURES = [
    "SM+LN+G",
    "SM+LN+R",
    "SM+LN",
    "SM+G",
    "SM+R",
    "SM+WNorm(FFN)",
    "SM+SNorm(FFN)",
    "SM+ScFFN",
    "SM+ScFuFFN",
    "EReg(SM(t)+ScFuFFN)",
]


def make_config(length, layers, vocabulary):
    """GPT-2 small's configuration with other sizes."""
    return {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "activation_function": "gelu_new",
        "n_positions": length,
        "n_ctx": length,
        "n_embd": 768,
        "n_layer": layers,
        "n_head": 12,
        "vocab_size": vocabulary,
        "layer_norm_epsilon": 1e-5,
        "initializer_range": 0.02,
    }


class Tools:
    """The tools of a build, run on files in a scratch directory."""

    def __init__(self, directory, scratch):
        self.directory = Path(directory)
        self.scratch = Path(scratch)

    def run(self, tool, *arguments):
        command = [self.directory / tool, *arguments]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode:
            sys.exit(f"{' '.join(map(str, command))}\n{result.stderr}")

    def import_model(self, length, layers, vocabulary):
        path = self.scratch / f"{length}-{layers}-{vocabulary}.mlir"
        config = path.with_suffix(".json")
        config.write_text(json.dumps(make_config(length, layers, vocabulary)))
        self.run("pi-translate", "--import-gpt2", config, "-o", path)
        return path

    def estimate(self, model, passes, options):
        """The report on a model after these passes."""
        with tempfile.NamedTemporaryFile(dir=self.scratch, suffix=".json") as output:
            cost = f"--pi-estimate-cost={options} format=json output={output.name}"
            self.run("pi-opt", model, *passes, cost, "-o", os.devnull)
            return json.loads(Path(output.name).read_text())


def print_rows(header, rows):
    widths = [max(map(len, column)) for column in zip(header, *rows)]
    for row in [header, ["-" * width for width in widths], *rows]:
        cells = [row[0].ljust(widths[0]), row[1].ljust(widths[1])]
        cells += [cell.rjust(width) for cell, width in zip(row[2:], widths[2:])]
        print("  ".join(cells).rstrip())
