"""Random streams of a run, all grown from the cell's seed.

Each purpose has a number of its own; append purposes, never renumber them: the numbers are
part of what a published result means. The method is in no key: all methods meet the same worlds.
"""

from collections.abc import Iterable
from enum import IntEnum

import numpy as np
import torch

from methods.base import Rngs

TUNING_SEEDS = 1000  # reporting seeds lie below, tuning seeds from here on


class Purpose(IntEnum):
    """What a stream is for."""

    INIT = 0
    REPLAY = 1
    TRAIN_WORLD = 2
    TRAIN_ACT = 3
    EVAL_WORLD = 4
    EVAL_ACT = 5
    LEARN = 6


def stream(seed: int, purpose: Purpose, *index: int) -> np.random.Generator:
    """Return the stream of ``purpose``, or one of its numbered members."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(purpose, *index)))


def method_rngs(seed: int) -> Rngs:
    """Return the streams a method keeps."""
    return Rngs(
        init=_torch_stream(seed, Purpose.INIT),
        replay=stream(seed, Purpose.REPLAY),
        learn=_torch_stream(seed, Purpose.LEARN),
    )


def seeds_text(seeds: Iterable[int]) -> str:
    """Write seeds for people: ``seed 7`` or ``seeds 0-4, 7``."""
    spans: list[list[int]] = []
    for seed in sorted(seeds):
        if spans and seed == spans[-1][-1] + 1:
            spans[-1].append(seed)
        else:
            spans.append([seed])
    word = "seed" if sum(map(len, spans)) == 1 else "seeds"
    return f"{word} {', '.join('-'.join(map(str, dict.fromkeys((s[0], s[-1])))) for s in spans)}"


def _torch_stream(seed: int, purpose: Purpose) -> torch.Generator:
    return torch.Generator().manual_seed(int(stream(seed, purpose).integers(2**63)))
