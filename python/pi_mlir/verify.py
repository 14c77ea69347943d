# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compares a compiled model with transformers or PyTorch.

Runs the artefact's forward on random tokens and prints the largest absolute
difference of its logits. The other side is transformers' GPT2LMHeadModel for
GPT-2 itself, and the reference in plain PyTorch (pi_mlir.reference) for an
architecture given by --architecture. Then generates greedily with both and
compares the tokens. Exit status 1 if they differ by more than --tolerance.

A model compiled to compute in bf16 is given more room with --bf16: its error is
held against that of the other side's own bf16, both from f32.
"""

from pathlib import Path

from pi_mlir.command_line import (
    MAXIMAL_INT,
    MAXIMAL_SEED,
    ArgumentParser,
    UserError,
    integer,
    run,
)

EPILOG = """\
examples:
  python -m pi_mlir.verify gpt2.pi --weights DIR
  python -m pi_mlir.verify private.pi --weights DIR \\
      --architecture 'EReg(SM(t)+ScFuFFN)'
"""

# Evaluations in bf16 that round in different places have errors of one
# distribution, and which of two has the largest of 100,000 errors is chance: over
# seeds of tokens, the ratio of the largest spread from 0.7 to 1.5 between PyTorch's
# bf16 and PyTorch rounding where the compiler does, and either could be ahead. The
# root of the mean square is not chance: that ratio was 0.90 (LayerNorm and GELU)
# to 1.00 (neither) with a standard deviation of at most 0.016 from 64 positions
# on. 1.05 is three of those above the largest mean, and shows an additional error
# of a third of the reference's. A single wrong logit hides in a mean, but its
# error is the size of logits and not of their rounding, so 2 shows it.
RMS_FACTOR = 1.05
MAXIMUM_FACTOR = 2.0

FINAL_LAYER_NORM = {"auto": None, "keep": True, "remove": False}


def parse_arguments(arguments):
    parser = ArgumentParser(
        prog="python -m pi_mlir.verify", description=__doc__, epilog=EPILOG
    )
    parser.add_argument("model", type=Path, help="artefact made by pi-compile")
    parser.add_argument(
        "--weights",
        type=Path,
        required=True,
        metavar="DIR",
        help="checkpoint directory with config.json and Safetensors files",
    )
    parser.add_argument(
        "--architecture",
        metavar="NAME",
        help="the name given to pi-architecture (default: GPT-2 as it is)",
    )
    parser.add_argument(
        "--final-layer-norm",
        choices=list(FINAL_LAYER_NORM),
        default="auto",
        help="as given to pi-architecture (default: auto)",
    )
    parser.add_argument(
        "--tolerance",
        type=float,
        metavar="X",
        help="largest difference of a logit that passes (default: 1e-4 on the CPU, "
        "1e-3 on a GPU)",
    )
    parser.add_argument(
        "--bf16",
        action="store_true",
        help="the model computes in bf16; logits may be as far from f32 as the other "
        "side's bf16 is, and greedy tokens are not compared",
    )
    parser.add_argument(
        "--tokens",
        type=integer(0, MAXIMAL_INT),
        default=64,
        metavar="N",
        help="greedy tokens to compare; 0 for none (default: 64)",
    )
    parser.add_argument(
        "--device",
        type=integer(0, MAXIMAL_INT),
        default=0,
        metavar="N",
        help="GPU number (default: 0)",
    )
    parser.add_argument(
        "--seed",
        type=integer(0, MAXIMAL_SEED),
        default=0,
        help="seed of the random tokens (default: 0)",
    )
    return parser.parse_args(arguments)


def load_transformers(load, weights, **options):
    """What `load`, a from_pretrained of transformers, makes of the directory."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    if not (weights / "config.json").is_file():
        raise UserError(f"{weights / 'config.json'}: no such file")
    try:
        return load(weights, local_files_only=True, **options)
    except Exception as error:  # any of its own and of Python's, by what is wrong
        raise UserError(f"{weights}: transformers cannot load it: {error}") from error


def load_reference(weights, architecture, final_layer_norm, length):
    """The PyTorch module to compare with, and its name."""
    import transformers

    from pi_mlir.checkpoint import read_checkpoint
    from pi_mlir.reference import Architecture, ReferenceGPT2

    if architecture is None:
        load = transformers.GPT2LMHeadModel.from_pretrained
        options = {"attn_implementation": "eager", "dtype": "float32"}
        model = load_transformers(load, weights, **options)
        return model.eval(), f"transformers {transformers.__version__}"

    config = load_transformers(transformers.GPT2Config.from_pretrained, weights)
    for size in ("vocab_size", "n_positions", "n_embd", "n_layer", "n_head"):
        if getattr(config, size) < 1:
            raise UserError(f"{weights / 'config.json'}: {size} has to be at least 1")
    try:
        parsed = Architecture.parse(
            architecture, config.activation_function, final_layer_norm
        )
    except ValueError as error:
        raise UserError(f"--architecture: {error}") from error
    reference = ReferenceGPT2(config, parsed, length)
    try:
        return reference.load_checkpoint(read_checkpoint(weights, "pt")), "PyTorch"
    except KeyError as error:
        raise UserError(f"{weights}: {error.args[0]}") from error
    except RuntimeError as error:  # a line for each tensor of another shape
        raise UserError(f"{weights}: {' '.join(str(error).split())}") from error


def compute_logits(reference, ids):
    """Logits of a PyTorch module for ids B x T, float32 of B x T x V."""
    logits = reference(ids)
    return getattr(logits, "logits", logits).float()


def largest_difference(left, right):
    return float(abs(left - right).max())


def rms_difference(left, right):
    """Root of the mean square of the differences."""
    return float(((left - right) ** 2).mean() ** 0.5)


def check_bf16_error(got, expected, rounded):
    """Whether `got` is no further from `expected` than `rounded` is.

    `rounded` are logits of the reference in bf16, `expected` those in f32.
    """
    rms = rms_difference(got, expected)
    rms_bound = RMS_FACTOR * rms_difference(rounded, expected)
    largest = largest_difference(got, expected)
    largest_bound = MAXIMUM_FACTOR * largest_difference(rounded, expected)
    print(
        f"error in bf16: root mean square {rms:.3g} (tolerance {rms_bound:.3g}), "
        f"largest {largest:.3g} (tolerance {largest_bound:.3g})"
    )
    return rms <= rms_bound and largest <= largest_bound


def compare_logits(model, reference, name, ids, options):
    """Prints how far the logits of `model` are from the reference's."""
    import copy

    import torch

    expected = compute_logits(reference, ids)
    got = torch.from_numpy(model.forward(ids.numpy()))
    difference = largest_difference(got, expected)
    by_rounding = options.bf16 and options.tolerance is None
    tolerance = options.tolerance
    if tolerance is None:
        tolerance = 1e-4 if model.info["target"] == "cpu" else 1e-3
    allowed = "" if by_rounding else f"tolerance {tolerance:.3g}, "
    print(
        f"logits {'x'.join(map(str, expected.shape))}: largest difference to {name} "
        f"{difference:.3g} ({allowed}logits up to {float(expected.abs().max()):.3g})"
    )
    if not by_rounding:
        return difference <= tolerance
    rounded = copy.deepcopy(reference).to(torch.bfloat16)
    return check_bf16_error(got, expected, compute_logits(rounded, ids))


def follow_greedily(reference, prompt, tokens):
    """The most likely token after `prompt` (B x P) and each of `tokens` (B x N).

    They are `tokens` if and only if those are what the reference itself would
    generate greedily, and take one pass over all positions, not N.
    """
    import torch

    logits = compute_logits(reference, torch.cat([prompt, tokens[:, :-1]], dim=1))
    return logits[:, prompt.shape[1] - 1 :].argmax(-1)


def compare_generation(model, reference, ids, count):
    """Prints how many greedy tokens after a prompt in `ids` are the same."""
    import numpy as np
    import torch

    prompt = ids[:, : max(1, min(16, ids.shape[1] - count))]
    got = np.stack(list(model.generate(prompt.numpy(), count)), axis=1)
    got = torch.from_numpy(got.astype(np.int64))
    same = int((got == follow_greedily(reference, prompt, got)).sum())
    print(f"greedy tokens: {same} of {got.numel()} are the same")
    return same == got.numel()


def compare(model, options):
    import torch

    reference, name = load_reference(
        options.weights,
        options.architecture,
        FINAL_LAYER_NORM[options.final_layer_norm],
        model.sequence_length,
    )
    generator = torch.Generator().manual_seed(options.seed)
    shape = model.batch, model.sequence_length
    ids = torch.randint(model.vocab_size, shape, generator=generator)
    passed = compare_logits(model, reference, name, ids, options)
    count = min(options.tokens, model.sequence_length - 1)
    if count > 0 and not options.bf16:
        passed &= compare_generation(model, reference, ids, count)
    print("agrees" if passed else "DIFFERS")
    return passed


def main(arguments=None):
    options = parse_arguments(arguments)

    import torch

    from pi_mlir.runtime import Model, RuntimeLibraryError

    try:
        with Model(options.model, options.weights, options.device) as model:
            with torch.no_grad():
                return 0 if compare(model, options) else 1
    except RuntimeLibraryError as error:
        raise UserError(error) from error


if __name__ == "__main__":
    run(main)
