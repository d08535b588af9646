"""Reward views of Q-learners: controls that separate learned sharing from sharing.

``class TeamDQN(TeamReward, DQN)`` is DQN in everything but the rewards it stores. What a view
needs is known when the step is made, so replay holds the viewed reward and learning is untouched.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from methods.learners.q_learning import QConfig, QLearner
from methods.learners.rewards import Reward, inequity, mean, smoothed
from scenarios.base import Actions, Timestep


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
        disadvantage: Cost of having less than a neighbor, alpha; the shaping knob.
        advantage: Cost of having more than a neighbor, beta; the shaping knob.
        trace_decay: Factor lambda on discounted past rewards, by which agents compare themselves.
    """

    disadvantage: float
    advantage: float
    trace_decay: float


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
