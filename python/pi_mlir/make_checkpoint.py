# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes a small but real Hugging Face GPT-2 checkpoint directory.

The weights are a random initialisation by transformers; with --train-steps they
are trained a little, so that generated text looks like something. The tokenizer
is a byte-level BPE. Both learn from the source text of Python's standard
library. The same options and the same versions of Python and the libraries give
the same directory.
"""

import os
import re
import sysconfig
from pathlib import Path

from pi_mlir.command_line import (
    MAXIMAL_INT,
    MAXIMAL_SEED,
    ArgumentParser,
    UserError,
    integer,
    run,
)
from pi_mlir.output import check_output, new_directory
from pi_mlir.tokenizer import MINIMAL_VOCABULARY, TOKENIZER_FILE, train_tokenizer

MAXIMAL_SIZE = 1 << 20
SIZE = integer(1, MAXIMAL_SIZE)
MAXIMAL_RANGE = 1e6


def parse_arguments(arguments):
    parser = ArgumentParser(
        prog="python -m pi_mlir.make_checkpoint", description=__doc__
    )
    parser.add_argument(
        "out_dir",
        type=Path,
        help="directory to make; it must not exist unless --force is given",
    )
    parser.add_argument(
        "--n-embd", type=SIZE, default=64, help="width d (default: %(default)s)"
    )
    parser.add_argument(
        "--n-layer", type=SIZE, default=2, help="layers L (default: %(default)s)"
    )
    parser.add_argument(
        "--n-head", type=SIZE, default=4, help="heads H (default: %(default)s)"
    )
    parser.add_argument("--n-inner", type=SIZE, help="width of the FFN (default: 4 d)")
    parser.add_argument(
        "--n-positions",
        type=SIZE,
        default=128,
        help="longest sequence (default: %(default)s)",
    )
    parser.add_argument(
        "--vocab-size",
        type=integer(MINIMAL_VOCABULARY, MAXIMAL_SIZE),
        default=1024,
        help="tokens V, at least 257 (default: %(default)s)",
    )
    parser.add_argument(
        "--activation",
        default="gelu_new",
        choices=["gelu_new", "gelu_pytorch_tanh", "gelu", "relu"],
        help="activation_function (default: %(default)s)",
    )
    parser.add_argument(
        "--initializer-range",
        type=float,
        default=0.02,
        help="standard deviation of the weights (default: %(default)s)",
    )
    parser.add_argument(
        "--train-steps",
        type=integer(0, MAXIMAL_INT),
        default=0,
        metavar="N",
        help="steps of training, each on 2048 tokens or so (default: 0)",
    )
    parser.add_argument(
        "--untied", action="store_true", help="a head of its own instead of wte"
    )
    parser.add_argument(
        "--max-shard-size",
        default="5GB",
        help="size of a Safetensors file, as 100KB (default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=integer(0, MAXIMAL_SEED),
        default=0,
        help="seed of the weights (default: 0)",
    )
    parser.add_argument(
        "--force", action="store_true", help="replace OUT_DIR if it is a checkpoint"
    )
    options = parser.parse_args(arguments)
    if options.n_embd % options.n_head:
        parser.error(
            f"--n-embd {options.n_embd} is no multiple of --n-head {options.n_head}"
        )
    if not 0 <= options.initializer_range <= MAXIMAL_RANGE:
        parser.error(f"--initializer-range has to be from 0 to {MAXIMAL_RANGE:g}")
    if not re.fullmatch(r"\d+[KMGT]B", options.max_shard_size):
        parser.error("--max-shard-size has to be a number with KB, MB, GB or TB")
    return options


def read_corpus(max_bytes=1 << 20):
    """Source text of the standard library's top-level modules, by name."""
    texts, size = [], 0
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py")):
        text = path.read_text(encoding="utf-8", errors="replace")
        texts.append(text)
        size += len(text)
        if size >= max_bytes:
            break
    if not texts:
        raise UserError(
            "the source of Python's standard library is not installed, which the "
            "tokenizer is trained on"
        )
    return texts


def train(model, tokenizer, steps, seed):
    """Trains `model` on the corpus for `steps` steps of AdamW."""
    if not steps:
        return
    import torch

    torch.set_num_threads(1)  # so that sums do not depend on the machine's cores
    ids = torch.tensor(tokenizer.encode("".join(read_corpus())).ids)
    length = model.config.n_positions
    rows = max(1, 2048 // length)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=3e-3, total_steps=steps
    )
    generator = torch.Generator().manual_seed(seed)
    model.train()
    for _ in range(steps):
        starts = torch.randint(len(ids) - length, (rows,), generator=generator)
        batch = torch.stack([ids[start : start + length] for start in starts])
        loss = model(batch, labels=batch).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    model.eval()


def make_checkpoint(
    out_dir,
    *,
    vocab_size=1024,
    seed=0,
    max_shard_size="5GB",
    tokenizer=True,
    train_steps=0,
    **config_options,
):
    """Saves a GPT2LMHeadModel, and its tokenizer if asked, and gives it back.

    `config_options` are those of transformers' GPT2Config. Training needs the
    tokenizer.
    """
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel
    from transformers.utils import logging

    # It warns of a loss that the configuration does not name, and takes the usual.
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    config = GPT2Config(
        vocab_size=vocab_size, bos_token_id=0, eos_token_id=0, **config_options
    )
    torch.manual_seed(seed)
    model = GPT2LMHeadModel(config).eval()
    if tokenizer:
        trained = train_tokenizer(read_corpus(), vocab_size)
        train(model, trained, train_steps, seed)
    model.save_pretrained(out_dir, max_shard_size=max_shard_size)
    if tokenizer:
        trained.save(str(Path(out_dir) / TOKENIZER_FILE))
    return model


def main(arguments=None):
    options = parse_arguments(arguments)
    output = (options.out_dir, "config.json", "checkpoint directory", options.force)
    check_output(*output)
    # Merges of equal frequency are then always taken in the same order.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    with new_directory(*output) as made:
        model = make_checkpoint(
            made,
            vocab_size=options.vocab_size,
            seed=options.seed,
            max_shard_size=options.max_shard_size,
            train_steps=options.train_steps,
            n_embd=options.n_embd,
            n_layer=options.n_layer,
            n_head=options.n_head,
            n_inner=options.n_inner,
            n_positions=options.n_positions,
            activation_function=options.activation,
            initializer_range=options.initializer_range,
            tie_word_embeddings=not options.untied,
        )
    parameters = sum(p.numel() for p in model.parameters())
    print(f"{options.out_dir}: GPT-2 with {parameters:,} parameters")
    return 0


if __name__ == "__main__":
    run(main)
