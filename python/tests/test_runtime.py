# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What is wrong is said in a sentence, by the library or before it."""

import os
import subprocess
import sys

import numpy as np
import pytest
from safetensors import safe_open

from conftest import run_tool

from pi_mlir import generate, verify
from pi_mlir.command_line import UserError
from pi_mlir.runtime import Library, Model, RuntimeLibraryError, as_tokens


@pytest.fixture
def malformed(tmp_path):
    path = tmp_path / "model.pi"
    path.write_bytes(b"PIMODEL\n")
    return path


@pytest.fixture
def tiny(tmp_path):
    """A hand-made model of the runtime's own tests: B 2, T 8, V 16."""
    run_tool("pi-write-tiny-model", tmp_path)
    with Model(tmp_path / "model.pi", tmp_path) as model:
        yield model


def test_sizes(tiny):
    assert (tiny.batch, tiny.sequence_length, tiny.vocab_size) == (2, 8, 16)
    assert tiny.info["target"] == "cpu"


def test_generation_agrees_with_forward(tiny):
    prompt = np.array([[1, 2], [7, 3]])
    rows = np.concatenate([prompt, np.stack(list(tiny.generate(prompt, 3)), 1)], 1)
    logits = tiny.forward(rows)
    assert logits.shape == (2, 5, 16) and logits.dtype == np.float32
    np.testing.assert_array_equal(logits[:, 1:-1].argmax(-1), rows[:, 2:])


def test_generation_ends_with_the_context(tiny):
    assert len(list(tiny.generate([[1, 2, 3]], 100))) == 6
    assert len(list(tiny.generate([[1, 2, 3]], 2))) == 2


def test_sampling(tiny):
    def sample(**options):
        return [int(t) for (t,) in tiny.generate([[1]], 8, **options)]

    greedy = sample()
    assert sample(temperature=1.0, top_k=1) == greedy
    assert sample(temperature=1.0, top_p=1e-6) == greedy
    drawn = {seed: sample(temperature=50.0, seed=seed) for seed in range(3)}
    assert drawn[1] == sample(temperature=50.0, seed=1)
    assert drawn[1] != drawn[2] != greedy
    with pytest.raises(RuntimeLibraryError, match="top_p"):
        sample(temperature=1.0, top_p=0.0)


def test_numbers_that_c_would_cut(tiny, tmp_path):
    with pytest.raises(ValueError, match="device has to be in"):
        Model(tmp_path / "model.pi", device=1 << 32)
    for options in ({"seed": (1 << 64) + 1}, {"seed": -1}, {"top_k": 1 << 32}):
        with pytest.raises(ValueError, match=f"{next(iter(options))} has to be in"):
            next(tiny.generate([[1]], 1, temperature=1.0, **options))
    with pytest.raises(ValueError, match="seed has to be in"):
        tiny.initialize_weights(1 << 64)


def test_wrong_tokens(tiny):
    with pytest.raises(RuntimeLibraryError, match=r"'input_ids': 16 at \[0, 1\]"):
        tiny.forward([[1, 16]])
    with pytest.raises(RuntimeLibraryError, match=r"'input_ids': -1 at \[0, 0\]"):
        list(tiny.generate([[-1]], 1))
    with pytest.raises(RuntimeLibraryError, match="1 to 8"):
        tiny.forward([[1] * 9])
    with pytest.raises(RuntimeLibraryError, match="2"):
        tiny.forward([[1]] * 3)


def test_any_entry_point_runs(tiny):
    tokens = np.arange(16).reshape(2, 8)
    outputs = tiny.run("forward", {"input_ids": tokens})
    assert list(outputs) == ["logits"]
    np.testing.assert_array_equal(outputs["logits"], tiny.forward(tokens))
    outputs = tiny.run("prefill", {"last_position": 2, "input_ids": tokens})
    np.testing.assert_array_equal(
        outputs["logits"].argmax(-1).astype(np.int32), outputs["next_token"]
    )


@pytest.mark.parametrize(
    "entry_point, inputs, message",
    [
        ("train", {}, "no entry point 'train'; the model has forward, prefill"),
        ("forward", {}, "has inputs input_ids; given are none"),
        ("forward", {"tokens": np.zeros((2, 8), int)}, "given are tokens"),
        (
            "forward",
            {"input_ids": np.zeros((2, 7), int)},
            r"shape \(2, 7\); .*\(2, 8\)",
        ),
        ("forward", {"input_ids": np.zeros((2, 8))}, "is float64; expected int32"),
        ("forward", {"input_ids": np.full((2, 8), 1 << 32)}, "do not fit in int32"),
        ("forward", {"input_ids": [[None] * 8] * 2}, "is object; expected int32"),
    ],
)
def test_wrong_inputs(tiny, entry_point, inputs, message):
    with pytest.raises(ValueError, match=message):
        tiny.run(entry_point, inputs)


def test_run_checks_values(tiny):
    with pytest.raises(RuntimeLibraryError, match="'input_ids': 16"):
        tiny.run("forward", {"input_ids": np.full((2, 8), 16)})
    with pytest.raises(RuntimeLibraryError, match="'position': 8"):
        tiny.run("decode", {"input_ids": [[0], [0]], "position": 8})


def test_model_without_weights(tmp_path):
    run_tool("pi-write-tiny-model", tmp_path)
    with Model(tmp_path / "model.pi") as model:
        with pytest.raises(RuntimeLibraryError, match="'forward': no weights"):
            model.run("forward", {"input_ids": np.zeros((2, 8), int)})


@pytest.fixture
def training(tmp_path):
    """A hand-made bigram model with a train step: B 4, T 8, V 32."""
    run_tool("pi-write-tiny-training", tmp_path)
    with Model(tmp_path / "train.pi") as model:
        yield model


def test_weights_start_by_the_seed(training):
    tables = []
    for seed in (3, 3, 2**64 - 1):
        training.initialize_weights(seed)
        tables.append(training.read_tensor("wte.weight"))
    np.testing.assert_array_equal(tables[0], tables[1])
    assert (tables[0] != tables[2]).any()
    assert tables[0].shape == (32, 32) and tables[0].std() == pytest.approx(0.02, 0.1)


def test_a_train_step_changes_parameters_and_states(training):
    training.initialize_weights()
    before = training.read_tensor("wte.weight")
    assert not training.read_tensor("wte.weight.exp_avg").any()
    tokens = np.arange(32).reshape(4, 8)
    inputs = {
        "input_ids": tokens,
        "targets": (tokens + 1) % 32,
        "learning_rate": 0.1,
        "weight_decay": 0.0,
        "max_grad_norm": np.inf,
        "step": 1,
    }
    training.run("train_step", inputs)
    assert (training.read_tensor("wte.weight") != before).any()
    assert training.read_tensor("wte.weight.exp_avg").any()
    # They are copies.
    training.run("train_step", {**inputs, "step": 2})
    assert not np.array_equal(training.read_tensor("wte.weight"), before)


def test_tensors_that_are_not_there(training):
    with pytest.raises(ValueError, match="no parameter and no state 'wte'"):
        training.read_tensor("wte")
    with pytest.raises(RuntimeLibraryError, match="'wte.weight' has no value"):
        training.read_tensor("wte.weight")


def test_tensors_that_numpy_lacks(tiny):
    with pytest.raises(ValueError, match="'wpe.weight' is bf16"):
        tiny.read_tensor("wpe.weight")


def test_memory_and_tuning(training):
    with pytest.raises(RuntimeLibraryError, match="no weights"):
        training.tune()
    training.initialize_weights()
    training.tune()
    sizes = training.info["parameter_bytes"] + training.info["state_bytes"]
    assert training.memory_bytes() >= sizes


def test_weights_have_the_format_that_transformers_asks_for(tmp_path):
    run_tool("pi-write-tiny-model", tmp_path)
    with safe_open(tmp_path / "model.safetensors", "numpy") as file:
        assert file.metadata() == {"format": "pt"}
        assert file.get_tensor("wte.weight").shape == (16, 16)


def test_missing_artifact(tmp_path):
    with pytest.raises(RuntimeLibraryError, match="model.pi.*No such file"):
        Model(tmp_path / "model.pi", tmp_path)


def test_malformed_artifact(malformed):
    with pytest.raises(RuntimeLibraryError, match="model.pi.*truncated"):
        Model(malformed, malformed.parent)


def test_missing_library(tmp_path):
    with pytest.raises(RuntimeLibraryError, match="cannot load.*PI_RUNTIME_LIBRARY"):
        Library(str(tmp_path / "libpi_runtime.so"))


def test_programs_report_it(malformed, tmp_path):
    arguments = [str(malformed), f"--weights={tmp_path}"]
    with pytest.raises(UserError, match="model.pi.*truncated"):
        verify.main(arguments)
    with pytest.raises(UserError, match="tokenizer.json: no such file"):
        generate.main([*arguments, "--text=a"])


def test_errors_have_no_traceback(malformed, tmp_path):
    command = [sys.executable, "-m", "pi_mlir.verify", malformed]
    result = subprocess.run(
        [*command, f"--weights={tmp_path}"], capture_output=True, text=True
    )
    assert result.returncode == 1
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
    assert result.stdout == ""


@pytest.mark.parametrize("output", ["/dev/full", "closed pipe"])
def test_unwritable_output(output):
    program = "from pi_mlir.command_line import run; run(lambda: print('text'))"
    if output == "closed pipe":
        reader, descriptor = os.pipe()
        os.close(reader)
    else:
        descriptor = os.open(output, os.O_WRONLY)
    result = subprocess.run(
        [sys.executable, "-c", program], stdout=descriptor, stderr=subprocess.PIPE
    )
    os.close(descriptor)
    assert result.returncode == 1
    assert result.stderr.startswith(b"error: standard output: ")
    assert result.stderr.count(b"\n") == 1


@pytest.mark.parametrize("program", ["generate", "verify", "make_checkpoint"])
def test_help(program):
    result = subprocess.run(
        [sys.executable, "-m", f"pi_mlir.{program}", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "usage: python -m pi_mlir." + program in result.stdout
    assert result.stderr == ""


def test_tokens_are_checked():
    assert as_tokens([1, 2, 3]).shape == (1, 3)
    assert as_tokens([[1], [2]]).dtype == np.int32
    for wrong in ([[1.5]], [[[1]]], [["a"]]):
        with pytest.raises(ValueError, match="have to be integers, rows x length"):
            as_tokens(wrong)
    with pytest.raises(ValueError, match="fit in 32 bits"):
        as_tokens([[1 << 40]])
