# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Batches of token shards: what is in them, their order, resume and ranks."""

import json
from itertools import islice

import numpy as np
import pytest

from pi_mlir.command_line import UserError
from pi_mlir.data import Dataset

T = 4


@pytest.fixture
def dataset(token_folder):
    """34 windows of 4 tokens in three shards; every token is another number."""
    documents = np.split(np.arange(1, 140), [50, 60, 95, 97])
    return Dataset(token_folder({"train": documents}, shard_tokens=50))


def take(batches, count):
    return [ids.tolist() for ids, _ in islice(batches, count)]


def windows(dataset):
    """All windows in the order of the files, by the specification's words."""
    found = []
    for shard in dataset.shards("train"):
        tokens = np.fromfile(dataset.folder / shard.file, "<u2").tolist()
        for number in range((len(tokens) - 1) // T):
            found.append(tokens[number * T : number * T + T + 1])
    return found


def test_an_epoch_is_every_window_once(dataset):
    expected = windows(dataset)
    epoch = islice(dataset.batches("train", 1, T), len(expected))
    rows = [[*ids[0].tolist(), int(targets[0, -1])] for ids, targets in epoch]
    assert sorted(rows) == sorted(expected)
    assert rows != expected


def test_targets_are_the_next_tokens(dataset):
    for ids, targets in islice(dataset.batches("train", 3, T), 30):
        assert ids.dtype == targets.dtype == np.int32
        assert ids.shape == targets.shape == (3, T)
        assert ids.flags.c_contiguous and targets.flags.c_contiguous
        assert (ids[:, 1:] == targets[:, :-1]).all()


def test_an_epoch_carries_over(dataset):
    count = len(windows(dataset))
    rows = sum(take(dataset.batches("train", 5, T), count), [])
    assert len(rows) == 5 * count
    epochs = [rows[start : start + count] for start in range(0, 5 * count, count)]
    assert all(sorted(epoch) == sorted(epochs[0]) for epoch in epochs)
    assert all(epoch != epochs[0] for epoch in epochs[1:])


def test_seed_chooses_the_order(dataset):
    first, same, other = (
        take(dataset.batches("train", 4, T, seed=s), 8) for s in (3, 3, 4)
    )
    assert first == same != other


def test_resume_at_every_position(dataset):
    uninterrupted = dataset.batches("train", 2, T, seed=9)
    states, batches = [], []
    for _ in range(40):  # more than two epochs
        states.append(json.dumps(uninterrupted.state))
        batches += take(uninterrupted, 1)
    assert json.loads(states[-1])["epoch"] == 2
    for position, state in enumerate(states):
        resumed = dataset.batches("train", 2, T, state=json.loads(state))
        assert take(resumed, 40 - position) == batches[position:]


def test_resume_with_another_batch_size(dataset):
    batches = dataset.batches("train", 2, T, seed=9)
    rows = sum(take(batches, 3), [])
    rows += sum(take(dataset.batches("train", 5, T, state=batches.state), 2), [])
    assert [[row] for row in rows] == take(dataset.batches("train", 1, T, seed=9), 16)


@pytest.mark.parametrize("world", [1, 2, 3, 8])
def test_ranks_share_a_batch(dataset, world):
    whole = dataset.batches("train", 3 * world, T, seed=2)
    ranks = [
        dataset.batches("train", 3, T, seed=2, rank=rank, world=world)
        for rank in range(world)
    ]
    for _ in range(15):
        parts = [take(rank, 1)[0] for rank in ranks]
        assert [sum(parts, [])] == take(whole, 1)
    assert all(rank.state == whole.state for rank in ranks)


def test_accumulation_sees_the_same_windows(dataset):
    whole = dataset.batches("train", 12, T)
    parts = dataset.batches("train", 3, T)
    for _ in range(6):
        assert [sum(take(parts, 4), [])] == take(whole, 1)


def test_a_batch_may_be_larger_than_an_epoch(dataset):
    count = len(windows(dataset))
    (rows,) = take(dataset.batches("train", 2 * count, T), 1)
    assert sorted(rows[:count]) == sorted(rows[count:])


def test_uint32(token_folder):
    documents = [np.arange(65530, 65540)]
    dataset = Dataset(token_folder({"train": documents}, vocab_size=65540))
    ids, targets = next(dataset.batches("train", 1, 9))
    assert ids.tolist() == [list(range(65530, 65539))]
    assert targets.tolist() == [list(range(65531, 65540))]


def test_a_token_outside_the_vocabulary_is_an_error(token_folder):
    folder = token_folder({"train": [np.arange(1, 20)]})
    shard = folder / "train-00000.bin"
    tokens = np.fromfile(shard, "<u2")
    tokens[7] = 300
    tokens.tofile(shard)
    batches = Dataset(folder).batches("train", 4, T)
    with pytest.raises(UserError, match="train-00000.bin: token 300 is not below"):
        next(batches)


def test_too_few_tokens(dataset):
    with pytest.raises(UserError, match="the 1001 tokens of a window; the largest"):
        dataset.batches("train", 1, 1000)
    with pytest.raises(UserError, match="no shard of split validation"):
        dataset.batches("validation", 1, T)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"batch": 0}, "batch has to be at least 1"),
        ({"length": 0}, "length has to be at least 1"),
        ({"rank": 2, "world": 2}, r"rank has to be in \[0, 2\)"),
        ({"rank": -1}, "rank has to be"),
        ({"split": "test"}, "split has to be train or validation"),
        ({"seed": -1}, "seed has to be in"),
    ],
)
def test_wrong_parameters(dataset, options, message):
    with pytest.raises(ValueError, match=message):
        dataset.batches(**{"split": "train", "batch": 1, "length": T, **options})


@pytest.mark.parametrize(
    "change, message",
    [
        ({"seed": -1}, "seed has to be in"),
        ({"epoch": 2**64}, "epoch has to be in"),
        ({"epoch": 1.0}, "epoch has to be in"),
        ({"epoch": True}, "epoch has to be in"),
        ({"position": None}, "position has to be in"),
        ({"position": 10**9}, "position has to be in"),
        ({"windows": 7}, "it is of 7 windows, but this split has"),
    ],
)
def test_wrong_state(dataset, change, message):
    state = {**dataset.batches("train", 1, T).state, **change}
    with pytest.raises(UserError, match=message):
        dataset.batches("train", 1, T, state=state)
    with pytest.raises(UserError, match="seed has to be in"):
        dataset.batches("train", 1, T, state=[])
