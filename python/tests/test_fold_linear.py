# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models whose feed-forward blocks are folded, against PyTorch and unfolded."""

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from pi_mlir.reference import Architecture, ReferenceGPT2
from pi_mlir.runtime import Model
from pi_mlir.verify import compute_logits, follow_greedily

# Of the largest logit. Folding rounds in other places, and condition numbers
# here are about 20.
TOLERANCE = 1e-5
LENGTH = 48


def compile_both(compile_model, directory, name, folded, options=""):
    """The artefacts of a model as it is, and folded into a new checkpoint."""
    architecture = f"--pi-architecture=name={name}"
    plain = compile_model(directory, architecture, seq_len=LENGTH)
    plain = plain.rename(plain.with_name("plain.pi"))
    fold = f"--pi-fold-linear=weights={directory} output={folded} {options}"
    return plain, compile_model(directory, architecture, fold, seq_len=LENGTH)


def assert_close(logits, expected):
    largest = np.abs(expected).max()
    np.testing.assert_allclose(logits, expected, rtol=0, atol=TOLERANCE * largest)


@pytest.mark.parametrize(
    "own_parameters, bound", [(False, ""), (True, ""), (True, "max-condition=8")]
)
@pytest.mark.parametrize(
    "name, options",
    [
        ("EReg(SM(t)+ScFuFFN)", {"n_layer": 4}),
        ("SM", {"tie_word_embeddings": False}),
        ("SM+WNorm(QKVO+FFN)", {}),
        ("SM+ScFFN", {"initializer_range": 0.1}),
    ],
)
@torch.no_grad()
def test_same_logits(
    checkpoint, compile_model, tokens, tmp_path, name, options, own_parameters, bound
):
    directory, model = checkpoint(**{"initializer_range": 0.05, **options})
    reference = ReferenceGPT2(model.config, Architecture.parse(name), LENGTH)
    reference.load_checkpoint(model.state_dict())
    generator = torch.Generator().manual_seed(2)
    for parameter, value in reference.named_parameters():
        if "bias" in parameter:
            value += 0.1 * torch.randn(value.shape, generator=generator)
        elif own_parameters:
            value *= 0.5 + torch.rand(value.shape, generator=generator)
    # Without them, the checkpoint is one of GPT-2, from which they are derived.
    weights = {
        key.removeprefix("transformer."): value
        for key, value in load_file(directory / "model.safetensors").items()
    }
    for key, value in reference.state_dict().items():
        if own_parameters or key in weights:
            weights[key] = value.numpy()
    save_file(weights, directory / "model.safetensors")
    reference.load_checkpoint({k: torch.tensor(v) for k, v in weights.items()})

    folded, model_layers = tmp_path / "folded", model.config.n_layer
    plain, artifact = compile_both(compile_model, directory, name, folded, bound)
    ids = tokens(1, LENGTH)
    expected = compute_logits(reference, ids).numpy()
    with Model(plain, directory) as model:
        assert_close(model.forward(ids.numpy()), expected)
    with Model(artifact, folded) as model:
        assert_close(model.forward(ids.numpy()), expected)
        prompt = ids[:, :8]
        got = np.stack(list(model.generate(prompt.numpy(), 32)), axis=1)
    wanted = follow_greedily(reference, prompt, torch.from_numpy(got).long())
    np.testing.assert_array_equal(got, wanted.numpy())
    # With the bound, all but the last block may become one change of coordinates.
    blocks = [key for key in load_file(folded / "model.safetensors") if ".mlp." in key]
    assert len(blocks) < (model_layers if bound else 1)


def test_sharded_checkpoint_of_another_type(
    checkpoint, compile_model, tokens, tmp_path
):
    directory, model = checkpoint(initializer_range=0.05)
    (directory / "model.safetensors").unlink()
    model.to(torch.bfloat16).save_pretrained(directory, max_shard_size="100KB")
    assert len(list(directory.glob("*.safetensors"))) > 1
    folded = tmp_path / "folded"
    plain, artifact = compile_both(compile_model, directory, "SM", folded)
    ids = tokens(1, LENGTH).numpy()
    with Model(plain, directory) as model:
        expected = model.forward(ids)
    with Model(artifact, folded) as model:
        assert_close(model.forward(ids), expected)
