# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Reads the folder of a training run: what pi-train wrote (docs/pi-train.md)."""

import json
import math
import re
from pathlib import Path

import numpy as np

from pi_mlir.command_line import UserError

THRESHOLD = re.compile(r"(?:transformer\.)?(.*)\.reg_threshold_weights")


class TrainingRun:
    """The description and metrics of a run; whatever is wrong is a UserError."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.name = self.folder.resolve().name
        description = self._read_description()
        try:
            self.sequence_length = int(description["artifact"]["sequence_length"])
            self.model = str(description["artifact"]["model"])
            #: Locations of the attentions, such as "h.0.attn", by layer.
            self.attentions = [str(name) for name in description["attentions"]]
            self.options = dict(description["options"])
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"{self.folder / 'run.json'}: no description of a run: {error!r}"
            ) from error
        self.lines = self._read_metrics()

    def _read_description(self):
        path = self.folder / "run.json"
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise UserError(
                f"{path}: {error.strerror}; a run is the folder of pi-train --out"
            ) from error
        except ValueError as error:
            raise UserError(f"{path}: malformed JSON: {error}") from error

    def _read_metrics(self):
        path = self.folder / "metrics.jsonl"
        lines = []
        try:
            with open(path, encoding="utf-8") as file:
                for number, text in enumerate(file, 1):
                    # A run that goes on may be in the middle of its last line.
                    if not text.endswith("\n"):
                        break
                    lines.append(self._parse_line(path, number, text))
        except OSError as error:
            raise UserError(f"{path}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise UserError(f"{path}: not UTF-8: {error.reason}") from error
        return lines

    def _parse_line(self, path, number, text):
        try:
            line = json.loads(text)
            if not isinstance(line["step"], int):
                raise ValueError("step is no integer")
            return line
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path}: line {number}: no metrics: {error}") from error

    def series(self, key):
        """Steps and values of a number such as "loss"; null becomes NaN."""
        found = [(line["step"], line[key]) for line in self.lines if key in line]
        steps = np.array([step for step, _ in found], dtype=np.int64)
        values = [math.nan if value is None else value for _, value in found]
        try:
            return steps, np.array(values, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise UserError(
                f"{self.folder / 'metrics.jsonl'}: {key} is not a number everywhere"
            ) from error

    def entropies(self):
        """Steps, and the heads' mean entropies in nats: steps x layers x heads."""
        found = [line for line in self.lines if "entropy" in line]
        steps = np.array([line["step"] for line in found], dtype=np.int64)
        if not found:
            return steps, np.empty((0, len(self.attentions), 0))
        try:
            values = np.array([line["entropy"] for line in found], dtype=np.float64)
        except (TypeError, ValueError):
            values = np.empty(0)
        if values.ndim != 3:
            raise UserError(
                f"{self.folder / 'metrics.jsonl'}: entropies are no matrices of "
                "one shape"
            )
        return steps, values

    @property
    def largest_entropy(self):
        """log T nats: that of a row which attends to all positions alike."""
        return math.log(self.sequence_length)

    def checkpoint(self):
        """The newest checkpoint, or None."""
        path = self.folder / "checkpoints" / "latest"
        return path if path.is_dir() else None

    def thresholds(self):
        """The learned thresholds, layers x heads, or None without a regulariser."""
        checkpoint = self.checkpoint()
        if checkpoint is None:
            return None
        from safetensors import SafetensorError, safe_open

        rows = {}
        path = checkpoint / "model.safetensors"
        try:
            with safe_open(path, "numpy") as file:
                for name in file.keys():
                    if match := THRESHOLD.fullmatch(name):
                        rows[match[1]] = file.get_tensor(name).astype(np.float64)
        except (OSError, SafetensorError) as error:
            raise UserError(f"{path}: {error}") from error
        if not rows:
            return None
        by_layer = sorted(rows, key=lambda name: [int(n) for n in layer_number(name)])
        if len({rows[name].shape for name in rows}) != 1:
            raise UserError(f"{path}: layers have different numbers of thresholds")
        return np.stack([rows[name].reshape(-1) for name in by_layer])


def layer_number(location):
    """The numbers in a location such as "h.3.attn", for sorting and labels."""
    return re.findall(r"\d+", location)
