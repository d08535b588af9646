"""Plays an evaluation episode of a finished run again and records what there is to see."""

from collections.abc import Mapping

import numpy as np

from harness.result import RunResult
from harness.runner import Training
from scenarios.pictures import Drawable, Episode, Frame


def record(training: Training, k: int) -> Episode:
    """Play evaluation episode k and record it.

    Args:
        training: A run at its last evaluation, as ``kept_policy.recall_policy`` returns it.
        k: Number of the episode, from 0.

    Raises:
        ValueError: The scenario shows nothing that could be drawn.
    """
    scenario, method = training.scenario, training.method
    if not isinstance(scenario, Drawable):
        raise ValueError(f"scenario {training.cell.scenario!r} has no snapshot() to draw from")
    frames = []
    for ts, actions in training.evaluation_episode(k):
        frame = Frame(
            ts=ts,
            actions=actions,
            traces=method.traces(),
            share_out=method.share_out(ts),
            metrics=scenario.metrics(),
            snapshot=scenario.snapshot(),
        )
        frames.append(frame)
    return Episode(tuple(frames))


def differences(result: RunResult, k: int, episode: Episode) -> Mapping[str, tuple[float, float]]:
    """Return the figures in which an episode differs from the one a result tells of.

    Returns:
        Per name, what the result has and what was recorded; nothing if they are the same.
    """
    played = episode.frames[-1].metrics
    both = {name: (values[-1][k], played[name]) for name, values in result.episodes.items()}
    return {name: pair for name, pair in both.items() if not np.isclose(*pair, rtol=1e-9)}
