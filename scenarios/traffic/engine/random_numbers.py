"""The random numbers of CityFlow, and the set of the vehicles' priorities, which are drawn.

The numbers are those of mt19937 (Matsumoto and Nishimura, 1998), 32 bits a draw; its state is an
array of 625 unsigned integers: 624 words, then the position of the next one. The set is a hash
table with linear probing, an int64 array of size 2^k.
"""

from typing import Any

import numpy as np

from scenarios.compiled import lean_kernel

N_WORDS = 624
_M = 397
EMPTY = -(2**62)


@lean_kernel
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


@lean_kernel
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


@lean_kernel
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


@lean_kernel
def draw_priority(words: Any, keys: Any) -> int:
    """Return a signed 32-bit number that no vehicle holds, and consume the thread's draw."""
    while True:
        priority = draw(words)
        if priority >= 2147483648:
            priority -= 4294967296
        if not contains(keys, priority):
            break
    draw(words)
    return priority


@lean_kernel
def _home(keys: Any, key: int) -> int:
    mixed = (key & 0xFFFFFFFF) * 2654435761
    return (mixed >> 7) & (len(keys) - 1)


@lean_kernel
def contains(keys: Any, key: int) -> bool:
    """Return whether the key is in the set."""
    at = _home(keys, key)
    while keys[at] != EMPTY:
        if keys[at] == key:
            return True
        at = (at + 1) & (len(keys) - 1)
    return False


@lean_kernel
def add(keys: Any, key: int) -> None:
    """Put in a key that is not there; the table must not be full."""
    at = _home(keys, key)
    while keys[at] != EMPTY:
        at = (at + 1) & (len(keys) - 1)
    keys[at] = key


@lean_kernel
def add_all(keys: Any, new: Any) -> None:
    """Put in several keys that are not there."""
    for key in new:
        add(keys, key)


@lean_kernel
def discard(keys: Any, key: int) -> None:
    """Take out a key that is there, and close the hole it leaves."""
    mask = len(keys) - 1
    hole = _home(keys, key)
    while keys[hole] != key:
        hole = (hole + 1) & mask
    at = (hole + 1) & mask
    while keys[at] != EMPTY:
        if ((at - _home(keys, keys[at])) & mask) >= ((at - hole) & mask):
            keys[hole] = keys[at]
            hole = at
        at = (at + 1) & mask
    keys[hole] = EMPTY


def new_set(capacity: int) -> np.ndarray:
    """Return an empty table that stays at most a quarter full with `capacity` keys."""
    size = 16
    while size < 4 * capacity:
        size *= 2
    return np.full(size, EMPTY, dtype=np.int64)
