# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Text in and out: tokens, streaming, and errors before a model runs."""

import io
from types import SimpleNamespace

import pytest
from tokenizers import Tokenizer

from pi_mlir import generate
from pi_mlir.command_line import UserError
from pi_mlir.make_checkpoint import read_corpus
from pi_mlir.tokenizer import train_tokenizer

TEXT = "def größe(n):\n    return '☃' * n  # naïve\n"


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(read_corpus(), 400)


def sizes(**options):
    return SimpleNamespace(
        **{"vocab_size": 400, "sequence_length": 64, "batch": 1, **options}
    )


def test_stream_gives_whole_characters(tokenizer):
    stream = generate.TextStream(tokenizer)
    chunks = [stream.put(token) for token in tokenizer.encode(TEXT).ids]
    assert "".join(chunks) + stream.flush() == TEXT
    assert not any("\ufffd" in chunk for chunk in chunks)
    # The snowman is three bytes that this small vocabulary has no merge for.
    assert "" in chunks


def test_stream_flushes_an_unfinished_character(tokenizer):
    stream = generate.TextStream(tokenizer)
    snowman = tokenizer.encode("a☃").ids
    text = "".join(stream.put(token) for token in snowman[:-1])
    assert text == "a"
    assert "\ufffd" in stream.flush()


def test_stream_goes_on_after_a_special_token(tokenizer):
    stream = generate.TextStream(tokenizer)
    snowman = tokenizer.encode("a☃").ids
    end = tokenizer.token_to_id("<|endoftext|>")
    chunks = [stream.put(token) for token in (end, *snowman[:-1])]
    assert "".join(chunks) == "<|endoftext|>a"
    assert stream.flush() == "\ufffd"


def test_lengths_of_a_tokenizer_are_not_obeyed(tokenizer, tmp_path):
    changed = Tokenizer.from_str(tokenizer.to_str())
    changed.enable_truncation(4)
    changed.enable_padding(length=64)
    changed.save(str(tmp_path / "tokenizer.json"))
    loaded = generate.load_tokenizer(tmp_path)
    assert loaded.encode(TEXT).ids == tokenizer.encode(TEXT).ids
    assert loaded.encode("a").ids == tokenizer.encode("a").ids


def test_prompt_is_checked(tokenizer):
    assert generate.encode_prompt(tokenizer, "def", sizes()) != []
    with pytest.raises(UserError, match="has no tokens"):
        generate.encode_prompt(tokenizer, "", sizes())
    with pytest.raises(UserError, match="400 tokens, but the model 300"):
        generate.encode_prompt(tokenizer, "def", sizes(vocab_size=300))
    with pytest.raises(UserError, match="compiled for 4 positions"):
        generate.encode_prompt(tokenizer, "def fib(n):", sizes(sequence_length=4))
    with pytest.raises(UserError, match="compiled for batch size 2"):
        generate.encode_prompt(tokenizer, "def", sizes(batch=2))


def test_missing_and_malformed_tokenizer(tmp_path):
    with pytest.raises(UserError, match="tokenizer.json: no such file"):
        generate.load_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text('{"model": 3}')
    with pytest.raises(UserError, match="tokenizer.json: malformed tokenizer"):
        generate.load_tokenizer(tmp_path)


def test_end_tokens(tmp_path):
    assert generate.read_end_tokens(tmp_path) == set()
    (tmp_path / "config.json").write_text('{"eos_token_id": 5}')
    assert generate.read_end_tokens(tmp_path) == {5}
    (tmp_path / "generation_config.json").write_text('{"eos_token_id": [6, 7]}')
    assert generate.read_end_tokens(tmp_path) == {6, 7}
    (tmp_path / "generation_config.json").write_text('{"eos_token_id": null}')
    assert generate.read_end_tokens(tmp_path) == {5}


@pytest.mark.parametrize(
    "text, message",
    [
        ("[", "malformed JSON"),
        ("[" * 100_000, "malformed JSON: too many levels"),
        ("[]", "the file has to be an object"),
        ('{"eos_token_id": [[1]]}', "eos_token_id has to be a token or a list"),
        ('{"eos_token_id": {}}', "eos_token_id has to be a token or a list"),
        ('{"eos_token_id": 1.0}', "eos_token_id has to be a token or a list"),
        ('{"eos_token_id": [1, true]}', "eos_token_id has to be a token or a list"),
    ],
)
def test_wrong_end_tokens(tmp_path, text, message):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(UserError, match=f"config.json: {message}"):
        generate.read_end_tokens(tmp_path)


def test_text_has_to_be_utf_8(monkeypatch):
    assert generate.read_text("größe") == "größe"
    with pytest.raises(UserError, match="--text: not UTF-8"):
        generate.read_text("a\udcff")
    for content, text in ((b"a\r\n", "a\r\n"), (b"a\xff", None)):
        stream = SimpleNamespace(buffer=io.BytesIO(content))
        monkeypatch.setattr("sys.stdin", stream)
        if text is None:
            with pytest.raises(UserError, match="standard input: not UTF-8"):
                generate.read_text("-")
        else:
            assert generate.read_text("-") == text
    monkeypatch.setattr("sys.stdin", None)
    assert generate.read_text("-") == ""


@pytest.mark.parametrize(
    "option, message",
    [
        ("--max-new-tokens=0", "--max-new-tokens: has to be from 1 to"),
        (f"--max-new-tokens={1 << 31}", "--max-new-tokens: has to be from 1 to"),
        ("--temperature=-1", "--temperature has to be from 0 to 1e+30"),
        ("--temperature=nan", "--temperature has to be from 0 to 1e+30"),
        # Finite, but infinite as a float32.
        ("--temperature=1e39", "--temperature has to be from 0 to 1e+30"),
        ("--top-k=-1", "--top-k: has to be from 0 to 2147483647"),
        (f"--top-k={1 << 32}", "--top-k: has to be from 0 to 2147483647"),
        ("--top-p=0", "--top-p has to be above 0 and at most 1"),
        ("--seed=-1", "--seed: has to be from 0 to 18446744073709551615"),
        (f"--seed={(1 << 64) + 1}", "--seed: has to be from 0 to"),
        (f"--device={1 << 32}", "--device: has to be from 0 to 2147483647"),
    ],
)
def test_wrong_options(capsys, option, message):
    with pytest.raises(SystemExit, match="1"):
        generate.main(["model.pi", "--weights=.", "--text=a", option])
    assert message in capsys.readouterr().err
