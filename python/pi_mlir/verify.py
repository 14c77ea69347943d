# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compares a compiled model with transformers or PyTorch.

Runs the artefact's forward on random tokens and prints the largest absolute
difference of its logits. The other side is transformers' GPT2LMHeadModel for
GPT-2 itself, and the reference in plain PyTorch (pi_mlir.reference) for an
architecture given by --architecture. Then generates greedily with both and
compares the tokens. Exit status 1 if they differ by more than --tolerance.
"""

from pathlib import Path

from pi_mlir.command_line import ArgumentParser, UserError, run

EPILOG = """\
examples:
  python -m pi_mlir.verify gpt2.pi --weights DIR
  python -m pi_mlir.verify private.pi --weights DIR \\
      --architecture 'EReg(SM(t)+ScFuFFN)'
"""

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
        default=1e-4,
        metavar="X",
        help="largest difference of a logit that passes (default: 1e-4)",
    )
    parser.add_argument(
        "--tokens",
        type=int,
        default=64,
        metavar="N",
        help="greedy tokens to compare; 0 for none (default: 64)",
    )
    parser.add_argument(
        "--device", type=int, default=0, metavar="N", help="GPU number (default: 0)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the random tokens (default: 0)"
    )
    return parser.parse_args(arguments)


def load_reference(weights, architecture, final_layer_norm, length):
    """The model to compare with, from token ids B x T to logits, and its name."""
    import transformers
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        model = transformers.GPT2LMHeadModel.from_pretrained(
            weights, local_files_only=True, attn_implementation="eager"
        ).eval()
    except (OSError, ValueError) as error:
        raise UserError(f"{weights}: transformers cannot load it: {error}") from error
    if architecture is None:
        version = transformers.__version__
        return lambda ids: model(ids).logits, f"transformers {version}"

    from pi_mlir.reference import Architecture, ReferenceGPT2, read_checkpoint

    try:
        parsed = Architecture.parse(
            architecture, model.config.activation_function, final_layer_norm
        )
    except ValueError as error:
        raise UserError(f"--architecture: {error}") from error
    reference = ReferenceGPT2(model.config, parsed, length)
    return reference.load_checkpoint(read_checkpoint(weights)), "PyTorch"


def generate_greedily(forward, ids, count):
    """The `count` most likely next tokens after `ids` (B x T), as B x count."""
    import torch

    length = ids.shape[1]
    for _ in range(count):
        ids = torch.cat([ids, forward(ids)[:, -1:].argmax(-1)], dim=1)
    return ids[:, length:]


def main(arguments=None):
    options = parse_arguments(arguments)

    import numpy as np
    import torch

    from pi_mlir.runtime import Model, RuntimeLibraryError

    try:
        with Model(
            options.model, options.weights, options.device
        ) as model, torch.no_grad():
            reference, name = load_reference(
                options.weights,
                options.architecture,
                FINAL_LAYER_NORM[options.final_layer_norm],
                model.sequence_length,
            )
            generator = torch.Generator().manual_seed(options.seed)
            shape = model.batch, model.sequence_length
            ids = torch.randint(model.vocab_size, shape, generator=generator)
            expected = reference(ids).numpy()
            difference = np.abs(model.forward(ids.numpy()) - expected).max()
            print(
                f"logits {'x'.join(map(str, expected.shape))}: largest difference "
                f"to {name} {difference:.3g} (logits up to "
                f"{np.abs(expected).max():.3g}, tolerance {options.tolerance:g})"
            )
            passed = bool(difference <= options.tolerance)

            count = min(options.tokens, model.sequence_length - 1)
            if count > 0:
                prompt = ids[:, : max(1, min(16, model.sequence_length - count))]
                wanted = generate_greedily(reference, prompt, count).numpy()
                got = np.stack(list(model.generate(prompt.numpy(), count)), axis=1)
                same = int((got == wanted).sum())
                print(f"greedy tokens: {same} of {wanted.size} are the same")
                passed &= same == wanted.size
    except RuntimeLibraryError as error:
        raise UserError(error) from error
    print("agrees" if passed else "DIFFERS")
    return 0 if passed else 1


if __name__ == "__main__":
    run(main)
