# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Figures and event files of runs, and errors for folders that are none."""

import importlib.util
import json
import math
import os

import numpy as np
import pytest
from safetensors.numpy import save_file

from pi_mlir import plot, tensorboard
from pi_mlir.command_line import UserError
from pi_mlir.training_run import TrainingRun

LAYERS, HEADS = 11, 3


@pytest.fixture
def make_run(tmp_path):
    """A run of 11 layers, with or without entropies and thresholds."""

    def make(name="run", entropies=True, thresholds=True):
        run = tmp_path / name
        (run / "checkpoints" / "latest").mkdir(parents=True)
        description = {
            "artifact": {"model": "gpt2", "sequence_length": 128},
            "attentions": [f"h.{layer}.attn" for layer in range(LAYERS)],
            "options": {"lr": 0.1},
        }
        (run / "run.json").write_text(json.dumps(description))
        lines = [{"step": step, "loss": 9 / step, "lr": 1} for step in range(1, 300)]
        lines[-1]["loss"] = None
        lines += [{"step": 299, "cross_entropy": 1.0, "perplexity": math.e}]
        if entropies:
            matrix = np.arange(LAYERS * HEADS).reshape(LAYERS, HEADS) / 10
            lines += [{"step": 299, "entropy": matrix.tolist()}]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (run / "metrics.jsonl").write_text(text + '{"step":300,"lo')
        tensors = {"wte.weight": np.zeros((2, 2), np.float32)}
        for layer in range(LAYERS if thresholds else 0):
            tensors[f"h.{layer}.attn.reg_threshold_weights"] = np.full(
                HEADS, layer / 10, np.float32
            )
        save_file(tensors, run / "checkpoints" / "latest" / "model.safetensors")
        return run

    return make


def test_reads_a_run(make_run):
    run = TrainingRun(make_run())
    steps, losses = run.series("loss")
    assert steps.size == 299 and losses[2] == 3 and math.isnan(losses[-1])
    steps, entropies = run.entropies()
    assert steps.tolist() == [299] and entropies.shape == (1, LAYERS, HEADS)
    assert run.largest_entropy == math.log(128)
    # Layer 10 comes after layer 9, not after layer 1.
    np.testing.assert_allclose(run.thresholds()[:, 0], np.arange(LAYERS) / 10)


def test_draws_all_figures(make_run, tmp_path, capsys):
    runs = [make_run("a"), make_run("b", thresholds=False)]
    assert plot.main([*map(str, runs), "-o", str(tmp_path / "figures")]) == 0
    for name in plot.FIGURES:
        assert (tmp_path / "figures" / name).read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().err == ""


def test_leaves_out_what_has_no_numbers(make_run, capsys):
    run = make_run(entropies=False, thresholds=False)
    assert plot.main([str(run)]) == 0
    assert [path.name for path in (run / "figures").iterdir()] == ["loss.png"]
    assert "no numbers for thresholds.png" in capsys.readouterr().err


def test_bins_are_of_the_largest_entropy():
    shares, largest = plot.bin_heads(np.array([[0.0, 0.9, 1.0], [2.1, 3.9, 4.0]]))
    assert largest == 4
    np.testing.assert_allclose(shares, np.array([2, 1, 1, 2]) / 6)
    shares, largest = plot.bin_heads(np.array([[0.0, np.nan]]))
    assert largest == 0 and shares.tolist() == [1, 0, 0, 0]


def test_smooths_with_what_is_finite():
    values = np.array([1.0, 3.0, np.nan, 5.0])
    assert plot.smooth(values, 1).tolist() == [2, 2, 4, 5]
    assert np.isnan(plot.smooth(np.array([np.nan]), 1)).all()


@pytest.mark.parametrize(
    "file, text, message",
    [
        ("run.json", "{", "malformed JSON"),
        ("run.json", "[" * 100_000, "malformed JSON: too many levels"),
        ("run.json", "[]", "run.json: the file has to be an object"),
        ("run.json", '{"artifact": {}}', "artifact.sequence_length is missing"),
        ("metrics.jsonl", "{\n", "line 1: no metrics"),
        ("metrics.jsonl", '{"step":1}\n[]\n', "line 2: no metrics"),
        ("metrics.jsonl", '{"step":"1"}\n', "line 1: step has to be of type int"),
        ("metrics.jsonl", "{}\n", "line 1: step is missing"),
        ("metrics.jsonl", '{"step":1,"step":2}\n', "line 1: no metrics: .* twice"),
        ("metrics.jsonl", '{"step":%d}\n' % 10**22, "line 1: step has to be in"),
        ("metrics.jsonl", '{"step":-1}\n', "line 1: step has to be in"),
        ("metrics.jsonl", "[" * 100_000 + "\n", "line 1: no metrics: too many levels"),
    ],
)
def test_refuses_other_files(make_run, file, text, message):
    run = make_run()
    (run / file).write_text(text)
    with pytest.raises(UserError, match=message):
        TrainingRun(run)


@pytest.mark.parametrize(
    "key, value, message",
    [
        ("sequence_length", 0, "artifact.sequence_length has to be in"),
        ("sequence_length", "128", "artifact.sequence_length has to be of type int"),
        ("model", None, "artifact.model has to be of type str"),
        ("attentions", [1], "attentions has to be a list of names"),
        ("options", [], "options has to be of type dict"),
    ],
)
def test_refuses_other_descriptions(make_run, key, value, message):
    path = make_run() / "run.json"
    description = json.loads(path.read_text())
    place = description["artifact"] if key in description["artifact"] else description
    place[key] = value
    path.write_text(json.dumps(description))
    with pytest.raises(UserError, match=f"run.json: {message}"):
        TrainingRun(path.parent)


@pytest.mark.parametrize("value", ["true", '"3"', "[]", "1" + "0" * 400])
def test_refuses_what_is_no_number(make_run, value):
    run = make_run()
    (run / "metrics.jsonl").write_text(
        f'{{"step":1,"loss":{value}}}\n{{"step":1,"entropy":[[{value}]]}}\n'
    )
    with pytest.raises(UserError, match="metrics.jsonl: loss is not a number"):
        TrainingRun(run).series("loss")
    with pytest.raises(UserError, match="metrics.jsonl: entropies are no matrices"):
        TrainingRun(run).entropies()


def test_refuses_pipes_and_other_thresholds(make_run):
    run = make_run()
    model = run / "checkpoints" / "latest" / "model.safetensors"
    save_file({"h.0.attn.reg_threshold_weights": np.zeros(0)}, model)
    with pytest.raises(UserError, match="different numbers of thresholds"):
        TrainingRun(run).thresholds()
    for path in (model, run / "metrics.jsonl", run / "run.json"):
        path.unlink()
        os.mkfifo(path)
        with pytest.raises(UserError, match=f"{path.name}: not a regular file"):
            TrainingRun(run).thresholds()


def test_refuses_other_values(make_run, tmp_path):
    run = make_run()
    with open(run / "metrics.jsonl", "w") as file:
        file.write('{"step":1,"loss":"3"}\n{"step":1,"loss":[]}\n')
        file.write('{"step":1,"entropy":[[1,2],[3]]}\n')
    with pytest.raises(UserError, match="loss is not a number"):
        TrainingRun(run).series("loss")
    with pytest.raises(UserError, match="no matrices of one shape"):
        TrainingRun(run).entropies()
    with pytest.raises(UserError, match="a run is the folder of pi-train"):
        TrainingRun(tmp_path / "none")


def test_event_files(make_run):
    run = make_run()
    if importlib.util.find_spec("tensorboard") is None:
        with pytest.raises(UserError, match="need the packages torch and tensorb"):
            tensorboard.main([str(run)])
        return
    assert tensorboard.main([str(run)]) == 0
    assert tensorboard.main([str(run)]) == 0
    assert len(list((run / "tensorboard").glob("events*"))) == 1
