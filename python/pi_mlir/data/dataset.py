# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Reads token shards and gives their windows in a shuffled order."""

import hashlib
from pathlib import Path

import numpy as np

from pi_mlir.command_line import UserError
from pi_mlir.data.manifest import SPLITS, read_manifest
from pi_mlir.data.order import MASK64, Permutation

CHUNK = 1 << 22  # tokens that are checked at once


def _check_digest(path, digest, expected):
    if digest.hexdigest() != expected:
        raise UserError(f"{path}: its sha256 is not the manifest's")


class Dataset:
    """A folder of token shards, memory-mapped.

    Opening it checks the manifest and the sizes of all files; `verify` reads
    them too. Whatever is wrong is a UserError that names the file.
    """

    def __init__(self, folder, verify=False):
        self.folder = Path(folder)
        self.manifest = read_manifest(self.folder)
        if verify:
            self.verify()

    @property
    def vocab_size(self):
        return self.manifest.vocab_size

    def shards(self, split):
        """The shards of "train" or "validation", in the manifest's order."""
        if split not in SPLITS:
            raise ValueError(f"split has to be {' or '.join(SPLITS)}, but is {split}")
        return [shard for shard in self.manifest.shards if shard.split == split]

    def tokens(self, split):
        return sum(shard.tokens for shard in self.shards(split))

    def map(self, shard):
        """The tokens of a shard: an array that reads from the file as needed."""
        path = self.folder / shard.file
        return np.memmap(path, self.manifest.dtype, mode="r", shape=(shard.tokens,))

    def verify(self):
        """Compares every file with its checksum and its count of documents."""
        tokenizer = self.folder / self.manifest.tokenizer_file
        content = tokenizer.read_bytes()
        _check_digest(
            tokenizer, hashlib.sha256(content), self.manifest.tokenizer_sha256
        )
        for shard in self.manifest.shards:
            self._verify_shard(shard)

    def _verify_shard(self, shard):
        path, end = self.folder / shard.file, self.manifest.end_of_text
        tokens, digest, documents = self.map(shard), hashlib.sha256(), 0
        for start in range(0, shard.tokens, CHUNK):
            chunk = tokens[start : start + CHUNK]
            digest.update(chunk)
            documents += np.count_nonzero(chunk == end)
            self.check_tokens(chunk, path)
        _check_digest(path, digest, shard.sha256)
        if tokens[-1] != end:
            raise UserError(
                f"{path}: its last token is {tokens[-1]}, but has to be the end of "
                f"text, {end}"
            )
        if documents != shard.documents:
            raise UserError(
                f"{path}: {documents} documents end in it, but by the manifest "
                f"{shard.documents}"
            )

    def check_tokens(self, tokens, path):
        """Every token is in the vocabulary; a kernel would read elsewhere."""
        if (largest := tokens.max()) >= self.vocab_size:
            raise UserError(
                f"{path}: token {largest} is not below vocab_size {self.vocab_size}"
            )

    def batches(self, split, batch, length, *, seed=0, rank=0, world=1, state=None):
        """An endless iterator of batches; see `Batches`."""
        windows = Windows(self, split, length)
        return Batches(windows, batch, seed, rank, world, state)


class Windows:
    """The windows of T + 1 tokens of a split, T tokens apart, by number.

    A window lies in one shard. The last token of one is the first of the next,
    so that every token but a shard's first is a target once.
    """

    def __init__(self, dataset, split, length):
        if length < 1:
            raise ValueError(f"length has to be at least 1, but is {length}")
        self.dataset, self.length = dataset, length
        self.shards = dataset.shards(split)
        self.maps = [dataset.map(shard) for shard in self.shards]
        counts = [(shard.tokens - 1) // length for shard in self.shards]
        #: Number of each shard's first window, and at the end of all windows.
        self.starts = np.cumsum([0, *counts])
        if not len(self):
            raise UserError(
                f"{dataset.folder}: no shard of split {split} has the {length + 1} "
                f"tokens of a window; the largest has "
                f"{max((shard.tokens for shard in self.shards), default=0)}"
            )

    def __len__(self):
        return int(self.starts[-1])

    def read(self, numbers):
        """The windows of these numbers, one a row, as int32."""
        owners = np.searchsorted(self.starts, numbers, side="right") - 1
        rows = np.empty((len(numbers), self.length + 1), self.dataset.manifest.dtype)
        for row, number, owner in zip(rows, numbers, owners):
            start = int(number - self.starts[owner]) * self.length
            row[:] = self.maps[owner][start : start + self.length + 1]
        if len(rows) and rows.max() >= self.dataset.vocab_size:
            for row, owner in zip(rows, owners):
                path = self.dataset.folder / self.shards[owner].file
                self.dataset.check_tokens(row, path)
        return rows.astype(np.int32)


class Batches:
    """Endless pairs (ids, targets), each batch x length of int32.

    Targets are the ids one place further; a target may be the first token of the
    next document, as in GPT-2's training. An epoch is all windows in an order
    that (seed, epoch) chooses. Windows that do not fill a batch at the end of an
    epoch are carried over: the batch goes on with the next epoch.

    Rank r of n takes rows r B to (r + 1) B of a batch of n B rows. Gradient
    accumulation over k steps takes k batches, one after another; how n B k is
    divided does not change which windows a step sees.

    `state` is a dictionary for JSON, the same on all ranks. Batches made from it
    are those that would have followed, also with another batch size or world.
    """

    def __init__(self, windows, batch, seed=0, rank=0, world=1, state=None):
        if batch < 1:
            raise ValueError(f"batch has to be at least 1, but is {batch}")
        if not 0 <= rank < world:
            raise ValueError(f"rank has to be in [0, {world}), but is {rank}")
        self.windows, self.batch, self.rank, self.world = windows, batch, rank, world
        self.seed, self.taken = seed, 0
        if state is not None:
            self._restore(state)
        self._epoch(self.taken // len(windows))

    @property
    def state(self):
        """Where the next batch begins."""
        epoch, position = divmod(self.taken, len(self.windows))
        return {
            "seed": self.seed,
            "epoch": epoch,
            "position": position,
            "windows": len(self.windows),
        }

    def __iter__(self):
        return self

    def __next__(self):
        rows = self.windows.read(self._numbers(self.taken + self.rank * self.batch))
        self.taken += self.batch * self.world
        return np.ascontiguousarray(rows[:, :-1]), np.ascontiguousarray(rows[:, 1:])

    def _restore(self, state):
        count = len(self.windows)
        limits = {"seed": MASK64, "epoch": MASK64, "position": count - 1}
        for key, limit in {**limits, "windows": 1 << 62}.items():
            value = state.get(key) if isinstance(state, dict) else None
            if type(value) is not int or not 0 <= value <= limit:
                raise UserError(
                    f"state of the batches: {key} has to be in [0, {limit}], but is "
                    f"{value!r:.60}"
                )
        if state["windows"] != count:
            raise UserError(
                f"state of the batches: it is of {state['windows']} windows, but this "
                f"split has {count}; are the data and the length the same?"
            )
        self.seed = state["seed"]
        self.taken = state["epoch"] * count + state["position"]

    def _epoch(self, epoch):
        self.epoch = epoch
        self.order = Permutation(len(self.windows), self.seed, epoch)

    def _numbers(self, first):
        """Numbers of the windows at `first` and after, over all epochs."""
        parts, left = [], self.batch
        while left:
            epoch, position = divmod(first, len(self.windows))
            if epoch != self.epoch:
                self._epoch(epoch)
            count = min(left, len(self.windows) - position)
            parts.append(self.order(np.arange(position, position + count)))
            first, left = first + count, left - count
        return np.concatenate(parts).astype(np.int64)
