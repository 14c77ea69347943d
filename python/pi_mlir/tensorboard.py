# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes the metrics of training runs as TensorBoard's event files.

Each RUN gets RUN/tensorboard; event files that are there are replaced:
  tensorboard --logdir RUN/tensorboard
"""

from pathlib import Path

import numpy as np

from pi_mlir.command_line import ArgumentParser, UserError, run
from pi_mlir.training_run import TrainingRun

SCALARS = {
    "loss": "train/loss",
    "grad_norm": "train/grad_norm",
    "lr": "train/lr",
    "tokens_per_second": "train/tokens_per_second",
    "cross_entropy": "validation/cross_entropy",
    "perplexity": "validation/perplexity",
}


def convert(one, writer):
    for key, tag in SCALARS.items():
        for step, value in zip(*one.series(key)):
            writer.add_scalar(tag, value, int(step))
    for step, matrix in zip(*one.entropies()):
        for name, heads in zip(one.attentions, matrix):
            writer.add_scalar(f"entropy/{name}", heads.mean(), int(step))
        if np.isfinite(matrix).all():
            writer.add_histogram("entropy/heads", matrix, int(step))


def main(arguments=None):
    parser = ArgumentParser(prog="python -m pi_mlir.tensorboard", description=__doc__)
    parser.add_argument(
        "runs", type=Path, nargs="+", metavar="RUN", help="folder of pi-train --out"
    )
    options = parser.parse_args(arguments)
    runs = [TrainingRun(folder) for folder in options.runs]
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise UserError(
            f"event files need the packages torch and tensorboard: {error}"
        ) from error
    for one in runs:
        out = one.folder / "tensorboard"
        for earlier in out.glob("events.out.tfevents.*"):
            earlier.unlink()
        with SummaryWriter(out) as writer:
            convert(one, writer)
        print(out)
    return 0


if __name__ == "__main__":
    run(main)
