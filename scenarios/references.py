"""Play a scenario's reference policies: the source of calibration tables and of floors."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float64

from scenarios.base import Scenario


def play(
    scenario: Scenario, name: str, n_episodes: int
) -> Mapping[str, Float64[np.ndarray, "episodes"]]:
    """Return every figure of ``metrics()`` for each of some episodes.

    Episode e draws its world and its policy from two generators seeded with (e, 0) and (e, 1),
    so that all policies meet the same worlds.

    Args:
        scenario: The simulator; it is left at the end of the last episode.
        name: One of ``scenario.references()``.
        n_episodes: Episodes to play, at least 1.
    """
    figures: dict[str, list[float]] = {key: [] for key in scenario.metric_info}
    policy = scenario.references()[name]
    for episode in range(n_episodes):
        rng = np.random.default_rng((episode, 1))
        ts = scenario.reset(np.random.default_rng((episode, 0)))
        while not ts.last:
            ts = scenario.step(policy(ts, rng))
        for key, value in scenario.metrics().items():
            figures[key].append(value)
    return {key: np.array(values) for key, values in figures.items()}


def floor_at_random(
    scenario: Scenario, bound: Mapping[str, float], n_episodes: int = 8
) -> Mapping[str, float]:
    """Return what the reference policy ``random`` reaches on average, for each figure of ``bound``.

    Where this is no worse than the bound, a stated value takes its place: 0 if higher is better,
    else twice the bound.
    """
    figures = play(scenario, "random", n_episodes)
    floor = {}
    for key, good in bound.items():
        higher_is_better = scenario.metric_info[key].higher_is_better
        poor = float(figures[key].mean())
        stated = 0.0 if higher_is_better else 2 * good
        floor[key] = poor if poor != good and (poor < good) == higher_is_better else stated
    return floor
