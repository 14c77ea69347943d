# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The reference models are right: they agree with transformers and PyTorch."""

import pytest
import torch

from pi_mlir.reference import Architecture, Linear, ReferenceGPT2, spectral_norm


@pytest.fixture(autouse=True)
def no_grad():
    with torch.no_grad():
        yield


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"activation_function": "gelu", "n_inner": 100},
        {"activation_function": "relu", "tie_word_embeddings": False},
        {"scale_attn_weights": False, "layer_norm_epsilon": 1e-3},
        {"scale_attn_by_inverse_layer_idx": True, "n_layer": 3},
    ],
)
def test_gpt2_agrees_with_transformers(checkpoint, tokens, options):
    _, model = checkpoint(**options)
    architecture = Architecture(activation=model.config.activation_function)
    reference = ReferenceGPT2(model.config, architecture)
    reference.load_checkpoint(model.state_dict())
    ids = tokens(2, 48)
    torch.testing.assert_close(reference(ids), model(ids).logits, atol=1e-4, rtol=1e-4)


def test_weight_norm_agrees_with_torch():
    torch.manual_seed(0)
    plain = torch.nn.Linear(8, 12)
    torch_norm = torch.nn.utils.parametrizations.weight_norm(plain, dim=0)
    layer = Linear(8, 12, [(0, 12)], "weight")
    gain = torch.rand(12)
    torch_norm.parametrizations.weight.original0[:] = gain[:, None]
    layer.weight[:] = torch_norm.parametrizations.weight.original1.T
    layer.bias[:] = torch_norm.bias
    layer.weight_g[:] = gain
    x = torch.randn(3, 8)
    torch.testing.assert_close(layer(x), torch_norm(x))


def test_weight_norm_leaves_other_columns():
    layer = Linear(8, 12, [(4, 8)], "weight")
    torch.nn.init.normal_(layer.weight)
    torch.nn.init.normal_(layer.weight_g)
    normalized = layer.normalized_weight()
    torch.testing.assert_close(normalized[:, :4], layer.weight[:, :4])
    torch.testing.assert_close(normalized[:, 8:], layer.weight[:, 8:])
    torch.testing.assert_close(normalized[:, 4:8].norm(dim=0), layer.weight_g.abs())


def test_spectral_norm_is_the_largest_singular_value():
    torch.manual_seed(0)
    weight = torch.randn(12, 8)
    torch.testing.assert_close(
        spectral_norm(weight, 500), torch.linalg.matrix_norm(weight, ord=2)
    )


def test_derived_parameters_keep_the_function(checkpoint, tokens):
    """Scaling, temperature, fusion and weight norm start as the identity."""
    _, model = checkpoint(activation_function="relu")
    ids = tokens(1, 20)

    def logits(name):
        architecture = Architecture.parse(name)
        reference = ReferenceGPT2(model.config, architecture, length=20)
        return reference.load_checkpoint(model.state_dict())(ids)

    plain = logits("SM")
    for name in (
        "SM+ScFFN",
        "SM+ScFuFFN",
        "EReg(SM(t)+ScFuFFN)",
        "SM+WNorm(QKVO+FFN)",
    ):
        torch.testing.assert_close(logits(name), plain, atol=1e-3, rtol=1e-3)
    assert (logits("SM+R") - plain).abs().max() > 0.1
    assert (logits("SM+SNorm(QK)") - plain).abs().max() > 0.1
    assert (logits("SM+LN") - plain).abs().max() > 0.1


def test_missing_parameter_is_named(checkpoint):
    _, model = checkpoint()
    state = model.state_dict()
    del state["transformer.h.1.ln_2.bias"]
    with pytest.raises(KeyError, match="h.1.ln_2.bias"):
        ReferenceGPT2(model.config).load_checkpoint(state)


def test_names():
    assert Architecture.parse("SM+LN+G", "gelu") == Architecture(activation="gelu")
    assert Architecture.parse("ereg( sm(t) + ScFuFFN )") == Architecture(
        layer_norm=False,
        final_layer_norm=False,
        activation="identity",
        temperature=True,
        scaled_ffn=True,
        fused_ffn=True,
    )
    normalized = Architecture.parse("SM+SNorm(QKV+FFN)", final_layer_norm=True)
    assert normalized.normalization == "spectral"
    assert normalized.placement == "QKVF"
    assert normalized.final_layer_norm


@pytest.mark.parametrize("name", ["", "LN+G", "SM+Q", "SM+WNorm(V)", "EReg()"])
def test_unknown_names_are_refused(name):
    with pytest.raises(ValueError, match="unknown"):
        Architecture.parse(name)
