# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""CPU forward pass and decoding against PyTorch, side by side in one run.

  .venv/bin/python benchmarks/cpu_forward.py [--model gpt2] [--seq-len 128]

Makes a checkpoint of that configuration with random weights, compiles it, and
times in turns, on the same number of cores: the forward pass with all logits of
one sequence, and one step of decoding with a cache, in f32. The other side is
transformers' GPT2LMHeadModel run eagerly. Prints medians and their ratio.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / "build" / "bin"

#: n_layer, n_head, n_embd of the published configurations.
MODELS = {
    "gpt2": (12, 12, 768),
    "gpt2-medium": (24, 16, 1024),
    "gpt2-large": (36, 20, 1280),
    "gpt2-xl": (48, 25, 1600),
}


def make_model(name, seq_len, directory):
    """A checkpoint directory and the model compiled for it, and the peer."""
    from pi_mlir.make_checkpoint import make_checkpoint

    layers, heads, width = MODELS[name]
    checkpoint = Path(directory) / "checkpoint"
    peer = make_checkpoint(
        checkpoint,
        tokenizer=False,
        vocab_size=50257,
        n_layer=layers,
        n_head=heads,
        n_embd=width,
        n_positions=1024,
    )
    mlir, artefact = Path(directory) / "model.mlir", Path(directory) / "model.pi"
    commands = [
        ["pi-translate", "--import-gpt2", checkpoint, "--seq-len", seq_len],
        ["pi-compile", mlir, "--target=cpu"],
    ]
    for (program, *arguments), output in zip(commands, (mlir, artefact)):
        subprocess.run([BIN / program, *map(str, arguments), "-o", output], check=True)
    return checkpoint, artefact, peer


def time_compiled(artefact, checkpoint, runs, threads):
    """Medians of the compiled model: milliseconds of forward and of a token."""
    result = subprocess.run(
        [BIN / "pi-run", artefact, "--weights", checkpoint, "--benchmark", str(runs)],
        check=True,
        text=True,
        capture_output=True,
        env={**os.environ, "PI_NUM_THREADS": str(threads)},
    )
    report = json.loads(result.stdout)
    return report["forward_ms"], report["decode_us_per_token"] / 1000


def median_ms(function, runs):
    for _ in range(2):
        function()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def time_pytorch(model, seq_len, runs):
    """The same for the peer, with a cache of half the sequence."""
    import torch

    tokens = torch.arange(seq_len)[None] % model.config.vocab_size
    with torch.inference_mode():
        forward = median_ms(lambda: model(tokens, use_cache=False).logits, runs)
        prompt = tokens[:, : seq_len // 2]
        cache = model(prompt, use_cache=True).past_key_values

        def decode():
            # Each step takes the next position, as generation does.
            model(tokens[:, :1], past_key_values=cache, use_cache=True)

        return forward, median_ms(decode, min(runs, seq_len // 2 - 3))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", choices=MODELS, default="gpt2")
    parser.add_argument("--seq-len", type=int, default=128)
    parser.add_argument("--runs", type=int, default=10, help="runs in each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()

    import torch

    torch.set_num_threads(options.threads)
    compiled, pytorch = [], []
    with tempfile.TemporaryDirectory() as directory:
        checkpoint, artefact, peer = make_model(
            options.model, options.seq_len, directory
        )
        for _ in range(options.rounds):
            compiled.append(
                time_compiled(artefact, checkpoint, options.runs, options.threads)
            )
            pytorch.append(time_pytorch(peer, options.seq_len, options.runs))

    print(
        f"{options.model}, B=1, T={options.seq_len}, f32, {options.threads} threads; "
        f"medians of {options.rounds} rounds of {options.runs}"
    )
    print(f"{'':10} {'pi-mlir':>12} {'PyTorch':>12} {'ratio':>8}")
    for index, name in enumerate(("forward", "decode")):
        ours = statistics.median(row[index] for row in compiled)
        theirs = statistics.median(row[index] for row in pytorch)
        print(f"{name:10} {ours:9.2f} ms {theirs:9.2f} ms {ours / theirs:8.3f}")


if __name__ == "__main__":
    main()
