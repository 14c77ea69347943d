# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The commands of the examples work and print what their text says."""

import doctest
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import TOOLS

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def read_commands(text):
    """Pairs of a command and the output that the text gives for it."""
    for block in BLOCK.findall(text):
        _, *parts = re.split(r"^\$ ", block, flags=re.MULTILINE)
        for part in parts:
            command, _, output = part.replace("\\\n", "").partition("\n")
            yield command, output


def matches(wanted, got):
    """Whether `got` is `wanted`, in which `...` is any text."""
    # A line of `...` alone may also stand for nothing.
    wanted = re.sub(r"^ *\.\.\.\n", "...", wanted, flags=re.MULTILINE)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    return doctest.OutputChecker().check_output(wanted, got, flags)


def test_matching():
    assert matches("a\n...\nd\n", "a\nb\nc\nd\n")
    assert matches("a\n...\nd\n", "a\nd\n")
    assert matches("a ... c\n", "a b c\n")
    assert not matches("a\n...\nd\n", "a\nb\n")
    assert not matches("", "a\n")
    assert list(read_commands("```console\n$ a \\\n b\nc\n$ d\n```\n")) == [
        ("a  b", "c\n"),
        ("d", ""),
    ]


def run_commands(commands, directory):
    """Runs them in `directory` and compares what they print."""
    paths = [str(TOOLS), str(Path(sys.executable).parent), os.environ["PATH"]]
    environment = {**os.environ, "PATH": os.pathsep.join(paths)}
    for command, wanted in commands:
        result = subprocess.run(
            ["bash", "-c", command],
            cwd=directory,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert matches(
            wanted, result.stdout
        ), f"$ {command}\n{result.stdout}\ndoes not match\n{wanted}"


@pytest.mark.parametrize(
    "name", sorted(p.name for p in EXAMPLES.iterdir() if p.is_dir())
)
def test_example(name, tmp_path):
    directory = tmp_path / name
    shutil.copytree(EXAMPLES / name, directory)
    commands = list(read_commands((directory / "README.md").read_text()))
    assert commands
    run_commands(commands, directory)


def test_five_minutes_of_the_readme(tmp_path):
    """From a checkpoint to text; training and private runs have their own tests."""
    commands = list(read_commands((ROOT / "README.md").read_text()))
    last = [command for command, _ in commands].index(
        "python -m pi_mlir.generate private.pi --weights tiny --text 'def fib(n):'"
    )
    run_commands(commands[: last + 1], tmp_path)
