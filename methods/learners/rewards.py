"""Reward views: what agents learn from in place of what the scenario pays them.

The functions are pure, of one step. ``TeamReward`` and ``InequityAversion`` are controls that
separate learned sharing from sharing: ``class TeamDQN(TeamReward, DQN)`` is DQN in everything but
the rewards it stores. What a view needs is known when the step is made, so replay holds the viewed
reward and learning is untouched. Curves, tables and metrics always show the scenario's own reward.
"""

from dataclasses import dataclass, replace
from typing import ClassVar, TypeAlias

import numpy as np
from jaxtyping import Bool, Float32, Float64

from methods.learners.q_learning import QConfig, QLearner
from scenarios.base import Actions, Timestep
from scenarios.ranges import Share, Weight

Reward: TypeAlias = Float32[np.ndarray, "agents"]


class TeamReward(QLearner):
    """Every agent learns from the mean reward of all."""

    reward_view: ClassVar[str] = "team mean"
    centralized: ClassVar[bool] = True  # the mean is over everybody, not over neighbors

    def store(self, ts: Timestep, actions: Actions, next_ts: Timestep) -> None:
        """Put the transition into replay, with the mean reward."""
        super().store(ts, actions, replace(next_ts, reward=mean(next_ts.reward)))


@dataclass(frozen=True, kw_only=True)  # without slots, so that it combines with another Config
class InequityConfig(QConfig):
    """Hyperparameters on top of those of the Q-learner.

    Attributes:
        disadvantage: Cost of having less than a neighbor, alpha; shapes rewards.
        advantage: Cost of having more than a neighbor, beta; shapes rewards.
        trace_decay: Factor lambda on discounted past rewards, by which agents compare themselves.
    """

    disadvantage: Weight
    advantage: Weight
    trace_decay: Share


class InequityAversion(QLearner):
    """Agents dislike to have less, or more, than their neighbors (Hughes et al., 2018)."""

    reward_view: ClassVar[str] = "own, averse to inequity"
    _config: InequityConfig
    _trace: Reward

    def store(self, ts: Timestep, actions: Actions, next_ts: Timestep) -> None:
        """Put the transition into replay, with the reward as an inequity-averse agent feels it."""
        c, reward = self._config, next_ts.reward
        past = np.zeros_like(reward) if ts.first else self._trace
        self._trace = smoothed(past, reward, c.discount * c.trace_decay)
        felt = inequity(reward, self._trace, ts.graph, c.disadvantage, c.advantage)
        super().store(ts, actions, replace(next_ts, reward=felt))


def mean(reward: Reward) -> Reward:
    """Give everybody the team's mean reward."""
    return np.full_like(reward, reward.mean())


def hop_distances(graph: Bool[np.ndarray, "agents agents"]) -> Float64[np.ndarray, "agents agents"]:
    """Return how many edges lead from each agent to each other one, infinite where none do."""
    distance = np.where(np.eye(len(graph), dtype=np.bool_), 0.0, np.inf)
    reached, edges = distance == 0, graph.astype(np.float32)
    for hops in range(1, len(graph)):
        new = (reached @ edges > 0) & ~reached
        if not new.any():
            break
        distance[new] = hops
        reached |= new
    return distance


def spatial(
    reward: Reward,
    distance: Float64[np.ndarray, "agents agents"],
    alpha: float,
    *,
    normalize: bool,
) -> Reward:
    """Discount the rewards of others by their distance: ``sum_j alpha^d_ij r_j``.

    Source: Chu et al., 2020, Eq. 7. Whom an agent cannot reach counts nothing.

    Args:
        reward: Rewards of the step.
        distance: Hops from i to j, as ``hop_distances`` returns them.
        alpha: Discount per hop; 0 is the own reward, 1 the sum over all who can be reached.
        normalize: Whether to divide by ``sum_j alpha^d_ij``, so that the scale of rewards does
            not depend on ``alpha``.
    """
    reachable = np.isfinite(distance)
    weights = np.where(reachable, alpha ** np.where(reachable, distance, 0.0), 0.0)
    if normalize:
        weights /= weights.sum(axis=1, keepdims=True)
    return (weights @ reward).astype(np.float32)


def smoothed(trace: Reward, reward: Reward, decay: float) -> Reward:
    """Return the temporally smoothed rewards ``e_t = decay * e_(t-1) + r_t``."""
    return np.float32(decay) * trace + reward


def inequity(
    reward: Reward,
    trace: Reward,
    graph: Bool[np.ndarray, "agents agents"],
    alpha: float,
    beta: float,
) -> Reward:
    """Charge for every difference between the own smoothed reward and a neighbor's.

    ``r_i - alpha mean_j max(e_j - e_i, 0) - beta mean_j max(e_i - e_j, 0)``, j over the
    neighbors of i. Source: Hughes et al., 2018, Eq. 3, with neighbors in place of all others.

    Args:
        reward: Rewards of the step.
        trace: Smoothed rewards e, this step's included.
        graph: ``graph[i, j]`` is true when i compares itself with j.
        alpha: Cost of having less than another.
        beta: Cost of having more.
    """
    others = graph & ~np.eye(len(graph), dtype=np.bool_)
    ahead = trace[np.newaxis, :] - trace[:, np.newaxis]  # [i, j]: how far j is ahead of i
    cost = np.where(others, alpha * np.maximum(ahead, 0) + beta * np.maximum(-ahead, 0), 0.0)
    n_others = np.maximum(others.sum(axis=1), 1)
    return (reward - cost.sum(axis=1) / n_others).astype(np.float32)
