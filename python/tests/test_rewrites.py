# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Rewrites that derive what they add keep the function of a loaded model.

The new parameters (temperatures of 1, gains that are the norms of the columns,
scales of 1, the product of two weights) are computed when the old checkpoint
loads; the logits may differ by rounding only.
"""

import numpy as np
import pytest

from pi_mlir.runtime import Model


@pytest.fixture
def logits(checkpoint, compile_model, tokens):
    """Logits of one checkpoint under passes of pi-opt: `logits(*passes)`."""
    directory, _ = checkpoint()
    ids = tokens(2, 16).numpy()

    def evaluate(*passes):
        artifact = compile_model(directory, *passes, batch=2, seq_len=16)
        with Model(artifact, directory) as model:
            return model.forward(ids)

    return evaluate


def assert_same_function(actual, expected):
    scale = np.abs(expected).max()
    np.testing.assert_allclose(actual / scale, expected / scale, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "plain, rewritten",
    [
        ("SM+LN+G", "EReg(SM(t)+LN+G+ScFFN)"),
        ("SM+LN+G", "SM+LN+G+WNorm(QKVO+FFN)"),
        ("SM+LN", "SM(t)+LN+ScFuFFN"),
        ("SM", "EReg(SM(t)+ScFuFFN)"),
    ],
)
def test_architecture_keeps_the_function(logits, plain, rewritten):
    expected = logits(f"--pi-architecture=name={plain}")
    assert_same_function(logits(f"--pi-architecture=name={rewritten}"), expected)


def test_normalised_weights_are_fused(logits):
    expected = logits("--pi-architecture=name=SM")
    actual = logits("--pi-architecture=name=SM+WNorm(FFN)", "--pi-fuse-ffn")
    assert_same_function(actual, expected)


def test_spectral_normalisation_changes_the_function(logits):
    plain = logits("--pi-architecture=name=SM+LN+G")
    normalised = logits("--pi-architecture=name=SM+LN+G+SNorm(QK)")
    assert np.abs(normalised - plain).max() > 1e-3
