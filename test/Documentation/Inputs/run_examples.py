# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the ```mlir examples of Markdown files through pi-opt.

Every example has to parse and verify. In the description of a pass, the
example after a line `Before:` goes through the pass, and what comes out has to
be the example after `After:`. Where the pass needs options, the line names
them: After `--pi-replace-gelu=with=relu`:. There, WEIGHTS is a checkpoint for
the example before, and OUTPUT a directory that does not exist.

A fragment, as in the description of an operation, is completed first: operands
that nothing defines become arguments of a function, with the types that the
operation's assembly gives, and parameters that nothing declares are declared.
"""

import re
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "Inputs"))
from write_weights import write_weights  # noqa: E402

PASS_HEADING = re.compile(r"^##+ `-([\w-]+)`$")
ANY_HEADING = re.compile(r"^##? ")
BEFORE = re.compile(r"^Before:$")
AFTER = re.compile(r"^After(?: `(--[^`]+)`)?:$")


@dataclass
class Example:
    file: Path
    line: int
    text: str
    role: str = ""  # "before", "after", or neither
    flags: str = ""  # the pass, with its options

    def __str__(self):
        return f"{self.file}:{self.line}"


def read_examples(file):
    """The examples of a file, with what the text before each says of it."""
    current_pass = role = flags = ""
    lines = file.read_text().splitlines()
    examples, position = [], 0
    while position < len(lines):
        line = lines[position].strip()
        position += 1
        if match := PASS_HEADING.match(line):
            current_pass, role = match.group(1), ""
        elif ANY_HEADING.match(line):
            current_pass = role = ""
        elif BEFORE.match(line):
            role, flags = "before", ""
        elif match := AFTER.match(line):
            role, flags = "after", match.group(1) or f"--{current_pass}"
        elif line == "```mlir":
            start = position
            while lines[position].strip() != "```":
                position += 1
            text = "\n".join(lines[start:position]) + "\n"
            examples.append(Example(file, start + 1, text, role, flags))
            role = ""
            position += 1
        elif line:
            role = ""
    return examples


def split_types(text):
    """Splits `a, b<c, d>` at the commas outside of brackets."""
    parts, depth = [""], 0
    for char in text:
        depth += (char in "<([{") - (char in ">)]}")
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return [part.strip() for part in parts if part.strip()]


def operand_types(signature, count):
    """The types of `count` operands in the part after the colon."""
    if match := re.match(r"\((.*?)\)\s*->", signature, re.DOTALL):
        types = split_types(match.group(1))
    else:
        types = split_types(signature)
    return types * count if len(types) == 1 else types


def complete(text):
    """Makes a module of a fragment; a whole module stays as it is."""
    statements = re.split(r"\n(?=\S)", text.strip())
    if any(re.match(r"(builtin\.)?module|func\.func", s) for s in statements):
        return text
    outer = [s for s in statements if re.match(r"pi\.(parameter|state)\b|[#!]\w|\}", s)]
    inner = [s for s in statements if s not in outer]
    defined, arguments = set(), {}
    for statement in inner:
        statement = re.sub(r"//.*", "", statement)
        # An attribute of an operation without results may have an " = ", too.
        results, body = "", statement
        if statement.startswith("%"):
            results, _, body = statement.partition(" = ")
        head, _, signature = body.partition(" : ")
        if not signature:
            head, _, signature = re.sub(r"\s+", " ", body).partition(" : ")
        operands = re.findall(r"%[\w#]+", head)
        types = operand_types(signature, len(operands))
        for operand, type in zip(operands, types):
            if operand not in defined:
                arguments.setdefault(operand, type)
        defined.update(re.findall(r"%\w+", results))
        if match := re.match(r"pi\.(?:load|store %\w+,) (@\S+) : (.*)", body):
            outer.append(f"pi.parameter {match.group(1)} : {match.group(2)}")
    if not inner:
        return "\n".join(outer)
    signature = ", ".join(f"{name}: {type}" for name, type in arguments.items())
    body = "\n".join(inner)
    return "\n".join(
        [*outer, f"func.func @example({signature}) {{", body, "return", "}"]
    )


def run_pi_opt(text, *flags):
    result = subprocess.run(
        ["pi-opt", *flags, "-"], input=text, text=True, capture_output=True
    )
    return result.returncode, result.stdout, result.stderr


def run_passes(text, flags):
    """Runs the passes of an `After` line on the text of its `Before`."""
    with tempfile.TemporaryDirectory() as directory:
        weights, output = Path(directory, "weights"), Path(directory, "output")
        if "WEIGHTS" in flags:
            write_weights(text, weights)
            flags = flags.replace("WEIGHTS", str(weights))
            flags = flags.replace("OUTPUT", str(output))
        return run_pi_opt(text, *shlex.split(flags))


def check(examples):
    """Runs all examples; the number of failures and of passes run."""
    failures = passes_run = 0
    before = None
    for example in examples:
        text = complete(example.text)
        status, printed, errors = run_pi_opt(text)
        if status != 0:
            failures += 1
            print(f"{example}: does not parse and verify:\n{errors}\n{text}")
            continue
        if example.role == "before":
            before = text
        elif example.role == "after" and before is None:
            failures += 1
            print(f"{example}: 'After' without a 'Before' that verifies")
        elif example.role == "after":
            passes_run += 1
            status, result, errors = run_passes(before, example.flags)
            if status != 0 or result != printed:
                failures += 1
                print(
                    f"{example}: pi-opt {example.flags} gives something else:\n"
                    f"{errors}{result}\nwhile the documentation has:\n{printed}"
                )
    return failures, passes_run


def main():
    examples = [e for name in sys.argv[1:] for e in read_examples(Path(name))]
    failures, passes_run = check(examples)
    print(
        f"{len(examples)} examples, {passes_run} passes run, {failures} failures",
    )
    sys.exit(1 if failures or not examples else 0)


if __name__ == "__main__":
    main()
