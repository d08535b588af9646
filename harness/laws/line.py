"""The smallest scenario that still has everything the laws of methods are about."""

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Bool, Float32, Int64

from scenarios.base import Actions, Metric, Policy, Spec, Timestep, check_actions

N_FEATURES = 4
N_ACTIONS = 3
N_STATES = 5


class Line:
    """Agents in a row, each in a state of its own that is drawn anew at every step.

    An agent's observation is the row of its state in a fixed random table; its reward is 0, 1/2
    or 1, depending on its state and its action. Nothing tells one agent from another.

    Args:
        n_agents: Agents.
        max_steps: Steps of every episode [steps].
        ends: Whether the last step terminates or truncates the episode.
        n_neighbors: None for the two next in line; otherwise every agent looks at so many others,
            drawn anew at every step, so the graph is directed and changes.
        masked: Whether one random action per agent is forbidden at every step.
        n_features: Length of an observation.
    """

    description: ClassVar[str] = "agents in a row, for laws and tests"
    version: ClassVar[str] = "1"
    deterministic: ClassVar[bool] = False
    metric_info: ClassVar[Mapping[str, Metric]] = {
        "return": Metric(unit="reward", higher_is_better=True, headline=True)
    }

    def __init__(
        self,
        *,
        n_agents: int = 8,
        max_steps: int = 5,
        ends: Literal["terminated", "truncated"] = "truncated",
        n_neighbors: int | None = None,
        masked: bool = False,
        n_features: int = N_FEATURES,
    ) -> None:
        self._table = np.random.default_rng(0).random((N_STATES, n_features), np.float32)
        self._ends, self._masked, self._drawn = ends, masked, n_neighbors
        self.floor: Mapping[str, float] = {"return": 0.0}
        self.bound: Mapping[str, float] = {"return": float(max_steps)}
        self._spec = Spec(
            n_agents=n_agents,
            n_actions=N_ACTIONS,
            n_neighbors=min(2, n_agents - 1) if n_neighbors is None else n_neighbors,
            n_features=n_features,
            obs_dtype=np.dtype(np.float32),
            obs_scale=np.linspace(0.5, 1.5, n_features, dtype=np.float32),
            max_steps=max_steps,
        )

    @property
    def spec(self) -> Spec:
        """Sizes as asked for."""
        return self._spec

    def reset(self, rng: np.random.Generator) -> Timestep:
        """Draw the first states."""
        self._rng, self._step, self._return = rng, 0, 0.0
        return self._timestep(np.zeros(self._spec.n_agents, np.float32))

    def step(self, actions: Actions) -> Timestep:
        """Reward each agent and draw the next states."""
        check_actions(actions, self._mask)
        if self._step == self._spec.max_steps:
            raise ValueError("step: the episode is over; reset first")
        reward = ((self._state + actions) % N_ACTIONS / (N_ACTIONS - 1)).astype(np.float32)
        self._step += 1
        self._return += float(reward.mean())
        return self._timestep(reward)

    def metrics(self) -> Mapping[str, float]:
        """Return the sum of the mean rewards so far."""
        return {"return": self._return}

    def references(self) -> Mapping[str, Policy]:
        """Return a policy that needs no thought."""
        return {"first_allowed": lambda ts, rng: ts.action_mask.argmax(axis=1)}

    def _timestep(self, reward: Float32[np.ndarray, "agents"]) -> Timestep:
        self._state = self._rng.integers(N_STATES, size=self._spec.n_agents)
        self._mask = self._draw_mask()
        neighbors = next_in_line(self._spec) if self._drawn is None else self._draw_neighbors()
        over = self._step == self._spec.max_steps
        return Timestep(
            obs=self._table[self._state],
            graph=graph_of_slots(neighbors),
            neighbors=neighbors,
            action_mask=self._mask.copy(),
            reward=reward,
            terminated=over and self._ends == "terminated",
            truncated=over and self._ends == "truncated",
            step=self._step,
        )

    def _draw_mask(self) -> Bool[np.ndarray, "agents actions"]:
        mask = np.ones((self._spec.n_agents, N_ACTIONS), np.bool_)
        if self._masked:
            forbidden = self._rng.integers(N_ACTIONS, size=len(mask))
            mask[np.arange(len(mask)), forbidden] = False
        return mask

    def _draw_neighbors(self) -> Int64[np.ndarray, "agents slots"]:
        distance = self._rng.random((self._spec.n_agents, self._spec.n_agents))
        np.fill_diagonal(distance, np.inf)
        return distance.argsort(axis=1)[:, : self._spec.n_neighbors]


def next_in_line(spec: Spec) -> Int64[np.ndarray, "agents slots"]:
    """Return the slots of a path: who stands before, who stands behind."""
    i = np.arange(spec.n_agents)
    before, behind = i - 1, np.where(i + 1 < spec.n_agents, i + 1, -1)
    both = np.stack([before, behind], axis=1)
    both[0] = behind[0], -1  # empty slots come last
    return both[:, : spec.n_neighbors]


def graph_of_slots(
    neighbors: Int64[np.ndarray, "agents slots"],
) -> Bool[np.ndarray, "agents agents"]:
    """Return the graph that slots describe, every agent its own neighbor."""
    graph = np.eye(len(neighbors), dtype=np.bool_)
    agent, slot = np.nonzero(neighbors >= 0)
    graph[agent, neighbors[agent, slot]] = True
    return graph
