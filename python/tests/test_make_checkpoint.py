# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""make_checkpoint writes directories that the import takes, reproducibly."""

import json

import pytest
from conftest import run_tool
from tokenizers import Tokenizer

from pi_mlir import make_checkpoint
from pi_mlir.command_line import UserError

SMALL = ["--n-embd=16", "--n-head=2", "--n-layer=1", "--vocab-size=300"]


def make(directory, *arguments):
    return make_checkpoint.main([str(directory), *SMALL, *arguments])


def test_import_accepts_the_directory(tmp_path):
    assert make(tmp_path / "a", "--untied", "--n-inner=24") == 0
    module = run_tool("pi-translate", "--import-gpt2", tmp_path / "a")
    assert "@lm_head.weight : tensor<300x16xf32>" in module
    assert "@h.0.mlp.c_fc.weight : tensor<16x24xf32>" in module


def test_same_options_give_the_same_files(tmp_path):
    for name in ("a", "b"):
        assert make(tmp_path / name, "--seed=3") == 0
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


def test_training_lowers_the_loss(tmp_path, capfd):
    import torch
    from transformers import GPT2LMHeadModel

    options = ["--n-positions=32", "--seed=1"]
    assert make(tmp_path / "a", *options) == 0
    assert make(tmp_path / "b", *options, "--train-steps=20") == 0
    text = make_checkpoint.read_corpus()[0][:400]
    losses = []
    for name in ("a", "b"):
        tokenizer = Tokenizer.from_file(str(tmp_path / name / "tokenizer.json"))
        ids = torch.tensor([tokenizer.encode(text).ids[:32]])
        model = GPT2LMHeadModel.from_pretrained(tmp_path / name).eval()
        losses.append(model(ids, labels=ids).loss.item())
    assert losses[1] < losses[0] - 0.5
    assert capfd.readouterr().err == ""


def test_shards(tmp_path):
    assert make(tmp_path / "a", "--max-shard-size=10KB") == 0
    index = json.loads((tmp_path / "a" / "model.safetensors.index.json").read_text())
    assert len(set(index["weight_map"].values())) > 1


def test_tokenizer_round_trip(tmp_path):
    assert make(tmp_path / "a") == 0
    tokenizer = Tokenizer.from_file(str(tmp_path / "a" / "tokenizer.json"))
    text = "def fib(n):\n    return 'größer' if n > 1 else \"☃\"\n"
    encoding = tokenizer.encode(text)
    assert tokenizer.decode(encoding.ids) == text
    assert max(encoding.ids) < 300


def test_existing_directories_are_kept(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep me")
    with pytest.raises(UserError, match="exists already"):
        make(tmp_path / "mine")
    with pytest.raises(UserError, match="is no checkpoint directory"):
        make(tmp_path / "mine", "--force")
    assert (tmp_path / "mine" / "notes.txt").read_text() == "keep me"


@pytest.mark.parametrize(
    "argument, message",
    [
        ("--n-head=3", "--n-embd 16 is no multiple of --n-head 3"),
        ("--vocab-size=100", "--vocab-size: has to be from 257 to"),
        ("--train-steps=-1", "--train-steps: has to be from 0 to"),
        ("--n-layer=0", "--n-layer: has to be from 1 to"),
        ("--max-shard-size=a few", "--max-shard-size has to be a number with KB, MB"),
        ("--n-inner=0", "--n-inner: has to be from 1 to"),
        ("--initializer-range=-1", "--initializer-range has to be from 0 to"),
        ("--initializer-range=nan", "--initializer-range has to be from 0 to"),
    ],
)
def test_wrong_sizes(tmp_path, capsys, argument, message):
    with pytest.raises(SystemExit, match="1"):
        make(tmp_path / "a", argument)
    assert message in capsys.readouterr().err
    assert not (tmp_path / "a").exists()


def test_unwritable_directory(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file.*: (Not a directory|File exists)"):
        make(tmp_path / "file" / "a")
