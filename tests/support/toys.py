"""The toy scenario that methods are checked on, and how to play it."""

import numpy as np

from harness.checks.subject import Line, graph_of_slots, next_in_line

__all__ = ["Line", "fill", "graph_of_slots", "next_in_line"]


def fill(method, scenario, steps, *, explore=True):
    """Play and learn for so many environment steps, always from the same streams."""
    world, act = np.random.default_rng(1), np.random.default_rng(2)
    ts = scenario.reset(world)
    for _ in range(steps):
        if ts.last:
            ts = scenario.reset(world)
        actions = method.act(ts, act, explore=explore)
        next_ts = scenario.step(actions)
        method.observe(ts, actions, next_ts)
        ts = next_ts
