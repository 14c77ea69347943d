# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Reads the folder of a training run: what pi-train wrote (docs/pi-train.md)."""

import math
import re
from pathlib import Path

import numpy as np

from pi_mlir.checkpoint import open_file
from pi_mlir.command_line import UserError
from pi_mlir.json_file import JsonObject, parse_json, read_json_object

THRESHOLD = re.compile(r"(?:transformer\.)?(.*)\.reg_threshold_weights")


class TrainingRun:
    """The description and metrics of a run; whatever is wrong is a UserError."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.name = self.folder.resolve().name
        path = self.folder / "run.json"
        hint = "; a run is the folder of pi-train --out"
        description = JsonObject(path, read_json_object(path, hint=hint))
        artifact = JsonObject(path, description.take("artifact", dict)[1], "artifact")
        self.sequence_length = artifact.integer("sequence_length", 1, (1 << 31) - 1)
        self.model = artifact.take("model", str)[1]
        #: Locations of the attentions, such as "h.0.attn", by layer.
        self.attentions = description.take("attentions", list)[1]
        if not all(isinstance(name, str) for name in self.attentions):
            description.fail("attentions has to be a list of names")
        self.options = description.take("options", dict)[1]
        self.metrics = self.folder / "metrics.jsonl"
        self.lines = self._read_metrics()

    def _read_metrics(self):
        lines = []
        try:
            if self.metrics.exists() and not self.metrics.is_file():
                raise UserError(f"{self.metrics}: not a regular file")
            with open(self.metrics, encoding="utf-8") as file:
                for number, text in enumerate(file, 1):
                    # A run that goes on may be in the middle of its last line.
                    if not text.endswith("\n"):
                        break
                    lines.append(self._parse_line(number, text))
        except OSError as error:
            raise UserError(f"{self.metrics}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise UserError(f"{self.metrics}: not UTF-8: {error.reason}") from error
        return lines

    def _parse_line(self, number, text):
        where = f"{self.metrics}: line {number}"
        try:
            line = parse_json(text)
            if not isinstance(line, dict):
                raise ValueError("it has to be an object")
        except ValueError as error:
            raise UserError(f"{where}: no metrics: {error}") from error
        JsonObject(where, line).integer("step", 0, (1 << 63) - 1)
        return line

    def series(self, key):
        """Steps and values of a number such as "loss"; null becomes NaN."""
        found = [(line["step"], line[key]) for line in self.lines if key in line]
        steps = np.array([step for step, _ in found], dtype=np.int64)
        try:
            return steps, np.array([to_float(value) for _, value in found])
        except (TypeError, OverflowError) as error:
            raise UserError(
                f"{self.metrics}: {key} is not a number everywhere: {error}"
            ) from error

    def entropies(self):
        """Steps, and the heads' mean entropies in nats: steps x layers x heads."""
        found = [line for line in self.lines if "entropy" in line]
        steps = np.array([line["step"] for line in found], dtype=np.int64)
        if not found:
            return steps, np.empty((0, len(self.attentions), 0))
        try:
            values = np.array([to_floats(line["entropy"], 2) for line in found])
        except (TypeError, ValueError, OverflowError):
            values = np.empty(0)
        if values.ndim != 3:
            raise UserError(f"{self.metrics}: entropies are no matrices of one shape")
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
        path = checkpoint / "model.safetensors"
        rows = {}
        with open_file(path, "numpy") as file:
            for name in file.keys():
                if match := THRESHOLD.fullmatch(name):
                    rows[match[1]] = file.get_tensor(name).astype(np.float64)
        if not rows:
            return None
        by_layer = sorted(rows, key=lambda name: [int(n) for n in layer_number(name)])
        sizes = {row.size for row in rows.values()}
        if len(sizes) != 1 or 0 in sizes:
            raise UserError(f"{path}: layers have different numbers of thresholds")
        return np.stack([rows[name].reshape(-1) for name in by_layer])


def to_float(value):
    """A number of JSON, of which null is NaN."""
    if value is None:
        return math.nan
    if type(value) not in (int, float):
        raise TypeError(f"{value!r:.60} is none")
    return float(value)


def to_floats(value, levels):
    """Lists of lists of numbers, so many levels deep."""
    if not levels:
        return to_float(value)
    if not isinstance(value, list):
        raise TypeError(f"{value!r:.60} is no list")
    return [to_floats(element, levels - 1) for element in value]


def layer_number(location):
    """The numbers in a location such as "h.3.attn", for sorting and labels."""
    return re.findall(r"\d{1,9}", location)
