# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs of pi-train: what they write, and that a resume changes no bit of it."""

import fcntl
import json
import os
import random
import signal
import subprocess
import time
import zlib

import numpy as np
import pytest

from conftest import TOOLS, run_tool

STEPS = 60


@pytest.fixture
def tokens(token_folder):
    """Two splits of a vocabulary of 32, in which each token's next is likely."""
    generator = np.random.default_rng(1)

    def document(length):
        steps = generator.choice([1, 2, 7], p=[0.8, 0.15, 0.05], size=length)
        return np.cumsum(steps) % 31 + 1

    splits = {"train": [document(900) for _ in range(3)], "validation": [document(400)]}
    return token_folder(splits, vocab_size=32, shard_tokens=1000)


@pytest.fixture
def models(tmp_path):
    """A hand-made bigram model with four rows of eight tokens."""
    run_tool("pi-write-tiny-training", tmp_path)
    return tmp_path


def train(*arguments, check=0):
    command = [TOOLS / "pi-train", *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == check, result.stderr + result.stdout
    return result


def options(tokens, out, **more):
    given = {
        "data": tokens,
        "out": out,
        "steps": STEPS,
        "lr": 0.05,
        "log_every": 1,
        "eval_every": 20,
        "checkpoint_every": 7,
        **more,
    }
    return [
        word
        for name, value in given.items()
        for word in (f"--{name.replace('_', '-')}", value)
    ]


def read_lines(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").open()]


def without_times(lines):
    """The lines without what a clock has measured."""
    times = {"tokens_per_second", "seconds"}
    return [{k: v for k, v in line.items() if k not in times} for line in lines]


def losses(lines):
    return [(line["step"], line["loss"]) for line in lines if "loss" in line]


def checkpoints(run):
    names = [path.name for path in (run / "checkpoints").iterdir()]
    return sorted(name for name in names if name.startswith("step-"))


def weights(run):
    return (run / "checkpoints" / "latest" / "model.safetensors").read_bytes()


def test_a_run(models, tokens, tmp_path):
    config = tmp_path / "config.json"
    config.write_text("{}")
    run = tmp_path / "run"
    result = train(models / "train.pi", *options(tokens, run, config=config))
    assert f"checkpoint: {run}/checkpoints/step-00000060" in result.stdout
    assert "step 60/60  loss" in result.stdout
    lines = read_lines(run)
    steps = [line for line in lines if "loss" in line]
    assert [line["step"] for line in steps] == list(range(1, STEPS + 1))
    assert steps[-1]["loss"] < steps[0]["loss"] - 0.5
    assert [line["tokens"] for line in steps] == [32 * line["step"] for line in steps]
    assert {*steps[0]} == {
        *("step", "loss", "grad_norm", "lr", "tokens"),
        *("tokens_per_second", "seconds"),
    }
    evaluations = [line for line in lines if "cross_entropy" in line]
    assert [line["step"] for line in evaluations] == [20, 40, 60]
    for line in evaluations:
        assert line["perplexity"] == pytest.approx(np.exp(line["cross_entropy"]))
    entropies = [line["entropy"] for line in lines if "entropy" in line]
    assert np.array(entropies).shape == (3, 2, 2)
    assert checkpoints(run) == ["step-00000049", "step-00000056", "step-00000060"]
    latest = run / "checkpoints" / "latest"
    assert (latest / "config.json").read_text() == "{}"
    assert (latest / "tokenizer.json").read_text() == "{}"
    description = json.loads((run / "run.json").read_text())
    assert description["options"]["warmup_steps"] == 3
    assert description["attentions"] == ["h.0.attn", "h.1.attn"]
    # A run that is complete stays as it is.
    before = (run / "metrics.jsonl").read_bytes()
    train("--resume", run)
    assert (run / "metrics.jsonl").read_bytes() == before


@pytest.mark.parametrize("model, accumulate", [("train", 1), ("accumulate", 3)])
def test_resume_is_bitwise(models, tokens, tmp_path, model, accumulate):
    model = models / f"{model}.pi"
    more = {"accumulate": accumulate, "entropy_every": 15}
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(model, *options(tokens, whole, **more))
    # The time limit stops after the first step.
    train(model, *options(tokens, parts, **more), "--time-limit", "1e-9")
    assert checkpoints(parts) == ["step-00000001"]
    for _ in range(3):
        train("--resume", parts, "--time-limit", "1e-9")
    assert len(losses(read_lines(parts))) == 4
    train("--resume", parts)
    assert without_times(read_lines(parts)) == without_times(read_lines(whole))
    assert weights(parts) == weights(whole)


def test_lines_beyond_the_checkpoint_are_written_again(models, tokens, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    train(models / "train.pi", *options(tokens, whole))
    train(models / "train.pi", *options(tokens, killed), "--time-limit", "1e-9")
    with open(killed / "metrics.jsonl", "a") as file:
        file.write('{"step":2,"loss":0}\n{"step":3,"lo')
    train("--resume", killed)
    assert without_times(read_lines(killed)) == without_times(read_lines(whole))


def shorten(path):
    path.write_bytes(path.read_bytes()[:-1])


def test_damaged_checkpoints(models, tokens, tmp_path):
    """The newest is passed over; that all are damaged changes nothing."""
    run = tmp_path / "run"
    train(models / "train.pi", *options(tokens, run))
    whole, end = without_times(read_lines(run)), weights(run)
    folder = run / "checkpoints"
    shorten(folder / "step-00000060" / "state.json")
    result = train("--resume", run)
    assert f"note: '{folder}/step-00000060/state.json' has" in result.stdout
    assert f"going on from '{folder}/step-00000056'" in result.stdout
    assert without_times(read_lines(run)) == whole
    assert weights(run) == end
    before = (run / "metrics.jsonl").read_bytes()
    for name in checkpoints(run):
        shorten(folder / name / "state.json")
    result = train("--resume", run, check=1)
    assert f"'{folder}' has no checkpoint that is complete: " in result.stderr
    assert (run / "metrics.jsonl").read_bytes() == before


def test_a_state_of_another_step(models, tokens, tmp_path):
    run = tmp_path / "run"
    train(models / "train.pi", *options(tokens, run))
    before = (run / "metrics.jsonl").read_bytes()
    state = run / "checkpoints" / "latest" / "state.json"
    text = state.read_text().replace('"step": 60', '"step": 10')
    state.write_text(text)
    record = run / "checkpoints" / "latest" / "checkpoint.json"
    content = json.loads(record.read_text())
    content["files"]["state.json"]["crc32"] = zlib.crc32(text.encode())
    record.write_text(json.dumps(content))
    result = train("--resume", run, check=1)
    assert "state.json': step: expected 60, that of the checkpoint" in result.stderr
    assert (run / "metrics.jsonl").read_bytes() == before


def count_lines(run):
    path = run / "metrics.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def kill_until_done(first, run, generator):
    """Kills a training again and again, and gives the steps that were reached."""
    arguments, begins = first, []
    while True:
        lines = count_lines(run) + generator.choice([0, *range(2, 40)])
        process = subprocess.Popen(
            [TOOLS / "pi-train", *map(str, arguments)], stdout=subprocess.DEVNULL
        )
        while process.poll() is None and count_lines(run) < lines:
            time.sleep(0.001)
        time.sleep(generator.uniform(0, 0.01))
        process.kill()
        if process.wait() != -signal.SIGKILL:
            assert process.returncode == 0
            return begins
        if (run / "run.json").exists():
            arguments = ["--resume", run]
        stored = checkpoints(run) if (run / "checkpoints").exists() else []
        begins.append(stored[-1] if stored else None)


def test_kill_at_random_moments(models, tokens, tmp_path):
    """30 times, also before the first step; then the losses are the same."""
    more = {"steps": 800, "eval_every": 50, "checkpoint_every": 8}
    whole = tmp_path / "whole"
    train(models / "train.pi", *options(tokens, whole, **more))
    generator, kills = random.Random(1), []
    while len(kills) < 30:  # A machine may be too fast for 30 in one run.
        run = tmp_path / f"killed-{len(kills)}"
        first = [models / "train.pi", *options(tokens, run, **more)]
        kills += kill_until_done(first, run, generator)
        assert without_times(read_lines(run)) == without_times(read_lines(whole))
        assert weights(run) == weights(whole)
    assert len(set(kills)) > 10  # It went on from places all over the run.


@pytest.mark.parametrize("sent, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_stop_with_a_checkpoint(models, tokens, tmp_path, sent, status):
    run = tmp_path / "run"
    arguments = options(tokens, run, steps=10**6, checkpoint_every=0, eval_every=0)
    process = subprocess.Popen(
        [TOOLS / "pi-train", models / "train.pi", *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
    )
    process.stdout.readline()  # The first step is done.
    process.send_signal(sent)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == status
    assert f"pi-train --resume {run} goes on" in out
    (name,) = checkpoints(run)
    assert read_lines(run)[-1]["step"] == int(name.removeprefix("step-"))


def test_what_is_not_finite_stops(models, tokens, tmp_path):
    run = tmp_path / "run"
    # A table of 1e38 soon overflows.
    more = {"lr": 1e38, "warmup_steps": 30, "checkpoint_every": 1}
    result = train(models / "train.pi", *options(tokens, run, **more), check=1)
    assert "is not finite (loss" in result.stderr
    assert "the first such operation is embedding at wte" in result.stderr
    last = read_lines(run)[-1]
    assert last["loss"] is None or last["grad_norm"] is None
    step = last["step"]
    assert f"step {step} is not finite" in result.stderr
    assert checkpoints(run)[-1] == f"step-{step - 1:08}"
    assert f"{run}/checkpoints/step-{step - 1:08}" in result.stderr


def test_weights_of_another_run(models, tokens, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    train(models / "train.pi", *options(tokens, first))
    start = {"weights": first / "checkpoints" / "latest", "lr": 1e-9}
    train(models / "train.pi", *options(tokens, second, **start))
    assert read_lines(second)[0]["loss"] < read_lines(first)[0]["loss"] - 0.5


def test_a_run_moves_with_its_data(models, tokens, tmp_path):
    run, model = tmp_path / "run", models / "train.pi"
    train(model, *options(tokens, run), "--time-limit", "1e-9")
    moved = tmp_path / "moved"
    moved.mkdir()
    model = model.rename(moved / "train.pi")
    data = tokens.rename(moved / "tokens")
    result = train("--resume", run, check=1)
    assert "cannot read" in result.stderr
    train("--resume", run.rename(moved / "run"), model, "--data", data)


def test_a_run_keeps_its_config(models, tokens, tmp_path):
    run, config = tmp_path / "run", tmp_path / "config.json"
    config.write_text('{"n_layer": 2}')
    given = options(tokens, run, config=config)
    train(models / "train.pi", *given, "--time-limit", "1e-9")
    config.write_text("{}")
    train("--resume", run, "--time-limit", "1e-9")
    config.unlink()
    train("--resume", run)
    for name in checkpoints(run):
        text = (run / "checkpoints" / name / "config.json").read_text()
        assert text == '{"n_layer": 2}'


def test_other_data_are_refused(models, tokens, tmp_path):
    run = tmp_path / "run"
    train(models / "train.pi", *options(tokens, run), "--time-limit", "1e-9")
    shard = tokens / "train-00000.bin"
    content = shard.read_bytes()
    shard.write_bytes(content[2:4] + content[2:])
    result = train("--resume", run, check=1)
    assert "train-00000.bin': its sha256 is" in result.stderr
    other = options(tokens, tmp_path / "other")
    result = train(models / "train.pi", *other, check=1)
    assert "train-00000.bin': its sha256 is" in result.stderr
    shard.write_bytes(content)
    manifest = tokens / "manifest.json"
    manifest.write_text(manifest.read_text() + " ")
    result = train("--resume", run, check=1)
    assert "manifest.json' is not what" in result.stderr
    (models / "accumulate.pi").rename(models / "train.pi")
    result = train("--resume", run, check=1)
    assert "train.pi' is not what" in result.stderr


def test_errors(models, tokens, tmp_path):
    run, model = tmp_path / "run", models / "train.pi"

    def fails(message, *arguments):
        result = train(*arguments, check=1)
        assert result.stderr.startswith("pi-train: error: ")
        assert message in result.stderr

    given = options(tokens, run)
    fails("no model given", *given)
    fails("no data given; use --data", model, "--steps", 3, "--out", run)
    fails("no number of steps", model, "--data", tokens, "--out", run)
    fails("no folder for the run", model, "--data", tokens, "--steps", 3)
    fails("expected constant, linear, ", model, *given, "--schedule", "cosin")
    fails("expected a number above 0, not '0'", model, *given, "--lr", 0)
    fails("--min-lr is above --lr", model, *given, "--min-lr", 1)
    fails("leaves no step of the 60", model, *given, "--warmup-steps", 60)
    fails("at most 2147483647", model, *given, "--steps", 1 << 31)
    fails("--accumulate needs the entry points", model, *given, "--accumulate", 2)
    fails("cannot read", tmp_path / "none.pi", *given)
    fails("pi_mlir.data makes a folder", model, *given, "--data", tmp_path)
    fails("unknown option '--learning-rate'", model, "--learning-rate", 1)
    assert not run.exists()
    train(model, *given, "--time-limit", "1e-9")
    fails("has a run already; pi-train --resume", model, *given)
    fails("'--lr' is the run's own", "--resume", run, "--lr", 1)
    fails("--tune does not go with --resume", "--resume", run, "--tune")
    fails("--out does not go with --resume", "--resume", run, "--out", run)
    fails("--resume takes the folder", "--resume", tmp_path / "none")
    fails("is not an empty folder", model, *given, "--out", tokens)
    description = run / "run.json"
    text = description.read_text()
    for change, message in (
        ('"lr": -1', "options.lr: expected a number above 0"),
        ('"lr": "1"', "options.lr: expected a number"),
        ('"pace": 1', "options.pace: unknown option"),
    ):
        description.write_text(text.replace('"lr": 0.05', change))
        fails(message, "--resume", run)


def test_two_runs_in_one_folder(models, tokens, tmp_path):
    """The first locks the checkpoints before it writes run.json."""
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    descriptor = os.open(run / "checkpoints", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    result = train(models / "train.pi", *options(tokens, run), check=1)
    assert "another process writes checkpoints to" in result.stderr
    assert not (run / "run.json").exists()
    os.close(descriptor)
    train(models / "train.pi", *options(tokens, run), "--time-limit", "1e-9")


def test_a_folder_with_checkpoints_is_not_taken(models, tokens, tmp_path):
    other = tmp_path / "other"
    (other / "checkpoints" / "step-00000001").mkdir(parents=True)
    result = train(models / "train.pi", *options(tokens, other), check=1)
    assert "is not an empty folder" in result.stderr


def test_time_left_heeds_the_limit(models, tokens, tmp_path):
    """Of a hundred million steps none but the first fits into the limit."""
    given = options(tokens, tmp_path / "run", steps=100_000_000)
    result = train(models / "train.pi", *given, "--time-limit", "1e-9")
    assert "0:00 left" in result.stdout


def test_help_has_every_option(models, tokens, tmp_path):
    text = train("--help").stdout
    assert text.startswith("usage: pi-train MODEL.pi")
    assert max(map(len, text.splitlines())) <= 80
    run = tmp_path / "run"
    train(models / "train.pi", *options(tokens, run), "--time-limit", "1e-9")
    description = json.loads((run / "run.json").read_text())
    session = ["tune", "time_limit", "device", "resume", "version"]
    for name in [*description["options"], "weights", "config", *session]:
        assert f"--{name.replace('_', '-')}" in text
    assert train("--version").stdout.startswith("pi-train ")


def test_data_of_a_larger_vocabulary(models, token_folder, tmp_path):
    data = token_folder({"train": [np.arange(1, 99)]}, vocab_size=100)
    result = train(models / "train.pi", *options(data, tmp_path / "run"), check=1)
    assert "a vocabulary of 100 tokens, but the model one of 32" in result.stderr


def test_data_without_validation(models, token_folder, tmp_path):
    data = token_folder({"train": [np.arange(99) % 31 + 1]}, vocab_size=32)
    run = tmp_path / "run"
    result = train(models / "train.pi", *options(data, run), check=1)
    assert "option '--eval-every': " in result.stderr
    given = [str(word) for word in options(data, run)]
    place = given.index("--eval-every")
    del given[place : place + 2]
    result = train(models / "train.pi", *given)
    assert "note: no evaluation: " in result.stdout
    assert not any("cross_entropy" in line for line in read_lines(run))


@pytest.mark.parametrize("tokens, windows", [(24, 3), (32, 4)])
def test_validation_smaller_than_a_batch(
    models, token_folder, tmp_path, tokens, windows
):
    """A batch has four rows of eight tokens; windows are not repeated."""
    validation = [np.arange(tokens) % 31 + 1]
    splits = {"train": [np.arange(99) % 31 + 1], "validation": validation}
    data = token_folder(splits, vocab_size=32)
    given = options(data, tmp_path / "run")
    result = train(models / "train.pi", *given, check=int(windows < 4))
    assert windows == 4 or "has 3 windows, fewer than the 4" in result.stderr
