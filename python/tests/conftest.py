# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What several test files need: checkpoints and the compiler's tools."""

import importlib.machinery
import importlib.util
import os
import subprocess
from pathlib import Path

import pytest

from pi_mlir.data.shards import Numbers, write_shards
from pi_mlir.make_checkpoint import make_checkpoint

ROOT = Path(__file__).parents[2]
SKIPPED = 77  # what ctest reads as "skipped"
TOOLS = Path(os.environ.get("PI_TOOLS_DIR", ROOT / "build" / "bin"))


def pytest_sessionstart():
    for package in ("torch", "transformers"):
        if importlib.util.find_spec(package) is None:
            pytest.exit(f"skipped: these tests need {package}", returncode=SKIPPED)


def run_tool(name, *arguments):
    """Runs a tool of the compiler, and shows its errors where it fails."""
    command = [TOOLS / name, *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, f"{command}: {result.stderr}"
    return result.stdout


def load_script(path):
    """A program of the project, whose name is no module's, as a module."""
    name = Path(path).name.replace("-", "_")
    loader = importlib.machinery.SourceFileLoader(name, str(ROOT / path))
    spec = importlib.util.spec_from_loader(name, loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture
def checkpoint(tmp_path):
    """Makes a tiny checkpoint: `checkpoint(**options)` gives (directory, model).

    Weights are larger than GPT-2's initial ones, so that attention is not
    nearly uniform and the next tokens differ clearly.
    """

    def make(**options):
        settings = dict(
            vocab_size=300,
            n_positions=96,
            n_embd=64,
            n_layer=2,
            n_head=4,
            initializer_range=0.2,
            tokenizer=False,
        )
        directory = tmp_path / "checkpoint"
        model = make_checkpoint(directory, **{**settings, **options})
        return directory, model

    return make


@pytest.fixture
def tokens():
    """Random token ids: `tokens(batch, length)` below a vocabulary of 300."""
    import torch

    generator = torch.Generator().manual_seed(1)
    return lambda batch, length: torch.randint(
        300, (batch, length), generator=generator
    )


@pytest.fixture
def compile_model(tmp_path):
    """Compiles a checkpoint directory for the CPU and gives the artefact.

    `passes` are arguments of pi-opt in between, the other options those of the
    import.
    """

    def compile_checkpoint(directory, *passes, **options):
        flags = [f"--{name.replace('_', '-')}={n}" for name, n in options.items()]
        imported, rewritten = tmp_path / "gpt2.mlir", tmp_path / "private.mlir"
        artifact = tmp_path / "private.pi"
        run_tool("pi-translate", "--import-gpt2", directory, *flags, "-o", imported)
        run_tool("pi-opt", imported, *passes, "-o", rewritten)
        run_tool("pi-compile", rewritten, "--target=cpu", "-o", artifact)
        return artifact

    return compile_checkpoint


@pytest.fixture
def token_folder(tmp_path):
    """Token shards of given tokens: `token_folder({"train": documents})`."""

    def write(splits, vocab_size=300, shard_tokens=1 << 20):
        folder = tmp_path / "tokens"
        folder.mkdir()
        write_shards(folder, Numbers(vocab_size), splits, shard_tokens, {})
        return folder

    return write
