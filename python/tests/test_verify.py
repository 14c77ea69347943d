# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What pi_mlir.verify accepts and refuses.

A model in bf16 is PyTorch's here, which rounds in other places than the reference.
"""

import copy
import json
from types import SimpleNamespace

import pytest
import torch
from transformers import GPT2Config

from pi_mlir import reference as plain
from pi_mlir import verify
from pi_mlir.command_line import UserError
from pi_mlir.make_checkpoint import make_checkpoint

SIZES = dict(n_embd=128, n_layer=2, n_head=2, n_positions=64, vocab_size=1003)


class FusedLinear(plain.Linear):
    """Adds the bias before it rounds, as a fused product does."""

    def forward(self, x):
        rows = x.reshape(-1, x.shape[-1])
        result = torch.addmm(self.bias, rows, self.normalized_weight())
        return result.reshape(*x.shape[:-1], -1)


@pytest.fixture(params=["SM+LN+G", "SM+ScFFN", "EReg(SM(t)+ScFuFFN)"])
def reference(request, tmp_path):
    model = make_checkpoint(
        tmp_path / "checkpoint", tokenizer=False, initializer_range=0.08, **SIZES
    )
    config = GPT2Config(bos_token_id=0, eos_token_id=0, **SIZES)
    architecture = plain.Architecture.parse(request.param)
    built = plain.ReferenceGPT2(config, architecture, 64)
    return built.load_checkpoint(model.state_dict())


def evaluate_in_bf16(reference, ids):
    """Logits of the reference in bf16 with fused linear layers."""
    rounded = copy.deepcopy(reference).to(torch.bfloat16)
    for module in rounded.modules():
        if isinstance(module, plain.Linear):
            module.__class__ = FusedLinear
    return verify.compute_logits(rounded, ids)


def accepts(reference, change=lambda logits: logits, seed=0, evaluate=evaluate_in_bf16):
    """Whether a model with such logits passes with --bf16."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(SIZES["vocab_size"], (2, 64), generator=generator)
    with torch.no_grad():
        logits = change(evaluate(reference, ids))
        model = SimpleNamespace(
            info={"target": "cuda"}, forward=lambda tokens: logits.numpy()
        )
        options = SimpleNamespace(bf16=True, tolerance=None)
        return verify.compare_logits(model, reference, "PyTorch", ids, options)


def test_other_rounding(reference):
    assert all(accepts(reference, seed=seed) for seed in range(10))


def test_added_noise(reference, capsys):
    """Half of the error of bf16 in addition makes it 1.12 times as large."""
    with torch.no_grad():
        ids = torch.zeros(1, 64, dtype=torch.long)
        exact = verify.compute_logits(reference, ids)
        noise = verify.rms_difference(evaluate_in_bf16(reference, ids), exact) / 2
    generator = torch.Generator().manual_seed(1)

    def add_noise(logits):
        return logits + noise * torch.randn(logits.shape, generator=generator)

    assert not any(accepts(reference, add_noise, seed) for seed in range(5))


def test_one_wrong_logit(reference):
    def change(logits):
        logits[1, 63, 1002] = 0
        return logits

    assert accepts(reference)
    assert not accepts(reference, change)


def test_not_a_number(reference):
    def change(logits):
        logits[0, 3, 5] = torch.nan
        return logits

    assert not accepts(reference, change)


def test_wrong_parameter(reference):
    """A product that is too large by a tenth."""
    changed = copy.deepcopy(reference)
    with torch.no_grad():
        changed.h[1].attn.c_proj.weight *= 1.1
    assert not accepts(
        reference, evaluate=lambda _, ids: evaluate_in_bf16(changed, ids)
    )


def test_greedy_tokens(reference):
    """All tokens are the same exactly if PyTorch, step by step, gives them."""
    generator = torch.Generator().manual_seed(4)
    ids = torch.randint(SIZES["vocab_size"], (2, 40), generator=generator)
    text = ids[:, :16]
    with torch.no_grad():
        for _ in range(24):
            next_ids = verify.compute_logits(reference, text)[:, -1:].argmax(-1)
            text = torch.cat([text, next_ids], dim=1)
        tokens = text[:, 16:].numpy()
        model = SimpleNamespace(generate=lambda *_: list(tokens.T))
        assert verify.compare_generation(model, reference, ids, 24)
        for wrong in (0, 11, 23):
            tokens[1, wrong] ^= 1
            assert not verify.compare_generation(model, reference, ids, 24)
            tokens[1, wrong] ^= 1


def test_given_tolerance(reference):
    """--tolerance takes the place of the criterion."""
    ids = torch.zeros(1, 64, dtype=torch.long)
    with torch.no_grad():
        logits = verify.compute_logits(reference, ids) + 0.01
        model = SimpleNamespace(
            info={"target": "cuda"}, forward=lambda tokens: logits.numpy()
        )
        for tolerance, passes in ((0.011, True), (0.009, False)):
            options = SimpleNamespace(bf16=True, tolerance=tolerance)
            assert passes == verify.compare_logits(model, reference, "", ids, options)


@pytest.mark.parametrize(
    "architecture, change, message",
    [
        (None, None, "config.json: no such file"),
        (None, {"vocab_size": 310}, "transformers cannot load it"),
        (None, {"n_embd": 0}, "transformers cannot load it"),
        ("SM", None, "config.json: no such file"),
        ("SM", {"vocab_size": 310}, "size mismatch for wte.weight"),
        ("SM", {"n_embd": 0}, "config.json: n_embd has to be at least 1"),
        ("SM", {"n_layer": 3}, "the checkpoint has no h.2.attn.c_attn.bias"),
    ],
)
def test_wrong_checkpoint(checkpoint, architecture, change, message):
    directory, _ = checkpoint()
    path = directory / "config.json"
    config = json.loads(path.read_text())
    path.unlink()
    if change is not None:
        path.write_text(json.dumps({**config, **change}))
    with pytest.raises(UserError, match=message):
        verify.load_reference(directory, architecture, None, 8)


def test_wrong_count(capsys):
    with pytest.raises(SystemExit, match="1"):
        verify.main(["model.pi", "--weights=.", "--tokens=-1"])
    assert "--tokens: has to be from 0 to" in capsys.readouterr().err
