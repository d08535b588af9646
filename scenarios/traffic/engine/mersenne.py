"""The random numbers of CityFlow: mt19937 (Matsumoto and Nishimura, 1998), 32 bits a draw.

The state is an array of 625 unsigned integers: 624 words, then the position of the next one.
"""

from typing import Any

import numpy as np

from scenarios.traffic.engine.compiled import kernel

N_WORDS = 624
_M = 397


@kernel
def seed_words(seed: int, words: Any) -> None:
    """Fill the state from a seed (taken modulo 2^32) by the standard initialization.

    Args:
        seed: the seed.
        words: ``[625]`` uint32, overwritten.
    """
    word = np.uint64(seed) & np.uint64(0xFFFFFFFF)
    words[0] = word
    for i in range(1, N_WORDS):
        word = (np.uint64(1812433253) * (word ^ (word >> np.uint64(30))) + np.uint64(i)) & (
            np.uint64(0xFFFFFFFF)
        )
        words[i] = word
    words[N_WORDS] = N_WORDS


@kernel
def _twist(words: Any) -> None:
    for i in range(N_WORDS):
        upper = words[i] & np.uint32(0x80000000)
        lower = words[(i + 1) % N_WORDS] & np.uint32(0x7FFFFFFF)
        mixed = upper | lower
        value = words[(i + _M) % N_WORDS] ^ (mixed >> np.uint32(1))
        if mixed & np.uint32(1):
            value ^= np.uint32(0x9908B0DF)
        words[i] = value
    words[N_WORDS] = 0


@kernel
def draw(words: Any) -> Any:
    """Return the next 32 random bits as a nonnegative integer; ``words [625]`` advances."""
    if words[N_WORDS] >= N_WORDS:
        _twist(words)
    value = words[words[N_WORDS]]
    words[N_WORDS] += np.uint32(1)
    value ^= value >> np.uint32(11)
    value ^= (value << np.uint32(7)) & np.uint32(0x9D2C5680)
    value ^= (value << np.uint32(15)) & np.uint32(0xEFC60000)
    value ^= value >> np.uint32(18)
    return np.int64(value & np.uint32(0xFFFFFFFF))
