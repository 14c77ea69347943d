# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Turns folders of text or source code into token shards for training.

Every file is a document. Its group is the first part of its path under its
folder, such as a package; groups are divided between training and validation by
a hash of their names. Files with the same content count once. The tokenizer is
given, or trained on the training documents as a byte-level BPE.

The same files and options give the same bytes. The output directory appears when
it is complete.
"""

import os
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
from pi_mlir.data.documents import find_documents, split_groups
from pi_mlir.data.manifest import MANIFEST_FILE, MAXIMAL_VOCABULARY
from pi_mlir.data.shards import Vocabulary, write_shards
from pi_mlir.output import check_output, new_directory
from pi_mlir.tokenizer import MINIMAL_VOCABULARY, read_tokenizer, train_tokenizer

EPILOG = """\
examples:
  python -m pi_mlir.data corpus/sources --out tokens --train-tokenizer
  python -m pi_mlir.data notes --out tokens --tokenizer gpt2/tokenizer.json \\
      --include '*.md' --include '*.txt'
"""


def parse_arguments(arguments):
    parser = ArgumentParser(
        prog="python -m pi_mlir.data", description=__doc__, epilog=EPILOG
    )
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="directory to make; it must not exist unless --force is given",
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--tokenizer",
        type=Path,
        metavar="FILE",
        help="tokenizer.json of the tokenizers library, with <|endoftext|>",
    )
    source.add_argument(
        "--train-tokenizer",
        action="store_true",
        help="train a BPE; it is written beside the shards",
    )
    parser.add_argument(
        "--vocab-size",
        type=integer(MINIMAL_VOCABULARY, MAXIMAL_VOCABULARY),
        default=50257,
        metavar="V",
        help="tokens of the BPE that is trained, at most; 257 or more, for all bytes "
        "and an end (default: %(default)s)",
    )
    parser.add_argument(
        "--validation",
        type=float,
        default=0.05,
        metavar="FRACTION",
        help="share of the groups that validate (default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=integer(0, MAXIMAL_SEED),
        default=0,
        help="seed of that choice (default: 0)",
    )
    parser.add_argument(
        "--shard-tokens",
        type=integer(1, 1 << 40),
        default=1 << 26,
        metavar="N",
        help="a shard ends with the document that reaches N (default: %(default)s)",
    )
    parser.add_argument(
        "--include",
        action="append",
        metavar="GLOB",
        help="take files of such a name only; may be repeated (default: all)",
    )
    parser.add_argument(
        "--max-file-bytes",
        type=integer(1, MAXIMAL_INT),
        default=1 << 20,
        metavar="N",
        help="leave out larger files (default: %(default)s)",
    )
    parser.add_argument(
        "--force", action="store_true", help="replace DIR if it holds token shards"
    )
    options = parser.parse_args(arguments)
    if not 0 <= options.validation < 1:
        parser.error("--validation has to be in [0, 1)")
    for folder in options.folders:
        if not folder.is_dir():
            parser.error(f"{folder}: no such directory")
        out, source = options.out.resolve(), folder.resolve()
        if out.is_relative_to(source):
            parser.error(f"--out {options.out} lies in {folder}, which is read")
        if source.is_relative_to(out):
            parser.error(f"{folder} lies in --out {options.out}, which is replaced")
    return options


def with_progress(documents, title):
    """Gives the documents, showing how many bytes of them are done."""
    from tqdm import tqdm

    total = sum(document.size for document in documents)
    # Without a terminal nothing is shown (disable=None).
    with tqdm(
        total=total, desc=title, unit="B", unit_scale=True, disable=None
    ) as progress:
        for document in documents:
            yield document
            progress.update(document.size)


def make_vocabulary(options, documents):
    if options.tokenizer:
        if not options.tokenizer.is_file():
            raise UserError(f"{options.tokenizer}: no such file")
        return Vocabulary(read_tokenizer(options.tokenizer))
    texts = (document.read() for document in documents)
    progress = sys.stderr.isatty()
    return Vocabulary(train_tokenizer(texts, options.vocab_size, progress))


def report(splits, skipped, shards):
    """Prints a table of the splits, and what was left out."""
    print(f"{'split':12} {'groups':>7} {'files':>8} {'MB':>8} {'tokens':>12} shards")
    for split, documents in splits.items():
        groups = len({document.group for document in documents})
        size = sum(document.size for document in documents) / 1e6
        own = [shard for shard in shards if shard.split == split]
        tokens = sum(shard.tokens for shard in own)
        print(
            f"{split:12} {groups:7,} {len(documents):8,} {size:8,.1f} {tokens:12,} "
            f"{len(own):6}"
        )
    if skipped:
        reasons = (f"{reason} {count:,}" for reason, count in sorted(skipped.items()))
        print("left out:", ", ".join(reasons))


def main(arguments=None):
    options = parse_arguments(arguments)
    output = (options.out, MANIFEST_FILE, "directory of token shards", options.force)
    check_output(*output)
    # Encodings keep their order, and a trained tokenizer does not depend on it.
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    start = time.perf_counter()
    documents, skipped = find_documents(
        options.folders, options.include or ["*"], options.max_file_bytes
    )
    if not documents:
        raise UserError("no document found; --include and the folders leave none")
    groups = {document.group for document in documents}
    validating = split_groups(groups, options.validation, options.seed)
    if options.validation and not validating:
        print("note: there is one group only, so none validates", file=sys.stderr)
    splits = {
        "train": [d for d in documents if d.group not in validating],
        "validation": [d for d in documents if d.group in validating],
    }
    about = {
        "seed": options.seed,
        "validation": options.validation,
        "validation_groups": sorted(validating),
        "left_out": dict(sorted(skipped.items())),
    }
    with new_directory(*output) as made:
        vocabulary = make_vocabulary(options, splits["train"])
        shown = {split: with_progress(d, split) for split, d in splits.items()}
        shards = write_shards(made, vocabulary, shown, options.shard_tokens, about)
    report(splits, skipped, shards)
    print(f"{options.out}: vocabulary {vocabulary.size:,}, ", end="")
    print(f"{time.perf_counter() - start:.0f} s")
    return 0


if __name__ == "__main__":
    run(main)
