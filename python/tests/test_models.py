# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Whole models, compiled for the CPU, against transformers and PyTorch."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from pi_mlir import generate, verify
from pi_mlir.reference import Architecture, ReferenceGPT2
from pi_mlir.runtime import Model, RuntimeLibraryError
from pi_mlir.verify import compute_logits, follow_greedily

TOLERANCE = 1e-4
LENGTH = 80


@pytest.fixture(autouse=True)
def no_grad():
    with torch.no_grad():
        yield


def assert_same_model(artifact, weights, reference, ids, tokens=64):
    """Logits within TOLERANCE, and the same greedy tokens."""
    with Model(artifact, weights) as model:
        logits = model.forward(ids.numpy())
        expected = compute_logits(reference, ids).numpy()
        np.testing.assert_allclose(logits, expected, rtol=TOLERANCE, atol=TOLERANCE)
        prompt = ids[:, :8]
        got = np.stack(list(model.generate(prompt.numpy(), tokens)), axis=1)
        assert got.shape[1] == tokens
        wanted = follow_greedily(reference, prompt, torch.from_numpy(got).long())
        np.testing.assert_array_equal(got, wanted.numpy())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"activation_function": "gelu", "n_inner": 100},
        {"activation_function": "relu", "tie_word_embeddings": False},
        {"scale_attn_weights": False, "initializer_range": 0.1},
        {"scale_attn_by_inverse_layer_idx": True, "n_layer": 3},
        {"reorder_and_upcast_attn": True, "layer_norm_epsilon": 1e-3},
        {"n_embd": 48, "n_head": 3, "n_layer": 1, "vocab_size": 301},
    ],
)
def test_gpt2(checkpoint, compile_model, tokens, options):
    directory, model = checkpoint(**options)
    artifact = compile_model(directory, seq_len=LENGTH)
    assert_same_model(artifact, directory, model, tokens(1, 72))


def test_gpt2_small(checkpoint, compile_model):
    """All twelve layers at T = 128, with weights as transformers starts them."""
    directory, model = checkpoint(
        vocab_size=50257,
        n_positions=1024,
        n_embd=768,
        n_layer=12,
        n_head=12,
        initializer_range=0.02,
    )
    artifact = compile_model(directory, seq_len=128)
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(50257, (1, 128), generator=generator)
    assert_same_model(artifact, directory, model, ids, tokens=64)


def test_batch(checkpoint, compile_model, tokens):
    directory, model = checkpoint()
    artifact = compile_model(directory, seq_len=LENGTH, batch=2)
    assert_same_model(artifact, directory, model, tokens(2, LENGTH))
    # Fewer rows and positions than the model was compiled for.
    assert_same_model(artifact, directory, model, tokens(1, 9), tokens=4)


def test_sharded_checkpoint(checkpoint, compile_model, tokens):
    directory, model = checkpoint(max_shard_size="100KB")
    assert len(list(directory.glob("*.safetensors"))) > 1
    artifact = compile_model(directory, seq_len=LENGTH)
    assert_same_model(artifact, directory, model, tokens(1, 72))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_checkpoint_of_another_type(checkpoint, compile_model, tokens, dtype):
    directory, model = checkpoint()
    model.to(dtype).save_pretrained(directory)
    artifact = compile_model(directory, seq_len=LENGTH)
    assert_same_model(artifact, directory, model.float(), tokens(1, 72), tokens=8)


@pytest.mark.parametrize(
    "name",
    [
        "SM+LN+G",
        "SM+LN+R",
        "SM+LN",
        "SM+G",
        "SM+R",
        "SM",
        "SM+WNorm(QK)",
        "SM+WNorm(FFN)",
        "SM+WNorm(QKVO+FFN)",
        "SM+SNorm(QKV+FFN)",
        "SM+SNorm(QKVO+FFN)",
        "SM+ScFFN",
        "SM+ScFuFFN",
        "SM(t)+ScFuFFN",
        "EReg(SM(t)+ScFuFFN)",
    ],
)
def test_architectures_of_a_plain_checkpoint(checkpoint, compile_model, tokens, name):
    """Parameters that the rewrite adds are derived from those of GPT-2."""
    # Without LayerNorm, activations grow with the weights.
    directory, model = checkpoint(initializer_range=0.05)
    artifact = compile_model(
        directory, f"--pi-architecture=name={name}", seq_len=LENGTH
    )
    reference = ReferenceGPT2(model.config, Architecture.parse(name), LENGTH)
    reference.load_checkpoint(model.state_dict())
    assert_same_model(artifact, directory, reference, tokens(1, 72), tokens=32)


@pytest.mark.parametrize(
    "name", ["EReg(SM(t)+ScFuFFN)", "SM+WNorm(QK+FFN)", "SM(t)+LN+G"]
)
def test_architectures_of_their_own_checkpoint(
    checkpoint, compile_model, tokens, tmp_path, name
):
    """Parameters that the rewrite adds are read where a checkpoint has them."""
    directory, model = checkpoint(initializer_range=0.05)
    artifact = compile_model(
        directory,
        f"--pi-architecture=name={name} final-layer-norm=keep",
        seq_len=LENGTH,
    )
    architecture = Architecture.parse(name, final_layer_norm=True)
    reference = ReferenceGPT2(model.config, architecture, LENGTH)
    reference.load_checkpoint(model.state_dict())
    added = ("temperature", "alpha", "beta", "weight_g", "fused.weight")
    generator = torch.Generator().manual_seed(2)
    changed = 0
    for parameter, value in reference.named_parameters():
        if parameter.endswith(added):
            value *= 0.5 + torch.rand(value.shape, generator=generator)
            changed += 1
    assert changed > 0
    weights = tmp_path / "trained" / "model.safetensors"
    weights.parent.mkdir()
    save_file(reference.state_dict(), weights)
    assert_same_model(artifact, weights.parent, reference, tokens(1, 72), tokens=32)


def test_polynomial_activation(checkpoint, compile_model, tokens):
    directory, model = checkpoint(initializer_range=0.05)
    artifact = compile_model(
        directory, "--pi-replace-gelu=with=polynomial", seq_len=LENGTH
    )
    architecture = Architecture(activation=(0.5, 0.25, 0.125))
    reference = ReferenceGPT2(model.config, architecture)
    reference.load_checkpoint(model.state_dict())
    assert_same_model(artifact, directory, reference, tokens(1, 72), tokens=32)


def test_wrong_weights(checkpoint, compile_model, tmp_path):
    directory, model = checkpoint()
    artifact = compile_model(directory, seq_len=8)
    state = {
        name.removeprefix("transformer."): value.contiguous()
        for name, value in model.state_dict().items()
        if name != "lm_head.weight"
    }
    weights = tmp_path / "weights.safetensors"
    save_file({**state, "ln_f.bias": torch.zeros(65)}, weights)
    with pytest.raises(RuntimeLibraryError, match="'ln_f.bias' has shape 65"):
        Model(artifact, weights)
    del state["h.1.ln_2.bias"]
    save_file(state, weights)
    with pytest.raises(RuntimeLibraryError, match="no parameter 'h.1.ln_2.bias'"):
        Model(artifact, weights)


def test_generate_program(checkpoint, compile_model, capsys):
    directory, _ = checkpoint(tokenizer=True)
    artifact = compile_model(directory, seq_len=LENGTH)
    arguments = [str(artifact), f"--weights={directory}", "--text=def fib(n):"]
    arguments += ["--max-new-tokens=16", "--ignore-eos"]
    assert generate.main(arguments) == 0
    output = capsys.readouterr()
    assert output.out.startswith("def fib(n):")
    assert " + 16 tokens in " in output.err
    assert generate.main([*arguments, "--quiet"]) == 0
    quiet = capsys.readouterr()
    assert "def fib(n):" + quiet.out == output.out
    assert quiet.err == ""


def test_verify_program(checkpoint, compile_model, capsys):
    directory, _ = checkpoint()
    name = "SM+LN+R"
    artifact = compile_model(
        directory, f"--pi-architecture=name={name}", seq_len=LENGTH
    )
    arguments = [str(artifact), f"--weights={directory}", "--tokens=16"]
    assert verify.main([*arguments, f"--architecture={name}"]) == 0
    output = capsys.readouterr().out
    assert "greedy tokens: 16 of 16 are the same" in output
    assert output.endswith("agrees\n")
    assert verify.main(arguments) == 1
    assert capsys.readouterr().out.endswith("DIFFERS\n")
