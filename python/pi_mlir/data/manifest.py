# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What manifest.json says of a folder of token shards, read with suspicion.

Nothing that it claims is believed before it has been checked against the files,
so that a damaged or malicious folder is an error and no crash.
"""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pi_mlir.command_line import UserError
from pi_mlir.json_file import JsonObject, read_json_object

MANIFEST_FILE = "manifest.json"
FORMAT = "pi-tokens"
VERSION = 1
SPLITS = ("train", "validation")
DTYPES = {"uint16": np.dtype("<u2"), "uint32": np.dtype("<u4")}
#: Batches hold tokens as int32.
MAXIMAL_VOCABULARY = (1 << 31) - 1
MAXIMAL_MANIFEST_BYTES = 1 << 24

FILE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
SHA256 = re.compile(r"[0-9a-f]{64}")


def dtype_name(vocab_size):
    """The narrower of the two types of tokens that holds a vocabulary."""
    return "uint16" if vocab_size <= 1 << 16 else "uint32"


class Shard(NamedTuple):
    """A file of one split; it consists of whole documents."""

    file: str
    split: str
    tokens: int
    documents: int
    sha256: str


class Manifest(NamedTuple):
    """The keys of manifest.json that readers need."""

    dtype: np.dtype
    vocab_size: int
    end_of_text: int
    tokenizer_file: str
    tokenizer_sha256: str
    shards: tuple


class _Entry(JsonObject):
    """An object of the manifest."""

    def file(self):
        what = "the plain name of a file beside the manifest"
        return self.pattern("file", FILE_NAME, what)

    def sha256(self):
        return self.pattern("sha256", SHA256, "64 hexadecimal digits")


def _check_file(path, size=None):
    if not path.is_file():
        raise UserError(f"{path}: no such file, though the manifest names it")
    if size is not None and path.stat().st_size != size:
        raise UserError(
            f"{path}: {path.stat().st_size} bytes, but by the manifest {size}"
        )


def read_manifest(folder):
    """The manifest of `folder`; all of its files exist and have their sizes."""
    folder = Path(folder)
    path = folder / MANIFEST_FILE
    hint = "; python -m pi_mlir.data makes it"
    root = _Entry(path, read_json_object(path, MAXIMAL_MANIFEST_BYTES, hint))
    root.choice("format", [FORMAT])
    _, version = root.take("version", int)
    if version != VERSION:
        root.fail(f"format version {version!r:.20}; this program reads {VERSION}")
    vocab_size = root.integer("vocab_size", 1, MAXIMAL_VOCABULARY)
    end_of_text = root.integer("end_of_text", 0, vocab_size - 1)
    dtype = DTYPES[root.choice("dtype", list(DTYPES))]
    if DTYPES[dtype_name(vocab_size)] != dtype:
        root.fail(f"dtype has to be {dtype_name(vocab_size)} for {vocab_size} tokens")

    tokenizer = _Entry(path, root.take("tokenizer", dict)[1], "tokenizer")
    tokenizer_file, tokenizer_sha256 = tokenizer.file(), tokenizer.sha256()
    _check_file(folder / tokenizer_file)

    shards, names = [], {MANIFEST_FILE, tokenizer_file}
    for index, value in enumerate(root.take("shards", list)[1]):
        entry = _Entry(path, value, f"shards[{index}]")
        file, split = entry.file(), entry.choice("split", SPLITS)
        tokens = entry.integer("tokens", 1, 1 << 48)
        documents = entry.integer("documents", 1, tokens)
        if file in names:
            entry.fail(f"{entry.name}.file is {file}, which another entry has")
        names.add(file)
        _check_file(folder / file, tokens * dtype.itemsize)
        shards.append(Shard(file, split, tokens, documents, entry.sha256()))
    return Manifest(
        dtype, vocab_size, end_of_text, tokenizer_file, tokenizer_sha256, tuple(shards)
    )
