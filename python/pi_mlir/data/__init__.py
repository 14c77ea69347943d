# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Text as token shards, and shuffled batches of them for training.

`python -m pi_mlir.data` writes the shards; `Dataset` reads them:

    dataset = Dataset("tokens")
    batches = dataset.batches("train", batch=32, length=128, seed=1)
    ids, targets = next(batches)                # each 32 x 128, int32
    saved = batches.state                       # a small dictionary for JSON
    batches = dataset.batches("train", batch=32, length=128, state=saved)

docs/data.md specifies the files and the order of the batches.
"""

from pi_mlir.data.dataset import Batches, Dataset

__all__ = ["Batches", "Dataset"]
