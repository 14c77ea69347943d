# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""python -m pi_mlir.data: text in folders becomes token shards."""

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from tokenizers import Tokenizer, models

from pi_mlir.command_line import UserError
from pi_mlir.data import Dataset
from pi_mlir.data.__main__ import main
from pi_mlir.data.documents import Document, find_documents, split_groups
from pi_mlir.data.shards import Vocabulary, write_shards

TEXTS = {
    "alpha/a.py": "def größe(n):\n    return '☃' * n\n",
    "alpha/deep/b.py": "import os\r\n\r\nprint(os.name)\n",
    "beta/c.py": "# <|endoftext|> is no end here\nEND = '<|endoftext|>'\n",
    "gamma.py": "\ufeffx = 1\n",
    "delta/d.py": "class D:\n    pass",
}


def write_files(folder, texts):
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode())
    return folder


@pytest.fixture
def corpus(tmp_path):
    return write_files(tmp_path / "corpus", TEXTS)


def make(folder, out, *arguments):
    options = ["--train-tokenizer", "--vocab-size=300", "--validation=0.5"]
    return main([str(folder), "--out", str(out), *options, *arguments])


def read_texts(folder, split):
    """The documents of a split, decoded, in their order."""
    dataset = Dataset(folder, verify=True)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    parts = [dataset.map(shard) for shard in dataset.shards(split)]
    tokens = np.concatenate(parts) if parts else np.array([], int)
    ends = np.flatnonzero(tokens == dataset.manifest.end_of_text)
    documents = np.split(tokens, ends + 1)
    assert not documents[-1].size
    return [tokenizer.decode(document[:-1].tolist()) for document in documents[:-1]]


def test_round_trip(corpus, tmp_path):
    assert make(corpus, tmp_path / "tokens", "--validation=0") == 0
    # Sorted by path, and just as they were written.
    assert read_texts(tmp_path / "tokens", "train") == [
        TEXTS[name] for name in sorted(TEXTS)
    ]


def test_a_trained_tokenizer_knows_the_training_documents_only(corpus, tmp_path):
    assert make(corpus, tmp_path / "tokens") == 0
    trained = Tokenizer.from_file(str(tmp_path / "tokens" / "tokenizer.json"))
    text = "".join(read_texts(tmp_path / "tokens", "train"))
    merged = [token for token in trained.get_vocab() if len(token) > 1]
    visible = text.replace(" ", "Ġ").replace("\n", "Ċ").replace("\r", "č")
    ascii_only = [t for t in merged if t.isascii() and t != "<|endoftext|>"]
    assert ascii_only and all(token in visible for token in ascii_only)


def test_the_same_input_gives_the_same_bytes(corpus, tmp_path):
    assert make(corpus, tmp_path / "a", "--shard-tokens=40") == 0
    # Elsewhere, in another order of creation, by a process with another hash seed.
    moved = write_files(
        tmp_path / "elsewhere" / "copy", dict(reversed(list(TEXTS.items())))
    )
    command = [sys.executable, "-m", "pi_mlir.data", moved, "--out", tmp_path / "b"]
    options = ["--train-tokenizer", "--vocab-size=300", "--validation=0.5"]
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    subprocess.run(
        [*command, *options, "--shard-tokens=40"], check=True, env=environment
    )
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert len(names) > 4
    assert names == sorted(path.name for path in (tmp_path / "b").iterdir())
    for name in names:
        content = (tmp_path / "a" / name).read_bytes()
        assert content == (tmp_path / "b" / name).read_bytes(), name


def test_shards_hold_whole_documents(corpus, tmp_path):
    make(corpus, tmp_path / "tokens", "--shard-tokens=1", "--validation=0")
    dataset = Dataset(tmp_path / "tokens", verify=True)
    assert [shard.documents for shard in dataset.shards("train")] == [1] * len(TEXTS)
    assert read_texts(tmp_path / "tokens", "train") == [
        TEXTS[name] for name in sorted(TEXTS)
    ]


def test_report(corpus, tmp_path, capsys):
    write_files(corpus, {"alpha/same.py": TEXTS["gamma.py"], "empty.py": ""})
    make(corpus, tmp_path / "tokens")
    lines = capsys.readouterr().out.splitlines()
    dataset = Dataset(tmp_path / "tokens")
    for line, split in zip(lines[1:], ("train", "validation")):
        assert line.split()[0] == split
        assert line.split()[4] == f"{dataset.tokens(split):,}"
    assert lines[3] == "left out: duplicate 1, empty 1"


def test_left_out(corpus, tmp_path):
    text = TEXTS["alpha/a.py"]
    files = {
        "alpha/.hidden.py": "h",
        ".git/config": "h",
        "alpha/same.py": text,
        "omega/same.py": text,
        "empty.py": "",
        "notes.md": "not included",
        "large.py": "#" * 101,
        "nul.py": "a\0b",
    }
    write_files(corpus, files)
    (corpus / "latin.py").write_bytes("é".encode("latin-1"))
    (corpus / "link.py").symlink_to(corpus / "gamma.py")
    (corpus / "loop").symlink_to(corpus)
    os.mkfifo(corpus / "pipe.py")
    documents, skipped = find_documents([corpus], ["*.py"], max_bytes=100)
    names = [document.path.relative_to(corpus).as_posix() for document in documents]
    assert names == sorted(TEXTS)
    assert skipped == Counter(
        {
            "hidden": 2,
            "duplicate": 2,
            "empty": 1,
            "not included": 1,
            "too large": 1,
            "not text": 2,
            "link or device": 3,
        }
    )


def test_duplicates_across_folders(corpus, tmp_path):
    other = write_files(tmp_path / "other", {"alpha/z.py": "z", **TEXTS})
    documents, skipped = find_documents([corpus, other])
    assert [document.path for document in documents][-1] == other / "alpha/z.py"
    assert len(documents) == len(TEXTS) + 1
    assert skipped == {"duplicate": len(TEXTS)}


def test_split_is_by_group(corpus, tmp_path):
    assert make(corpus, tmp_path / "tokens") == 0
    manifest = json.loads((tmp_path / "tokens" / "manifest.json").read_text())
    validating = set(manifest["about"]["validation_groups"])
    assert validating == split_groups({n.split("/")[0] for n in TEXTS}, 0.5, 0)
    for split in ("train", "validation"):
        expected = [
            TEXTS[name]
            for name in sorted(TEXTS)
            if (name.split("/")[0] in validating) == (split == "validation")
        ]
        assert expected and read_texts(tmp_path / "tokens", split) == expected


def test_split_is_stable():
    groups = [f"package-{number}" for number in range(1000)]
    chosen = split_groups(groups, 0.1, 0)
    assert 70 < len(chosen) < 130
    assert chosen == split_groups(reversed(groups), 0.1, 0)
    assert chosen != split_groups(groups, 0.1, 1)
    # Groups that go do not move others; a larger share keeps what was chosen.
    assert split_groups(groups[:500], 0.1, 0) == chosen & set(groups[:500])
    assert chosen < split_groups(groups, 0.2, 0)
    # The hash that docs/data.md states.
    for group in groups:
        digest = hashlib.sha256(f"0:{group}".encode()).digest()
        below = int.from_bytes(digest[:8], "big") < 0.1 * 2**64
        assert below == (group in chosen)


def test_both_splits_have_a_group_where_they_can():
    assert len(split_groups(["a", "b"], 1e-9, 0)) == 1
    assert len(split_groups(["a", "b"], 0.999999, 0)) == 1
    assert split_groups(["a"], 0.9, 0) == set()
    assert split_groups(["a", "b"], 0, 0) == set()


def test_one_group_cannot_validate(tmp_path, capsys):
    folder = write_files(tmp_path / "one", {"only/a.txt": "abc", "only/b.txt": "abd"})
    assert make(folder, tmp_path / "tokens") == 0
    assert "none validates" in capsys.readouterr().err
    assert Dataset(tmp_path / "tokens").tokens("validation") == 0


def test_a_given_tokenizer(corpus, tmp_path):
    make(corpus, tmp_path / "a")
    tokenizer = Tokenizer.from_file(str(tmp_path / "a" / "tokenizer.json"))
    # Settings for other uses of a tokenizer do not cut or lengthen documents.
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=64)
    tokenizer.save(str(tmp_path / "given.json"))
    out = tmp_path / "b"
    arguments = ["--out", str(out), "--validation=0.5"]
    assert main([str(corpus), *arguments, f"--tokenizer={tmp_path}/given.json"]) == 0
    for name in ("train-00000.bin", "validation-00000.bin", "tokenizer.json"):
        assert (out / name).read_bytes() == (tmp_path / "a" / name).read_bytes()


@pytest.mark.parametrize("size, width", [(65536, 2), (65537, 4)])
def test_dtype_switches(tmp_path, size, width):
    words = {"<|endoftext|>": 0, "a": size - 1}
    words |= {f"w{number}": number for number in range(1, size - 1)}
    path = tmp_path / "a.txt"
    path.write_text("a")
    document = Document(path, "a.txt", 1, hashlib.sha256(b"a").digest())
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<|endoftext|>"))
    folder = tmp_path / "tokens"
    folder.mkdir()
    write_shards(folder, Vocabulary(tokenizer), {"train": [document]}, 10, {})
    dataset = Dataset(folder, verify=True)
    assert (folder / "train-00000.bin").stat().st_size == 2 * width
    assert dataset.map(dataset.shards("train")[0]).tolist() == [size - 1, 0]


def test_wrong_tokenizers(corpus, tmp_path):
    arguments = [str(corpus), "--out", str(tmp_path / "tokens")]
    path = tmp_path / "t.json"
    with pytest.raises(UserError, match="t.json: no such file"):
        main([*arguments, f"--tokenizer={path}"])
    path.write_text("{}")
    with pytest.raises(UserError, match="t.json: malformed tokenizer"):
        main([*arguments, f"--tokenizer={path}"])
    Tokenizer(models.WordLevel({"a": 0}, unk_token="a")).save(str(path))
    with pytest.raises(UserError, match="has no token <|endoftext|>"):
        main([*arguments, f"--tokenizer={path}"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus", "t.json"]


def test_a_changed_file_is_an_error(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("a")
    documents, _ = find_documents([tmp_path])
    path.write_text("b")
    with pytest.raises(UserError, match="a.txt: the file has changed"):
        documents[0].read()


def test_nothing_is_left_after_a_failure(corpus, tmp_path, monkeypatch):
    def fail(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("pi_mlir.data.shards.ShardWriter.close", fail)
    with pytest.raises(KeyboardInterrupt):
        make(corpus, tmp_path / "tokens")
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]


def test_existing_directories(corpus, tmp_path):
    out = tmp_path / "tokens"
    make(corpus, out, "--validation=0")
    with pytest.raises(UserError, match="exists already"):
        make(corpus, out)
    assert Dataset(out).tokens("validation") == 0
    assert make(corpus, out, "--force") == 0
    assert Dataset(out, verify=True).tokens("validation") > 0
    with pytest.raises(UserError, match="is no directory of token shards"):
        make(tmp_path / "tokens", corpus, "--force")
    assert (corpus / "gamma.py").is_file()


def test_no_documents(corpus, tmp_path):
    with pytest.raises(UserError, match="no document found"):
        make(corpus, tmp_path / "tokens", "--include=*.cpp")
    assert not (tmp_path / "tokens").exists()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--vocab-size=256"], "--vocab-size: has to be from 257 to 2147483647"),
        ([f"--vocab-size={10**20}"], "--vocab-size: has to be from 257 to"),
        (["--vocab-size=many"], "--vocab-size: 'many' is no integer"),
        (["--validation=1"], "--validation has to be in [0, 1)"),
        (["--validation=nan"], "--validation has to be in [0, 1)"),
        (["--shard-tokens=0"], "--shard-tokens: has to be from 1 to"),
        ([f"--shard-tokens={10**20}"], "--shard-tokens: has to be from 1 to"),
        (["--max-file-bytes=0"], "--max-file-bytes: has to be from 1 to"),
        ([f"--max-file-bytes={10**20}"], "--max-file-bytes: has to be from 1 to"),
        ([f"--seed={1 << 64}"], "--seed: has to be from 0 to 18446744073709551615"),
        (["--tokenizer=t.json"], "not allowed with argument"),
        (["--out=corpus/tokens"], "lies in corpus, which is read"),
    ],
)
def test_wrong_arguments(corpus, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="1"):
        make("corpus", "tokens", *arguments)
    assert message in capsys.readouterr().err
    assert not (tmp_path / "tokens").exists()


@pytest.mark.parametrize("through_link", [False, True])
def test_a_source_in_the_output_stays(tmp_path, capsys, through_link):
    out = tmp_path / "tokens"
    make(write_files(tmp_path / "first", {"a.py": "a"}), out, "--validation=0")
    folder = source = write_files(out / "source", {"b.py": "b"})
    if through_link:
        folder = tmp_path / "link"
        folder.symlink_to(source)
    with pytest.raises(SystemExit, match="1"):
        make(folder, out, "--force")
    assert f"{folder} lies in --out {out}, which is repl" in capsys.readouterr().err
    assert (source / "b.py").read_text() == "b"


def test_no_such_folder(tmp_path, capsys):
    with pytest.raises(SystemExit, match="1"):
        make(tmp_path / "nowhere", tmp_path / "tokens")
    assert "nowhere: no such directory" in capsys.readouterr().err
