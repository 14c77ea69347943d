# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The models of the GPU tests: one table for the packager and the runner."""

from typing import NamedTuple, Optional

# config.json of each checkpoint; what is not given is as in GPT-2 small.
CHECKPOINTS = {
    "small": {
        "model_type": "gpt2",
        "n_embd": 128,
        "n_layer": 2,
        "n_head": 2,
        "n_positions": 128,
        "vocab_size": 1003,
        "activation_function": "gelu_new",
        "layer_norm_epsilon": 1e-5,
        "initializer_range": 0.08,
    },
    "gpt2": {
        "model_type": "gpt2",
        "n_embd": 768,
        "n_layer": 12,
        "n_head": 12,
        "n_positions": 1024,
        "vocab_size": 50257,
        "activation_function": "gelu_new",
        "layer_norm_epsilon": 1e-5,
        "initializer_range": 0.02,
    },
}


class Model(NamedTuple):
    """An artefact: a checkpoint's shapes, an architecture, a number format."""

    name: str
    checkpoint: str
    precision: str
    batch: int
    length: int
    architecture: Optional[str] = None
    # Only timed: its logits would take the reference too long.
    benchmark: Optional[str] = None


ARCHITECTURES = [
    "SM+LN+G",
    "SM+LN+R",
    "SM+ScFFN",
    "SM+ScFuFFN",
    "SM(t)+ScFuFFN",
    "EReg(SM(t)+ScFuFFN)",
]


def small_name(architecture, precision):
    return f"small-{''.join(filter(str.isalnum, architecture))}-{precision}"


MODELS = [
    Model("small-gpt2-f32", "small", "f32", 1, 128),
    Model("small-gpt2-bf16", "small", "bf16", 1, 128),
    # Batches and lengths that no tile divides.
    Model("small-odd-f32", "small", "f32", 3, 77),
    Model("small-odd-bf16", "small", "bf16", 3, 77),
    Model("small-batch-f32", "small", "f32", 6, 64),
    Model("small-batch-bf16", "small", "bf16", 6, 64),
    *(
        Model(small_name(name, precision), "small", precision, 2, 64, name)
        for name in ARCHITECTURES
        for precision in ("f32", "bf16")
    ),
    Model("gpt2-f32", "gpt2", "f32", 1, 128),
    Model("gpt2-bf16", "gpt2", "bf16", 1, 128),
    Model("gpt2-long-bf16", "gpt2", "bf16", 1, 1024),
    Model("forward", "gpt2", "bf16", 32, 1024, benchmark="--forward"),
    Model("decode", "gpt2", "bf16", 1, 1024, benchmark="--decode"),
]

# Models of the sanitizer tests: sizes that no tile divides, a batch of one, and
# attention with temperature and entropy.
SANITIZED = [
    name
    for precision in ("f32", "bf16")
    for name in (
        f"small-odd-{precision}",
        f"small-gpt2-{precision}",
        small_name("EReg(SM(t)+ScFuFFN)", precision),
    )
]
