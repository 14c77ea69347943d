# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The reader of pi-train gives the batches that Python's gives."""

import subprocess
from itertools import islice

import numpy as np
import pytest

from conftest import TOOLS

from pi_mlir.data import Dataset


def dump(folder, split, batch, length, seed, count, *state):
    """The batches of pi-dump-batches, count x 2 x batch x length, and the state."""
    arguments = map(str, (folder, split, batch, length, seed, count, *state))
    result = subprocess.run(
        [TOOLS / "pi-dump-batches", *arguments], capture_output=True
    )
    assert result.returncode == 0, result.stderr
    numbers = np.frombuffer(result.stdout, "<i4").reshape(count, 2, batch, length)
    return numbers, dict(
        zip(("seed", "epoch", "position", "windows"), map(int, result.stderr.split()))
    )


@pytest.mark.parametrize("vocab_size", [300, 70000])
@pytest.mark.parametrize("split", ["train", "validation"])
@pytest.mark.parametrize("seed", [0, 2**64 - 1])
def test_batches_are_pythons(token_folder, vocab_size, split, seed):
    random = np.random.default_rng(1)
    documents = [random.integers(1, vocab_size, n) for n in (40, 7, 333, 90, 1)]
    folder = token_folder(
        {"train": documents, "validation": documents[:3]}, vocab_size, shard_tokens=50
    )
    for batch, length in ((1, 1), (3, 8), (50, 7)):  # 50 pass an epoch's end
        batches = Dataset(folder).batches(split, batch, length, seed=seed)
        expected = np.array(list(islice(batches, 6)))
        half = Dataset(folder).batches(split, batch, length, seed=seed)
        list(islice(half, 3))
        found, state = dump(folder, split, batch, length, seed, 6)
        np.testing.assert_array_equal(found, expected)
        assert state == batches.state
        resumed, state = dump(
            folder, split, batch, length, seed, 3, *list(half.state.values())[1:]
        )
        np.testing.assert_array_equal(resumed, expected[3:])
        assert state == batches.state
