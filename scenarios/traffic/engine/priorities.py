"""The set of priorities in use: a hash table with linear probing, an int64 array of size 2^k."""

from typing import Any

import numpy as np

from scenarios.traffic.engine.compiled import kernel

EMPTY = -(2**62)


@kernel
def _home(keys: Any, key: int) -> int:
    mixed = (key & 0xFFFFFFFF) * 2654435761
    return (mixed >> 7) & (len(keys) - 1)


@kernel
def contains(keys: Any, key: int) -> bool:
    """Return whether the key is in the set."""
    at = _home(keys, key)
    while keys[at] != EMPTY:
        if keys[at] == key:
            return True
        at = (at + 1) & (len(keys) - 1)
    return False


@kernel
def add(keys: Any, key: int) -> None:
    """Put in a key that is not there; the table must not be full."""
    at = _home(keys, key)
    while keys[at] != EMPTY:
        at = (at + 1) & (len(keys) - 1)
    keys[at] = key


@kernel
def add_all(keys: Any, new: Any) -> None:
    """Put in several keys that are not there."""
    for key in new:
        add(keys, key)


@kernel
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
