# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Byte-level BPE tokenizers of GPT-2's form, by the tokenizers library."""

from pi_mlir.command_line import UserError

#: Name of a tokenizer's file in a checkpoint or a folder of token shards.
TOKENIZER_FILE = "tokenizer.json"
#: The token between two documents.
END_OF_TEXT = "<|endoftext|>"
#: Fewest tokens of a vocabulary: all bytes and the end of text.
MINIMAL_VOCABULARY = 257


def train_tokenizer(texts, vocab_size, show_progress=False):
    """A BPE of at most `vocab_size` tokens, with GPT-2's pre-tokenizer.

    The same texts give the same tokenizer. `<|endoftext|>` is token 0; each of
    the 256 bytes is a token, so that any text can be encoded and comes back.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=show_progress,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def read_tokenizer(path):
    """The tokenizers.Tokenizer of a tokenizer.json, which gives the tokens of a
    text and no others: what the file says of other lengths is not obeyed."""
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises bare Exception
        raise UserError(f"{path}: malformed tokenizer: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
