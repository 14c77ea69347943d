# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The order of an epoch is the one that docs/data.md specifies."""

import numpy as np
import pytest

from pi_mlir.data.order import Permutation, mix

MASK = (1 << 64) - 1


def mix_one(x):
    """splitmix64 of one number, by Python's integers."""
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ x >> 30) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ x >> 27) * 0x94D049BB133111EB) & MASK
    return x ^ x >> 31


def permute_one(number, size, seed, epoch):
    """The pseudocode of docs/data.md."""
    half = 1
    while 1 << 2 * half < size:
        half += 1
    base = mix_one((mix_one(seed) + epoch) & MASK)
    while True:
        left, right = number >> half, number & ((1 << half) - 1)
        for round in range(4):
            key = mix_one((base + round) & MASK)
            mixed = mix_one((right + key) & MASK) & ((1 << half) - 1)
            left, right = right, left ^ mixed
        number = left << half | right
        if number < size:
            return number


def order(size, seed, epoch):
    return Permutation(size, seed, epoch)(np.arange(size)).tolist()


def test_mix_is_splitmix64():
    # The first outputs of splitmix64 that is seeded with 0.
    golden = 0x9E3779B97F4A7C15
    states = np.array([0, golden, 2 * golden & MASK], np.uint64)
    assert [hex(x) for x in mix(states)] == [
        "0xe220a8397b1dcdaf",
        "0x6e789e6aa1b965f4",
        "0x6c45d188009454f",
    ]


def test_vectors():
    # As docs/data.md gives them.
    assert order(10, 0, 0) == [2, 4, 8, 9, 7, 5, 3, 6, 1, 0]
    assert order(10, 0, 1) == [5, 6, 8, 9, 2, 1, 3, 0, 7, 4]
    assert order(10, 1, 0) == [7, 4, 0, 5, 1, 8, 2, 3, 9, 6]
    large = Permutation(10**12, 2**64 - 1, 2**63)
    assert large([0, 1, 10**12 - 1]).tolist() == [
        868718058807,
        984515254562,
        894526668355,
    ]
    numbers = (0, 1, 10**12 - 1)
    assert large(numbers).tolist() == [
        permute_one(n, 10**12, 2**64 - 1, 2**63) for n in numbers
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 16, 17, 100, 257, 4096, 4097])
@pytest.mark.parametrize("seed, epoch", [(0, 0), (7, 3), (MASK, MASK)])
def test_agrees_with_the_pseudocode(size, seed, epoch):
    expected = [permute_one(n, size, seed, epoch) for n in range(size)]
    assert order(size, seed, epoch) == expected


@pytest.mark.parametrize("size", [*range(1, 70), 255, 256, 1000, 65535, 65537, 300001])
def test_is_a_bijection(size):
    for seed, epoch in ((0, 0), (5, 11)):
        assert sorted(order(size, seed, epoch)) == list(range(size))


def test_seed_and_epoch_choose_the_order():
    orders = {tuple(order(1000, *key)) for key in ((0, 0), (0, 1), (1, 0), (1, 1))}
    assert len(orders) == 4


def test_looks_random():
    size = 100_000
    first, second = (np.array(order(size, 3, epoch), float) for epoch in (0, 1))
    # Correlations of independent numbers have a deviation of 1 / sqrt(size).
    limit = 4 / size**0.5
    for lag in (1, 2, 256):
        assert abs(np.corrcoef(first[lag:], first[:-lag])[0, 1]) < limit
    assert abs(np.corrcoef(first, np.arange(size))[0, 1]) < limit
    assert abs(np.corrcoef(first, second)[0, 1]) < limit


@pytest.mark.parametrize(
    "size, seed, epoch, what",
    [
        (0, 0, 0, "size"),
        (2**62 + 1, 0, 0, "size"),
        (1, -1, 0, "seed"),
        (1, 0, 2**64, "epoch"),
    ],
)
def test_limits(size, seed, epoch, what):
    with pytest.raises(ValueError, match=f"{what} has to be in"):
        Permutation(size, seed, epoch)
