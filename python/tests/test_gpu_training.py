# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The train steps that scripts/gpu_tests runs on a GPU, with the CPU in its place.

So each of those tests passes where all is well, and fails where something is not.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from conftest import TOOLS, run_tool

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts/gpu_tests"))
import training  # noqa: E402

#: Short, with all that the entropy regulariser brings.
MODEL = training.regularized("per-row", 0.003, 7)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """Compiles a model for the CPU: `compiled(model, old=new)` changes its passes."""
    folder = tmp_path_factory.mktemp("training")
    artefacts = {}

    def compile_model(model=MODEL, *change):
        passes = [argument.replace(*change or ("", "")) for argument in model.passes()]
        key = (model.name, *passes)
        if key not in artefacts:
            config, source = folder / "config.json", folder / "model.mlir"
            train_step, artefact = (
                folder / "train.mlir",
                folder / f"{len(artefacts)}.pi",
            )
            config.write_text(json.dumps(model.config()))
            sizes = "--batch", training.BATCH, "--seq-len", model.length
            run_tool("pi-translate", "--import-gpt2", config, *sizes, "-o", source)
            run_tool("pi-opt", source, *passes, "-o", train_step)
            run_tool("pi-compile", train_step, "-o", artefact)
            artefacts[key] = artefact
        return artefacts[key]

    return compile_model


@pytest.mark.parametrize("precision", ["f32", "bf16"])
def test_the_same_code_passes(compiled, precision, capsys):
    artefact = compiled()
    training.check_steps(MODEL, precision, artefact, artefact)
    training.check_evaluation(MODEL, precision, artefact, artefact)
    training.check_finite(artefact, artefact)
    output = capsys.readouterr().out
    assert "loss 0.000, norm 0.000, update 0.000, exp_avg 0.000" in output
    assert "first operation that is not finite: 3.h.0.attn.c_attn.linear" in output


@pytest.mark.parametrize(
    "precision, old, new, found",
    [
        ("f32", "temperature=0.25", "temperature=0.2501", "exp_avg h.0.attn.temper"),
        ("bf16", "temperature=0.25", "temperature=0.35", "exp_avg h.0.attn.temper"),
        ("f32", "lambda=0.003", "lambda=0.00301", "exp_avg h.0.attn.reg_threshold"),
        ("f32", "epsilon=0.0001", "epsilon=0.000101", "update wte.weight"),
        ("bf16", "epsilon", "beta1=0.85 epsilon", "exp_avg wte.weight.exp_avg"),
    ],
)
def test_other_steps_are_found(compiled, precision, old, new, found):
    other = compiled(MODEL, old, new)
    with pytest.raises(AssertionError, match=found):
        training.check_steps(MODEL, precision, compiled(), other)


@pytest.mark.parametrize("precision, value", [("f32", "0.2501"), ("bf16", "0.35")])
def test_other_entropies_are_found(compiled, precision, value):
    other = compiled(MODEL, "temperature=0.25", f"temperature={value}")
    with pytest.raises(AssertionError, match="entropy entropy.h.1.attn"):
        training.check_evaluation(MODEL, precision, compiled(), other)


def test_another_first_operation_is_found(compiled):
    other = compiled(training.Model("sm-ln-g", "SM+LN+G", length=7))
    with pytest.raises(AssertionError, match="on the CPU it is 3.h.0.attn.c_attn"):
        training.check_finite(compiled(), other)


@pytest.mark.parametrize("precision, part", [("f32", 2e-4), ("bf16", 0.3)])
def test_every_tensor_counts(precision, part):
    generator = np.random.default_rng(1)
    tensors = ["w", "b", "w.exp_avg", "b.exp_avg", "w.exp_avg_sq", "b.exp_avg_sq"]
    start = {name: np.zeros(50, np.float32) for name in tensors}
    end = {name: generator.standard_normal(50).astype(np.float32) for name in tensors}
    run = training.Run((1.0,), (1.0,), start, end)
    for name in tensors:
        kind = training.kind_of(name)
        for wrong in (part * np.abs(end[name]).max(), np.nan):
            changed = end[name].copy()
            if precision == "f32" and kind != "update":
                changed[7] += wrong  # a single element
            else:
                changed += 10 * wrong
            got = run._replace(end={**end, name: changed})
            results = training.results(run), training.results(got)
            assert training.differing(*results) == [name]
            report = training.Report()
            allowed = training.tolerances(MODEL, precision)
            for kind, tensor, error in training.tensor_errors(got, run, precision, 7):
                limit = allowed.updates if kind == "update" else allowed.moments
                report.add(kind, tensor, error, limit)
            assert len(report.wrong) == 1 and f" {name}:" in report.wrong[0]


def test_resume(compiled, tmp_path):
    training.check_resume(TOOLS / "pi-train", compiled(), tmp_path / "runs")
