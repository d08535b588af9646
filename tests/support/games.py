"""Small games with known solutions, for tests of learning."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from jaxtyping import Float32

from scenarios.base import Actions, Metric, Policy, Spec, Timestep, check_actions


class Game:
    """What small games have in common: one-hot states, everything allowed, all are neighbors.

    A game says how an episode begins (``self._state = 0`` unless it says otherwise) and, in
    ``play``, what a joint action does.

    Args:
        n_agents: Agents.
        n_actions: Actions of each.
        n_states: States; an observation is the state, one-hot, and the same for all.
        max_steps: Steps after which an episode is truncated [steps].
    """

    description: ClassVar[str] = "a small game, for tests"
    version: ClassVar[str] = "1"
    deterministic: ClassVar[bool] = True
    metric_info: ClassVar[Mapping[str, Metric]] = {
        "return": Metric(unit="reward", higher_is_better=True, headline=True)
    }

    def __init__(self, *, n_agents: int, n_actions: int, n_states: int, max_steps: int) -> None:
        self.floor: Mapping[str, float] = {"return": 0.0}
        self.bound: Mapping[str, float] = {"return": 1.0}
        self._spec = Spec(
            n_agents=n_agents,
            n_actions=n_actions,
            n_neighbors=n_agents - 1,
            n_features=n_states,
            obs_dtype=np.dtype(np.int8),
            obs_scale=np.ones(n_states, np.float32),
            max_steps=max_steps,
        )
        self._neighbors = np.array(
            [[j for j in range(n_agents) if j != i] for i in range(n_agents)], np.int64
        ).reshape(n_agents, n_agents - 1)

    @property
    def spec(self) -> Spec:
        return self._spec

    def reset(self, rng: np.random.Generator) -> Timestep:
        self._rng, self._state, self._step, self._return = rng, 0, 0, 0.0
        return self._timestep(np.zeros(self._spec.n_agents, np.float32), over=False)

    def step(self, actions: Actions) -> Timestep:
        check_actions(actions, np.ones((self._spec.n_agents, self._spec.n_actions), np.bool_))
        self._step += 1
        reward, over = self.play(actions)
        self._return += float(reward.mean())
        return self._timestep(reward, over=over)

    def play(self, actions: Actions) -> tuple[Float32[np.ndarray, "agents"], bool]:
        """Move to the next state; return the rewards and whether it is an end state."""
        raise NotImplementedError

    def metrics(self) -> Mapping[str, float]:
        return {"return": self._return}

    def references(self) -> Mapping[str, Policy]:
        return {"first": lambda ts, rng: np.zeros(self._spec.n_agents, np.int64)}

    def _timestep(self, reward: Float32[np.ndarray, "agents"], *, over: bool) -> Timestep:
        n = self._spec.n_agents
        obs = np.zeros((n, self._spec.n_features), np.int8)
        obs[:, self._state] = 1
        return Timestep(
            obs=obs,
            graph=np.ones((n, n), np.bool_),
            neighbors=self._neighbors.copy(),
            action_mask=np.ones((n, self._spec.n_actions), np.bool_),
            reward=reward,
            terminated=over,
            truncated=not over and self._step >= self._spec.max_steps,
            step=self._step,
        )


class MatrixGame(Game):
    """One step, one payoff for all agents.

    Args:
        payoff: The team's reward, nested by the action of agent 0, agent 1, ...
    """

    def __init__(self, payoff: Sequence[object]) -> None:
        self._payoff = np.array(payoff, np.float32)
        n_agents, n_actions = self._payoff.ndim, self._payoff.shape[0]
        super().__init__(n_agents=n_agents, n_actions=n_actions, n_states=1, max_steps=1)

    def play(self, actions: Actions) -> tuple[Float32[np.ndarray, "agents"], bool]:
        payoff = self._payoff[tuple(actions)]
        return np.full(self._spec.n_agents, payoff, np.float32), True


class TwoStepGame(Game):
    """The game of Rashid et al., 2018 (Section 5): what agent 0 picks first decides what is played.

    Action 0 of agent 0 leads to a game that always pays 7, action 1 to one that pays
    [[0, 1], [1, 8]]: 8 needs both, and whoever cannot see that prefers 7.
    """

    def __init__(self) -> None:
        super().__init__(n_agents=2, n_actions=2, n_states=3, max_steps=2)

    def play(self, actions: Actions) -> tuple[Float32[np.ndarray, "agents"], bool]:
        if self._state == 0:
            self._state = 1 + int(actions[0])
            return np.zeros(2, np.float32), False
        payoff = 7.0 if self._state == 1 else ((0.0, 1.0), (1.0, 8.0))[actions[0]][actions[1]]
        return np.full(2, payoff, np.float32), True
