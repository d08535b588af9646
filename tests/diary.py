"""Diaries: a scenario's every step as text, for a person to review and a test to replay.

``python tests/diary.py NAME`` (in the repository root) writes ``tests/golden/NAME.txt`` anew.
A diary that changes is a new version of its scenario and belongs in CHANGELOG.md, under
"Changes numbers".
"""

import sys
import zlib
from itertools import chain
from pathlib import Path

import numpy as np

from scenarios import SCENARIOS
from scenarios.base import Timestep
from support import tasks

GOLDEN = Path(__file__).parent / "golden"
EPISODES = 6
STEPS = 12  # written of each episode
WIDE = 40  # longer observations are written as their checksum


def write(name: str) -> str:
    """Play a few episodes of random allowed actions at the scenario's place."""
    scenario, draw = tasks.build(name), np.random.default_rng(0)
    episodes = (_episode(name, scenario, draw, seed) for seed in range(EPISODES))
    with_options = "".join(f", {key} {value}" for key, value in tasks.options(name))
    head = (
        f"{name}{with_options}, version {SCENARIOS[name].version}: "
        f"random actions, {STEPS} steps of each episode"
    )
    head = "\n".join([head, *(f"{key}: sha256 {of}" for key, of in tasks.files(name).items())])
    return "\n".join([head, *chain.from_iterable(episodes), ""])


def _episode(name, scenario, draw, seed):
    ts = scenario.reset(np.random.default_rng(seed))
    lines = ["", f"episode {seed}", *_shown(ts)]
    while not ts.last and ts.step < STEPS:
        actions = np.where(ts.action_mask, draw.random(ts.action_mask.shape), -1).argmax(axis=1)
        ts = scenario.step(actions)
        lines += ["", f"actions {_row(actions)}", *_shown(ts)]
    figures = ", ".join(f"{key} {value:.6g}" for key, value in scenario.metrics().items())
    return [*lines, "", f"metrics {figures}"]


def _shown(ts: Timestep) -> list[str]:
    end = "terminated" if ts.terminated else "truncated" if ts.truncated else "goes on"
    agents = [
        f"  agent {i}: obs {_row(ts.obs[i])} | neighbors {_row(ts.neighbors[i])} "
        f"| allowed {_row(ts.action_mask[i].astype(int))}"
        for i in range(len(ts.obs))
    ]
    return [f"step {ts.step}: {end}, reward {_row(ts.reward)}", *agents]


def _row(values: np.ndarray) -> str:
    if len(values) > WIDE:
        return f"crc32 {zlib.crc32(np.ascontiguousarray(values).tobytes()):08x}"
    return " ".join(f"{value:.6g}" for value in values.tolist())


if __name__ == "__main__":
    (GOLDEN / f"{sys.argv[1]}.txt").write_text(write(sys.argv[1]))
