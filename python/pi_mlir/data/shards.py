# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Encodes documents and writes them as token shards with a manifest."""

import hashlib
import json
from pathlib import Path

import numpy as np

from pi_mlir.command_line import UserError
from pi_mlir.data.manifest import (
    DTYPES,
    FORMAT,
    MANIFEST_FILE,
    MAXIMAL_VOCABULARY,
    VERSION,
    Shard,
    dtype_name,
)
from pi_mlir.tokenizer import END_OF_TEXT, TOKENIZER_FILE

BATCH_BYTES = 1 << 22  # text that is encoded at once, on all cores


class Vocabulary:
    """A tokenizer as these files need it: every token of every text, no more."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer
        self.size = max(tokenizer.get_vocab().values(), default=-1) + 1
        self.end_of_text = tokenizer.token_to_id(END_OF_TEXT)
        if self.end_of_text is None:
            raise UserError(f"the tokenizer has no token {END_OF_TEXT}")
        if self.size > MAXIMAL_VOCABULARY:
            raise UserError(f"{self.size} tokens are more than int32 can tell apart")
        self.dtype = DTYPES[dtype_name(self.size)]
        # A document that speaks of <|endoftext|> does not end there.
        tokenizer.encode_special_tokens = True

    def encode(self, documents):
        """The tokens of each document and the end of text, in order."""
        batch, size = [], 0
        for document in documents:
            batch.append(document.read())
            size += document.size
            if size >= BATCH_BYTES:
                yield from self._encode_batch(batch)
                batch, size = [], 0
        yield from self._encode_batch(batch)

    def _encode_batch(self, texts):
        encodings = self.tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        for encoding in encodings:
            yield np.array([*encoding.ids, self.end_of_text], self.dtype)


class Numbers:
    """Stands for a tokenizer whose documents are arrays of tokens already."""

    def __init__(self, size, end_of_text=0):
        self.size, self.end_of_text, self.tokenizer = size, end_of_text, self
        self.dtype = DTYPES[dtype_name(size)]

    def save(self, path):
        Path(path).write_text("{}")

    def encode(self, documents):
        for tokens in documents:
            yield np.array([*tokens, self.end_of_text], self.dtype)


class ShardWriter:
    """Writes the documents of a split one after another into shards.

    A shard is closed with the document that brings it to `shard_tokens`, so that
    no document is cut.
    """

    def __init__(self, folder, split, shard_tokens):
        self.folder, self.split, self.shard_tokens = folder, split, shard_tokens
        self.shards, self.file = [], None

    def add(self, tokens):
        if self.file is None:
            self.name = f"{self.split}-{len(self.shards):05}.bin"
            self.file = open(self.folder / self.name, "wb")
            self.tokens, self.documents, self.digest = 0, 0, hashlib.sha256()
        self.file.write(tokens)
        self.digest.update(tokens)
        self.tokens += len(tokens)
        self.documents += 1
        if self.tokens >= self.shard_tokens:
            self.close()

    def close(self):
        """Ends the last shard, if one is open."""
        if self.file is None:
            return
        self.file.close()
        self.file = None
        digest = self.digest.hexdigest()
        self.shards.append(
            Shard(self.name, self.split, self.tokens, self.documents, digest)
        )


def write_shards(folder, vocabulary, splits, shard_tokens, about):
    """Writes tokenizer, shards and manifest into the empty directory `folder`.

    `splits` maps "train" and "validation" to documents; `about` is what the
    manifest says beside what readers need. Gives the list of shards.
    """
    tokenizer = folder / TOKENIZER_FILE
    vocabulary.tokenizer.save(str(tokenizer))
    shards = []
    for split, documents in splits.items():
        writer = ShardWriter(folder, split, shard_tokens)
        for tokens in vocabulary.encode(documents):
            writer.add(tokens)
        writer.close()
        shards += writer.shards
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "dtype": dtype_name(vocabulary.size),
        "vocab_size": vocabulary.size,
        "end_of_text": vocabulary.end_of_text,
        "tokenizer": {
            "file": TOKENIZER_FILE,
            "sha256": hashlib.sha256(tokenizer.read_bytes()).hexdigest(),
        },
        "shards": [shard._asdict() for shard in shards],
        "about": about,
    }
    text = json.dumps(manifest, indent=2) + "\n"
    (folder / MANIFEST_FILE).write_text(text, encoding="ascii")
    return shards
