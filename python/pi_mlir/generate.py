# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Continues a text with a compiled model, printing as it goes.

Text becomes tokens and tokens become text by the tokenizers library and the
`tokenizer.json` of the checkpoint directory. Without --temperature every token
is the most likely one (greedy).
"""

import importlib.util
import sys
import time
from pathlib import Path

from pi_mlir.command_line import (
    MAXIMAL_INT,
    MAXIMAL_SEED,
    ArgumentParser,
    UserError,
    integer,
    run,
)
from pi_mlir.json_file import read_json_object
from pi_mlir.tokenizer import TOKENIZER_FILE, read_tokenizer

MAXIMAL_TEMPERATURE = 1e30  # a finite float32

EPILOG = """\
examples:
  python -m pi_mlir.generate private.pi --weights DIR --text 'def fib(n):'
  python -m pi_mlir.generate private.pi --weights DIR --text - < prompt.txt
  python -m pi_mlir.generate private.pi --weights DIR --text 'import ' \\
      --temperature 0.8 --top-k 40 --seed 7
"""


def parse_arguments(arguments):
    parser = ArgumentParser(
        prog="python -m pi_mlir.generate", description=__doc__, epilog=EPILOG
    )
    parser.add_argument("model", type=Path, help="artefact made by pi-compile")
    parser.add_argument(
        "--weights",
        type=Path,
        required=True,
        metavar="DIR",
        help="checkpoint directory with tokenizer.json and Safetensors files",
    )
    parser.add_argument(
        "--text", required=True, help="text to continue; - reads standard input"
    )
    parser.add_argument(
        "--max-new-tokens",
        type=integer(1, MAXIMAL_INT),
        default=64,
        metavar="N",
        help="stop after N tokens, or at the end of the context (default: 64)",
    )
    parser.add_argument(
        "--temperature",
        type=float,
        default=0.0,
        metavar="X",
        help="divide the logits by X and sample; 0 is greedy (default: 0)",
    )
    parser.add_argument(
        "--top-k",
        type=integer(0, MAXIMAL_INT),
        default=0,
        metavar="K",
        help="sample from the K most likely tokens; 0 is all (default: 0)",
    )
    parser.add_argument(
        "--top-p",
        type=float,
        default=1.0,
        metavar="P",
        help="sample from the fewest tokens of probability P together (default: 1)",
    )
    parser.add_argument(
        "--seed",
        type=integer(0, MAXIMAL_SEED),
        default=0,
        help="seed of the sampling (default: 0)",
    )
    parser.add_argument(
        "--device",
        type=integer(0, MAXIMAL_INT),
        default=0,
        metavar="N",
        help="GPU number (default: 0)",
    )
    parser.add_argument(
        "--ignore-eos",
        action="store_true",
        help="go on after the end-of-text token of the configuration",
    )
    parser.add_argument(
        "--quiet", action="store_true", help="print only the new text, no statistics"
    )
    options = parser.parse_args(arguments)
    if not 0 <= options.temperature <= MAXIMAL_TEMPERATURE:
        parser.error(f"--temperature has to be from 0 to {MAXIMAL_TEMPERATURE:g}")
    if not 0 < options.top_p <= 1:
        parser.error("--top-p has to be above 0 and at most 1")
    return options


def load_tokenizer(directory):
    """The tokenizers.Tokenizer of a checkpoint directory."""
    if importlib.util.find_spec("tokenizers") is None:
        raise UserError(
            "text needs the tokenizers package; pi-run takes token numbers without it"
        )
    path = directory / TOKENIZER_FILE
    if not path.is_file():
        raise UserError(
            f"{path}: no such file; text needs it, pi-run takes token numbers "
            "without it"
        )
    return read_tokenizer(path)


def read_end_tokens(directory):
    """The tokens at which generation ends, by the checkpoint's configuration."""
    for name in ("generation_config.json", "config.json"):
        path = directory / name
        if not path.exists():
            continue
        value = read_json_object(path).get("eos_token_id")
        if value is None:
            continue
        tokens = value if isinstance(value, list) else [value]
        if not all(type(token) is int for token in tokens):
            raise UserError(
                f"{path}: eos_token_id has to be a token or a list of tokens, but is "
                f"{value!r:.60}"
            )
        return set(tokens)
    return set()


def read_text(text):
    """The text that --text gives; "-" is all of standard input."""
    try:
        if text == "-":
            return sys.stdin.buffer.read().decode("utf-8") if sys.stdin else ""
        text.encode("utf-8")  # Python keeps other bytes of an argument in surrogates.
    except UnicodeDecodeError as error:
        raise UserError(f"standard input: not UTF-8: {error}") from error
    except UnicodeEncodeError as error:
        raise UserError(f"--text: not UTF-8: {error}") from error
    return text


def encode_text(tokenizer, text):
    """The tokens of a text, of which there is one at least."""
    tokens = tokenizer.encode(text).ids
    if not tokens:
        raise UserError("--text has no tokens; give at least one character")
    return tokens


class TextStream:
    """Turns tokens into text as they come, whole characters at a time; special
    tokens too."""

    def __init__(self, tokenizer):
        from tokenizers.decoders import DecodeStream

        self.tokenizer = tokenizer
        self.stream = DecodeStream(skip_special_tokens=False)
        self.tokens, self.length = [], 0

    def put(self, token):
        """Text that `token` completes, which may be empty."""
        self.tokens.append(token)
        text = self.stream.step(self.tokenizer, token) or ""
        self.length += len(text)
        return text

    def flush(self):
        """Text of an unfinished character at the end."""
        text = self.tokenizer.decode(self.tokens, skip_special_tokens=False)
        return text[self.length :]


def write(text):
    sys.stdout.write(text)
    sys.stdout.flush()


def encode_prompt(tokenizer, text, model):
    """Tokens of `text`, checked against the sizes of the model."""
    tokens = encode_text(tokenizer, text)
    size = max(tokenizer.get_vocab().values()) + 1
    if size > model.vocab_size:
        raise UserError(
            f"the tokenizer has {size} tokens, but the model {model.vocab_size}; is "
            "--weights the model's own checkpoint?"
        )
    if len(tokens) > model.sequence_length:
        raise UserError(
            f"--text has {len(tokens)} tokens, but the model was compiled for "
            f"{model.sequence_length} positions"
        )
    if model.batch != 1:
        raise UserError(
            f"the model was compiled for batch size {model.batch}; text needs 1"
        )
    return tokens


def main(arguments=None):
    options = parse_arguments(arguments)
    tokenizer = load_tokenizer(options.weights)
    end_tokens = set() if options.ignore_eos else read_end_tokens(options.weights)
    text = read_text(options.text)

    from pi_mlir.runtime import Model, RuntimeLibraryError

    try:
        with Model(options.model, options.weights, options.device) as model:
            prompt = encode_prompt(tokenizer, text, model)
            stream = TextStream(tokenizer)
            if not options.quiet:
                write(text)
            start = time.perf_counter()
            for (token,) in model.generate(
                [prompt],
                options.max_new_tokens,
                temperature=options.temperature,
                top_k=options.top_k,
                top_p=options.top_p,
                seed=options.seed,
            ):
                if token in end_tokens:
                    break
                write(stream.put(int(token)))
            seconds = time.perf_counter() - start
    except RuntimeLibraryError as error:
        raise UserError(error) from error
    write(stream.flush() + "\n")
    if not options.quiet:
        count = len(stream.tokens)
        print(
            f"{len(prompt)} + {count} tokens in {seconds:.2f} s "
            f"({count / seconds:.0f} a second)",
            file=sys.stderr,
        )
    return 0


if __name__ == "__main__":
    run(main)
