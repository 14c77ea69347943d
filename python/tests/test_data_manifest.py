# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A damaged or malicious folder of token shards is an error that names itself."""

import hashlib
import json
import os

import numpy as np
import pytest

from pi_mlir.command_line import UserError
from pi_mlir.data import Dataset
from pi_mlir.data.manifest import MAXIMAL_MANIFEST_BYTES, dtype_name


@pytest.fixture
def folder(token_folder):
    documents = np.split(np.arange(1, 140), [50, 60, 95])
    splits = {"train": documents, "validation": [np.arange(5, 30)]}
    return token_folder(splits, shard_tokens=50)


def change(folder, keys, value):
    """Sets the manifest's value at `keys`; None removes it."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    *outer, last = keys
    place = manifest
    for key in outer:
        place = place[key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    path.write_text(json.dumps(manifest))


def test_an_intact_folder(folder):
    dataset = Dataset(folder, verify=True)
    assert dataset.vocab_size == 300
    # The end of text belongs to each document.
    assert dataset.tokens("train") == 139 + 4
    assert dataset.tokens("validation") == 25 + 1
    assert [shard.documents for shard in dataset.shards("train")] == [1, 3]


def test_dtype_by_vocabulary():
    assert [dtype_name(size) for size in (1, 65536, 65537)] == [
        "uint16",
        "uint16",
        "uint32",
    ]


FIRST = ("shards", 0)


@pytest.mark.parametrize(
    "keys, value, message",
    [
        (["format"], "other", "format has to be pi-tokens, but is 'other'"),
        (["format"], None, "format is missing"),
        (["version"], 2, "format version 2; this program reads 1"),
        (["version"], "1", "version has to be of type int"),
        (["version"], True, "version has to be of type int"),
        (["dtype"], "float32", "dtype has to be uint16 or uint32"),
        (["dtype"], "uint32", "dtype has to be uint16 for 300 tokens"),
        (["vocab_size"], 0, r"vocab_size has to be in \[1, 2147483647\]"),
        (["vocab_size"], 1 << 31, "vocab_size has to be in"),
        (["vocab_size"], 300.0, "vocab_size has to be of type int"),
        (["end_of_text"], 300, r"end_of_text has to be in \[0, 299\]"),
        (["end_of_text"], -1, "end_of_text has to be in"),
        (["tokenizer"], [], "tokenizer has to be of type dict"),
        (["tokenizer", "file"], "../tokenizer.json", "tokenizer.file has to be the"),
        (["tokenizer", "file"], "none.json", "none.json: no such file"),
        (["tokenizer", "sha256"], "12", "tokenizer.sha256 has to be 64"),
        (["shards"], {}, "shards has to be of type list"),
        (["shards"], [3], r"shards\[0\] has to be an object"),
        ([*FIRST, "file"], None, r"shards\[0\].file is missing"),
        ([*FIRST, "file"], "../../etc/passwd", r"shards\[0\].file has to be the plain"),
        ([*FIRST, "file"], "/etc/passwd", r"shards\[0\].file has to be the plain"),
        ([*FIRST, "file"], "..", r"shards\[0\].file has to be the plain"),
        ([*FIRST, "file"], "a\0b", r"shards\[0\].file has to be the plain"),
        (["shards", 1, "file"], "train-00000.bin", r"shards\[1\].file is train-00000"),
        ([*FIRST, "file"], "manifest.json", "manifest.json, which another entry has"),
        ([*FIRST, "file"], "train-9.bin", "train-9.bin: no such file"),
        ([*FIRST, "split"], "test", r"shards\[0\].split has to be train or"),
        ([*FIRST, "tokens"], 0, r"shards\[0\].tokens has to be in"),
        ([*FIRST, "tokens"], -51, r"shards\[0\].tokens has to be in"),
        ([*FIRST, "tokens"], 1 << 63, r"shards\[0\].tokens has to be in"),
        ([*FIRST, "tokens"], 52, "102 bytes, but by the manifest 104"),
        ([*FIRST, "documents"], 0, r"shards\[0\].documents has to be in"),
        ([*FIRST, "documents"], 52, r"shards\[0\].documents has to be in"),
        ([*FIRST, "sha256"], "x" * 64, r"shards\[0\].sha256 has to be 64"),
    ],
)
def test_wrong_entries(folder, keys, value, message):
    change(folder, keys, value)
    with pytest.raises(UserError, match=message):
        Dataset(folder)


def test_wrong_files(folder):
    shard = folder / "train-00000.bin"
    content = shard.read_bytes()
    for wrong in (content[:-1], content[:-2], content + b"\0\0", b""):
        shard.write_bytes(wrong)
        with pytest.raises(UserError, match="train-00000.bin: .* by the manifest 102"):
            Dataset(folder)
    shard.unlink()
    with pytest.raises(UserError, match="train-00000.bin: no such file"):
        Dataset(folder)
    shard.mkdir()
    with pytest.raises(UserError, match="train-00000.bin: no such file"):
        Dataset(folder)


def test_checksums(folder):
    shard = folder / "validation-00000.bin"
    content = shard.read_bytes()
    shard.write_bytes(b"\5" + content[1:])
    Dataset(folder).batches("validation", 1, 4)
    shard.write_bytes(b"\6" + content[1:])
    Dataset(folder)
    with pytest.raises(UserError, match="validation-00000.bin: its sha256 is not"):
        Dataset(folder, verify=True)
    shard.write_bytes(content)
    (folder / "tokenizer.json").write_text("other")
    with pytest.raises(UserError, match="tokenizer.json: its sha256 is not"):
        Dataset(folder, verify=True)


def test_counts_of_documents(folder):
    change(folder, ["shards", 1, "documents"], 2)
    with pytest.raises(UserError, match="3 documents end in it, but by the manifest 2"):
        Dataset(folder, verify=True)


def test_a_cut_document(folder):
    shard = folder / "validation-00000.bin"
    content = shard.read_bytes()[:-2] + b"\7\0"
    shard.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    change(folder, ["shards", -1, "sha256"], digest)
    with pytest.raises(UserError, match="its last token is 7, but has to be the end"):
        Dataset(folder, verify=True)


def test_no_manifest(folder):
    path = folder / "manifest.json"
    path.write_bytes(b'{"format": "pi-tokens"')
    with pytest.raises(UserError, match="manifest.json: malformed JSON"):
        Dataset(folder)
    path.write_bytes(b"[" * 100_000)
    with pytest.raises(UserError, match="manifest.json: malformed JSON"):
        Dataset(folder)
    path.write_bytes(b"\xff\xfe{}")
    with pytest.raises(UserError, match="manifest.json: malformed JSON"):
        Dataset(folder)
    path.write_bytes(b"[]")
    with pytest.raises(UserError, match="the file has to be an object"):
        Dataset(folder)
    path.write_bytes(b" " * (MAXIMAL_MANIFEST_BYTES + 1))
    with pytest.raises(UserError, match="manifest.json: .* bytes are too many"):
        Dataset(folder)
    path.unlink()
    with pytest.raises(UserError, match="manifest.json: No such file"):
        Dataset(folder)
    os.mkfifo(path)
    with pytest.raises(UserError, match="manifest.json: not a regular file"):
        Dataset(folder)


def test_a_field_that_is_there_twice(folder):
    """Readers would differ in which one they take."""
    path = folder / "manifest.json"
    text = path.read_text()
    for name in ("vocab_size", "split"):
        path.write_text(text.replace(f'"{name}"', f'"{name}": 1, "{name}"', 1))
        with pytest.raises(UserError, match=f"has the field '{name}' twice"):
            Dataset(folder)
