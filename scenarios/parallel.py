"""Our scenarios as PettingZoo parallel environments.

``parallel_env("jungle", n_agents=20)`` makes a ``pettingzoo.ParallelEnv`` whose agents are called
``agent_0`` and so on. Observations are the scenario's, in its compact type; a network's input is
``obs * env.obs_scale``. ``infos[agent]`` has the agent's rows of the timestep: ``graph``,
``neighbors`` and ``action_mask``. ``state()`` stacks all observations. PettingZoo is an optional
extra, imported when an environment is made.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np
from jaxtyping import Shaped

from scenarios.base import Scenario, Timestep
from scenarios.ranges import option_model


def parallel_env(name: str, **options: Any) -> Any:
    """Make a scenario a ``pettingzoo.ParallelEnv``.

    Args:
        name: Name of the scenario.
        **options: Its options.

    Raises:
        ValueError: There is no such scenario, or an option is out of its range or breaks a rule.
    """
    from scenarios import SCENARIOS  # the table lists this module, too

    if name not in SCENARIOS:
        raise ValueError(f"scenario is {name!r}; there are {', '.join(SCENARIOS)}")
    base = import_module("pettingzoo").ParallelEnv
    build = SCENARIOS[name]
    checked = dict(option_model(build).model_validate(options))
    return type("ScenarioParallelEnv", (_ParallelEnv, base), {})(name, build(**checked))


class _ParallelEnv:
    """The parallel API over a scenario, without PettingZoo's base class."""

    def __init__(self, name: str, scenario: Scenario) -> None:
        spaces = import_module("gymnasium.spaces")
        spec = scenario.spec
        self.scenario, self.obs_scale = scenario, spec.obs_scale
        self.metadata = {"name": name, "render_modes": [], "is_parallelizable": True}
        self.render_mode = None
        self.possible_agents = [f"agent_{i}" for i in range(spec.n_agents)]
        self.agents: list[str] = []
        low, high = _limits(spec.obs_dtype)
        shape = (spec.n_agents, spec.n_features)
        self.state_space = spaces.Box(low, high, shape, spec.obs_dtype)
        self.observation_spaces = {
            agent: spaces.Box(low, high, shape[1:], spec.obs_dtype)
            for agent in self.possible_agents
        }
        discrete = type("AllowedDiscrete", (_AllowedDiscrete, spaces.Discrete), {})
        self.action_spaces = {agent: discrete(spec.n_actions) for agent in self.possible_agents}
        self._rng = np.random.default_rng()

    def observation_space(self, agent: str) -> Any:
        """Return an agent's observation space."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Any:
        """Return an agent's action space; a sample without a mask is an action allowed now."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start an episode; without a seed the random stream goes on."""
        if seed is not None:
            self._rng = np.random.default_rng(seed)
        self.agents = list(self.possible_agents)
        obs, _, _, _, infos = self._show(self.scenario.reset(self._rng))
        return obs, infos

    def step(self, actions: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
        """Apply one action per agent.

        Raises:
            ValueError: An agent has none, or its action is out of range or masked.
        """
        absent = [agent for agent in self.agents if agent not in actions]
        if absent:
            raise ValueError(f"actions lack {absent[0]}; every living agent needs one")
        joint = np.array([actions[agent] for agent in self.possible_agents], np.int64)
        shown = self._show(self.scenario.step(joint))
        if self._ts.last:
            self.agents = []
        return shown

    def state(self) -> Shaped[np.ndarray, "agents features"]:
        """Return all observations."""
        return self._ts.obs.copy()

    def render(self) -> None:
        """Draw nothing."""

    def close(self) -> None:
        """Release nothing."""

    def _show(self, ts: Timestep) -> tuple[dict[str, Any], ...]:
        self._ts = ts
        rows = list(enumerate(self.possible_agents))
        for i, agent in rows:
            self.action_spaces[agent].allowed = ts.action_mask[i].astype(np.int8)
        return (
            {agent: ts.obs[i].copy() for i, agent in rows},
            {agent: float(ts.reward[i]) for i, agent in rows},
            dict.fromkeys(self.possible_agents, ts.terminated),
            dict.fromkeys(self.possible_agents, ts.truncated),
            {
                agent: {
                    "graph": ts.graph[i].copy(),
                    "neighbors": ts.neighbors[i].copy(),
                    "action_mask": ts.action_mask[i].astype(np.int8),
                }
                for i, agent in rows
            },
        )


class _AllowedDiscrete:
    """A discrete space that samples among the actions allowed now, unless given a mask."""

    allowed: np.ndarray | None = None

    def sample(self, mask: np.ndarray | None = None, probability: np.ndarray | None = None) -> Any:
        """Draw an action."""
        if mask is None and probability is None:
            mask = self.allowed
        return super().sample(mask, probability)  # type: ignore[misc]


def _limits(dtype: np.dtype[np.generic]) -> tuple[float, float]:
    if np.issubdtype(dtype, np.integer):
        return float(np.iinfo(dtype.name).min), float(np.iinfo(dtype.name).max)
    return -np.inf, np.inf
