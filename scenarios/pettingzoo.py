"""PettingZoo, both ways: our scenarios as parallel environments, and theirs as a scenario.

``parallel_env``, from :mod:`scenarios.parallel`, is the first way. ``PettingZooScenario`` is the
second: with ``module="mpe2.simple_spread_v3"`` it is a scenario made of what that module's
``parallel_env()`` returns. It asks for discrete actions and for spaces that are equal for all
agents, who all live to the end. PettingZoo is an optional extra, imported when a scenario is made.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float32

from scenarios import graph as graphs
from scenarios.base import Actions, Metric, Policy, Spec, Timestep, check_actions
from scenarios.parallel import parallel_env

__all__ = ["PettingZooScenario", "parallel_env"]

PROBES = 10  # "agents die in ten probing episodes"
GRAPHS = ("complete", "empty")


class PettingZooScenario:
    """A PettingZoo parallel environment as a scenario.

    Args:
        module: Module with a ``parallel_env`` function, such as ``"mpe2.simple_spread_v3"``.
        max_steps: Step limit [steps]; must be given, as no episode may be endless. An earlier
            end by the environment's own limit is respected.
        graph: ``"complete"``: everybody is everybody's neighbor, in order of the index; or
            ``"empty"``: nobody has any.
        floor: Poor return; the mean of ten random episodes if not given.
        bound: Good return; the best of ten random episodes if not given.
        **env_options: Passed to ``parallel_env``.

    Raises:
        ValueError: An option breaks a rule, or the environment is not of the kind asked for.
    """

    description: ClassVar[str] = "any parallel PettingZoo environment with equal, discrete agents"
    version: ClassVar[str] = "1"
    deterministic: ClassVar[bool] = False
    metric_info: ClassVar[Mapping[str, Metric]] = {
        "return": Metric(unit="reward", higher_is_better=True, headline=True),
        "steps": Metric(unit="steps", higher_is_better=True),
    }

    def __init__(
        self,
        *,
        module: str = "",
        max_steps: int | None = None,
        graph: str = GRAPHS[0],
        floor: float | None = None,
        bound: float | None = None,
        **env_options: Any,
    ) -> None:
        if max_steps is None or max_steps < 1:
            raise ValueError(
                f"max_steps is {max_steps}; a PettingZoo environment needs a limit of at least 1"
            )
        if graph not in GRAPHS:
            raise ValueError(f"graph is {graph!r}; it must be one of {', '.join(GRAPHS)}")
        self._module, self._env = module, _make(module, env_options)
        self._agents = list(self._env.possible_agents)
        n = len(self._agents)
        n_actions, n_features, dtype = _sizes(self._env, self._agents, module)
        complete = graph == GRAPHS[0]
        self._graph = np.ones((n, n), np.bool_) if complete else np.eye(n, dtype=np.bool_)
        self._neighbors = graphs.slots(self._graph, np.zeros((n, n)))
        self._spec = Spec(
            n_agents=n,
            n_actions=n_actions,
            n_neighbors=self._neighbors.shape[1],
            n_features=n_features,
            obs_dtype=dtype,
            obs_scale=np.ones(n_features, np.float32),
            max_steps=max_steps,
        )
        self._over = True
        returns = [self._probe(seed) for seed in range(PROBES)]
        floor = float(np.mean(returns)) if floor is None else floor
        bound = max(returns) if bound is None else bound
        self.floor: Mapping[str, float] = {"return": floor}
        self.bound: Mapping[str, float] = {"return": bound if bound > floor else floor + 1}

    @property
    def spec(self) -> Spec:
        """Fixed sizes."""
        return self._spec

    def reset(self, rng: np.random.Generator) -> Timestep:
        """Start an episode; ``rng`` draws the seed the environment is reset with."""
        obs, infos = self._env.reset(seed=int(rng.integers(2**31)))
        self._step, self._return = 0, 0.0
        return self._timestep(obs, infos, np.zeros(self._spec.n_agents, np.float32))

    def step(self, actions: Actions) -> Timestep:
        """Apply one action per agent.

        Raises:
            ValueError: An action is out of range or masked, the episode is over, or an agent has
                died before the others.
        """
        if self._over:
            raise ValueError("step: the episode is over; reset first")
        check_actions(actions, self._mask)
        played = dict(zip(self._agents, actions.tolist(), strict=True))
        obs, rewards, terminations, truncations, infos = self._env.step(played)
        self._step += 1
        ended = {a: bool(terminations[a] or truncations[a]) for a in self._agents}
        if any(ended.values()) and not all(ended.values()):
            dead = next(agent for agent in self._agents if ended[agent])
            raise ValueError(
                f"module {self._module!r}: {dead} is gone after step {self._step} while others "
                "live; all agents must live to the end"
            )
        reward = np.array([rewards[agent] for agent in self._agents], np.float32)
        self._return += float(reward.mean())
        terminated = all(terminations[agent] for agent in self._agents)
        return self._timestep(obs, infos, reward, terminated=terminated, ended=all(ended.values()))

    def metrics(self) -> Mapping[str, float]:
        """Return the mean over agents of the undiscounted return, and the length."""
        return {"return": self._return, "steps": float(self._step)}

    def references(self) -> Mapping[str, Policy]:
        """Return the random policy over allowed actions, all that is known here."""
        return {"random": _random}

    def _probe(self, seed: int) -> float:
        """Play a random episode and return its return."""
        rng = np.random.default_rng(seed)
        ts = self.reset(rng)
        while not ts.last:
            ts = self.step(_random(ts, rng))
        return self._return

    def _timestep(
        self,
        obs: Mapping[str, Any],
        infos: Mapping[str, Any],
        reward: Float32[np.ndarray, "agents"],
        *,
        terminated: bool = False,
        ended: bool = False,
    ) -> Timestep:
        spec = self._spec
        truncated = not terminated and (ended or self._step >= spec.max_steps)
        self._over = terminated or truncated
        self._mask = np.ones((spec.n_agents, spec.n_actions), np.bool_)
        for i, agent in enumerate(self._agents):
            if "action_mask" in infos.get(agent, {}):
                self._mask[i] = np.asarray(infos[agent]["action_mask"], np.bool_)
        return Timestep(
            obs=np.stack([np.ravel(obs[a]) for a in self._agents]).astype(spec.obs_dtype),
            graph=self._graph.copy(),
            neighbors=self._neighbors.copy(),
            action_mask=self._mask.copy(),
            reward=reward,
            terminated=terminated,
            truncated=truncated,
            step=self._step,
        )


def _random(ts: Timestep, rng: np.random.Generator) -> Actions:
    return np.where(ts.action_mask, rng.random(ts.action_mask.shape), -1).argmax(axis=1)


def _make(module: str, env_options: Mapping[str, Any]) -> Any:
    try:
        return import_module(module).parallel_env(**env_options)
    except (ImportError, ValueError, AttributeError, TypeError) as error:
        raise ValueError(
            f"module is {module!r}, its options are {dict(env_options)}; it must be an installed "
            f"module whose parallel_env accepts them: {error}"
        ) from error


def _sizes(env: Any, agents: list[str], module: str) -> tuple[int, int, np.dtype[np.generic]]:
    """Return the number of actions and of features and the observations' type, or refuse."""
    of = {agent: (env.action_space(agent), env.observation_space(agent)) for agent in agents}
    first, (action, observation) = next(iter(of.items()))
    for agent in agents:
        if of[agent] != of[first]:
            raise ValueError(
                f"module {module!r}: the spaces of {first} are {of[first]}, those of {agent} are "
                f"{of[agent]}; they must be equal"
            )
    spaces = import_module("gymnasium.spaces")
    if not isinstance(action, spaces.Discrete) or action.start != 0:
        raise ValueError(f"module {module!r}: actions are {action}; they must be Discrete, from 0")
    if not isinstance(observation, spaces.Box):
        raise ValueError(f"module {module!r}: observations are {observation}; they must be a Box")
    compact = observation.dtype in (np.int8, np.int16)
    dtype = observation.dtype if compact else np.dtype(np.float32)
    return int(action.n), int(np.prod(observation.shape)), dtype
