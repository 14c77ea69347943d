# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The order of an epoch: a permutation of [0, n) that nobody has to store.

A Feistel network of four rounds permutes the numbers of an even count of bits,
and a number that it takes outside [0, n) is permuted again until it is inside
(cycle walking, fewer than four times on average). Whatever a key's rounds
compute, that is a bijection. docs/data.md states it for other languages.
"""

import numpy as np

ROUNDS = 4
MASK64 = (1 << 64) - 1
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MULTIPLIER_1 = np.uint64(0xBF58476D1CE4E5B9)
MULTIPLIER_2 = np.uint64(0x94D049BB133111EB)


def mix(x):
    """splitmix64 (Steele, Lea and Flood 2014) of an array of uint64."""
    x = x + GOLDEN
    x = (x ^ (x >> np.uint64(30))) * MULTIPLIER_1
    x = (x ^ (x >> np.uint64(27))) * MULTIPLIER_2
    return x ^ (x >> np.uint64(31))


class Permutation:
    """A bijection of [0, size) that (seed, epoch) chooses, both below 2^64.

    `size` is at least 1 and at most 2^62. Calling it with an array of integers
    in [0, size) gives their images, as uint64.
    """

    def __init__(self, size, seed, epoch):
        if not 1 <= size <= 1 << 62:
            raise ValueError(f"size has to be in [1, 2^62], but is {size}")
        for name, value in (("seed", seed), ("epoch", epoch)):
            if not 0 <= value <= MASK64:
                raise ValueError(f"{name} has to be in [0, 2^64), but is {value}")
        self.size = size
        half = max(1, ((size - 1).bit_length() + 1) // 2)
        self.half, self.mask = np.uint64(half), np.uint64((1 << half) - 1)
        # Arrays, since numpy warns where a scalar wraps around.
        base = mix(mix(np.array([seed], np.uint64)) + np.array([epoch], np.uint64))
        self.keys = mix(base + np.arange(ROUNDS, dtype=np.uint64))

    def __call__(self, numbers):
        numbers = np.array(numbers, np.uint64)
        flat = numbers.reshape(-1)
        walking = np.arange(flat.size)
        while walking.size:
            flat[walking] = self._permute(flat[walking])
            walking = walking[flat[walking] >= self.size]
        return numbers

    def _permute(self, numbers):
        left, right = numbers >> self.half, numbers & self.mask
        for key in self.keys:
            left, right = right, left ^ (mix(right + key) & self.mask)
        return (left << self.half) | right
