"""Episodes of random play, for laws to look at."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from scenarios.base import Actions, Scenario, Timestep

STEPS = 100  # of an episode are looked at


def episode(
    scenario: Scenario,
    seed: int,
    world: np.random.Generator | None = None,
    *,
    steps: int | None = STEPS,
) -> Iterator[Timestep]:
    """Play random allowed actions and yield every timestep.

    Args:
        scenario: What is played.
        seed: Of the actions, and of the world unless that is given.
        world: Stream of the scenario.
        steps: Steps at most; None for a whole episode.
    """
    draw = np.random.default_rng(seed)
    ts = scenario.reset(np.random.default_rng(seed) if world is None else world)
    yield ts
    while not ts.last and (steps is None or ts.step < steps):
        ts = scenario.step(random_actions(ts, draw))
        yield ts


def random_actions(ts: Timestep, draw: np.random.Generator) -> Actions:
    """Draw an allowed action for each agent."""
    return np.where(ts.action_mask, draw.random(ts.action_mask.shape), -1).argmax(axis=1)


def shown(ts: Timestep) -> tuple[Any, ...]:
    """Return everything a timestep says, in a form that compares bit for bit."""
    arrays = (ts.obs, ts.graph, ts.neighbors, ts.action_mask, ts.reward)
    parts = [(a.dtype, a.shape, a.tobytes()) for a in arrays]
    return parts, ts.terminated, ts.truncated, ts.step


def scribble(ts: Timestep) -> None:
    """Write over what matters to a later step; the next actions rest on the mask."""
    for array in (ts.obs, ts.graph, ts.neighbors, ts.reward):
        if array.flags.writeable:
            array[:] = ~array if array.dtype == np.bool_ else array + 1


def allowed(ts: Timestep, actions: Actions) -> bool:
    """Say whether actions are one allowed action per agent."""
    n_agents = len(ts.action_mask)
    if actions.shape != (n_agents,):
        return False
    return bool(ts.action_mask[np.arange(n_agents), actions].all())
