# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A model as StableHLO: its steps, its parameters, and a run in the clear."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from pi_mlir.command_line import UserError

TYPES = {"f32": np.float32, "f64": np.float64, "i32": np.int32}


def find_tool(name):
    """A tool of the compiler: of the build beside this package, or on PATH."""
    directories = [os.environ.get("PI_TOOLS_DIR")]
    directories.append(Path(__file__).resolve().parents[3] / "build" / "bin")
    for directory in filter(None, directories):
        if (path := Path(directory) / name).is_file():
            return path
    if path := shutil.which(name):
        return Path(path)
    raise UserError(f"{name}: not found; build the tools, or put them on PATH")


def run_tool(name, *arguments):
    """Runs a tool; its error message is the user's."""
    command = [find_tool(name), *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        message = result.stderr.strip() or f"ended with status {result.returncode}"
        raise UserError(f"{name}: {message}")
    return result.stdout


class Program:
    """What `pi-translate --pi-to-stablehlo` makes of a module.

    `arguments`, `results` and `steps` are the lists of the interface that it
    writes beside the text; `parameters` and `derivations` are by value.
    """

    def __init__(self, text, interface):
        self.text, self.interface = text, interface
        self.arguments = interface["arguments"]
        self.results = interface["results"]
        self.steps = interface["steps"]
        self.parameters, self.derivations = (
            {entry["value"]: entry for entry in interface[kind]}
            for kind in ("parameters", "derivations")
        )
        # The emitter indents a function by two spaces and its body by more.
        functions = re.compile(
            r"^  func\.func private @(\S+?)(\(.*?^  \})$", re.MULTILINE | re.DOTALL
        )
        self.functions = dict(functions.findall(text))
        for value in (
            *self.arguments,
            *self.results,
            *self.steps,
            *self.parameters.values(),
        ):
            if value["type"] not in TYPES:
                raise UserError(
                    f"'{value['value']}' has elements of type {value['type']}; a "
                    f"private run takes {', '.join(TYPES)}"
                )

    @classmethod
    def load(cls, path):
        with tempfile.TemporaryDirectory(prefix="pi-private-") as directory:
            text, interface = Path(directory, "m.mlir"), Path(directory, "m.json")
            run_tool(
                "pi-translate",
                "--pi-to-stablehlo",
                path,
                "-o",
                text,
                f"--interface={interface}",
            )
            return cls(text.read_text(), json.loads(interface.read_text()))

    def digest(self):
        """What both parties have to agree on."""
        described = self.text + json.dumps(self.interface, sort_keys=True)
        return hashlib.sha256(described.encode()).hexdigest()

    def function_module(self, function):
        """One function as the whole of a module."""
        return f"module @step {{\n  func.func @main{self.functions[function]}\n}}\n"

    def tokens_input(self):
        """The one secret input of the model, tokens 1 x T."""
        inputs = [a for a in self.arguments if a["kind"] != "parameter"]
        shapes = [(a["kind"], a["type"], len(a["shape"])) for a in inputs]
        tokens, position = ("input", "i32", 2), ("position", "i32", 0)
        if (
            shapes not in ([tokens], [tokens, position])
            or inputs[0]["shape"][0] != 1
            or (len(inputs) == 2 and inputs[1]["name"] != "position")
        ):
            found = ", ".join(f"{a['name']}: {a['shape']} {a['type']}" for a in inputs)
            raise UserError(
                "@forward has to take tokens 1 x T of i32 alone, or with the scalar "
                f"i32 'position' of pi-next-token-only, but takes {found}"
            )
        return inputs[0]

    def position_input(self):
        """The public position whose next token is asked for; None if logits are
        those of all positions."""
        positions = [a for a in self.arguments if a["kind"] == "position"]
        return positions[0] if positions else None

    def parameter_values(self, checkpoint):
        """The parameters that @main takes, from a map of a checkpoint's tensors.

        A parameter that the checkpoint lacks is derived from others, as when
        the compiled model loads.
        """
        values = {}

        def compute(value):
            if value not in values:
                values[value] = derive(value)
            return values[value]

        def derive(value):
            if step := self.derivations.get(value):
                operands = [compute(operand) for operand in step["operands"]]
                module = self.function_module(step["function"])
                return evaluate(module, operands)[0]
            parameter = self.parameters[value]
            name = parameter["name"]
            if name in checkpoint:
                return convert(parameter, checkpoint[name])
            if "derived" in parameter:
                return compute(parameter["derived"])
            raise UserError(f"the checkpoint has no tensor '{name}'")

        def convert(parameter, array):
            if list(array.shape) != parameter["shape"]:
                raise UserError(
                    f"parameter '{parameter['name']}' has shape {list(array.shape)} in "
                    f"the checkpoint, but {parameter['shape']} in the model"
                )
            return array.astype(TYPES[parameter["type"]])

        return {
            argument["value"]: compute(argument["value"])
            for argument in self.arguments
            if argument["kind"] == "parameter"
        }


def evaluate(text, arguments):
    """Runs @main of a StableHLO module in the clear on the CPU, by XLA."""
    from jax._src import xla_bridge

    client = xla_bridge.get_backend("cpu")
    executable = client.compile(text)
    buffers = [client.buffer_from_pyval(np.asarray(array)) for array in arguments]
    return [np.asarray(result) for result in executable.execute(buffers)]
