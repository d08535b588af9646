"""A PettingZoo parallel environment of somebody as a scenario.

Scenario ``pettingzoo`` of a grid: with ``module="mpe2.simple_spread_v3"`` it is what that module's
``parallel_env()`` makes. ``docs/own_environment.md`` says which environments will do.
PettingZoo is an optional extra, imported when a scenario is made.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from jaxtyping import Float32
from pydantic import StringConstraints

from scenarios import graph as graphs
from scenarios.base import (
    Actions,
    Metric,
    Policy,
    Spec,
    Timestep,
    check_actions,
    check_timestep,
)
from scenarios.pettingzoo.foreign import agents_of, make, sizes_of, source_hash
from scenarios.ranges import Size

PROBES = 10  # "agents die in ten probing episodes"


class PettingZooScenario:
    """A PettingZoo parallel environment as a scenario.

    It plays ten episodes of random actions when it is made: their mean return is ``floor``. No
    bound is known. Random agents need not show every rule an environment breaks.

    Args:
        module: Module with a ``parallel_env`` function, such as ``"mpe2.simple_spread_v3"``.
        max_steps: Step limit [steps]; no episode may be endless. An earlier end by the
            environment's own limit is respected.
        graph: ``"complete"``: everybody is everybody's neighbor, in order of the index; or
            ``"empty"``: nobody has any.
        **env_options: Passed to ``parallel_env``; their ranges are its own.

    Raises:
        Unavailable: Something is not installed; the message says how to install it.
        ValueError: An option breaks a rule, or the environment is not of the kind asked for.
    """

    description: ClassVar[str] = (
        "an environment of yours, or any parallel PettingZoo one with equal, discrete agents"
    )
    version: ClassVar[str] = "1"
    deterministic: ClassVar[bool] = False
    metric_info: ClassVar[Mapping[str, Metric]] = {
        "return": Metric(unit="reward", higher_is_better=True, headline=True),
        "steps": Metric(unit="steps", higher_is_better=True),
    }

    def __init__(
        self,
        *,
        module: Annotated[str, StringConstraints(min_length=1, max_length=200)],
        max_steps: Annotated[int, Size(1, 100_000)],
        graph: Literal["complete", "empty"] = "complete",
        **env_options: Any,
    ) -> None:
        self._module, self._env = module, make(module, env_options)
        self._agents = agents_of(self._env, module)
        self.agent_names, n = self._agents, len(self._agents)
        n_actions, n_features, dtype = sizes_of(self._env, self._agents, module)
        complete = graph == "complete"
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
        probes = [self._probe(seed) for seed in range(PROBES)]
        if self._probe(0) != probes[0]:
            raise ValueError(
                f"module {module!r}: two episodes from the same seed differ; all chance must come "
                "from the seed given to reset, and nothing stay from earlier episodes"
            )
        returns = [earned for earned, _ in probes]
        self.floor: Mapping[str, float] = {"return": float(np.mean(returns))}
        self.bound: Mapping[str, float] = {}

    @classmethod
    def file_hashes(cls, options: Mapping[str, Any]) -> Mapping[str, str]:
        """Return a hash of the sources of the package that the environment is from."""
        package = str(options["module"]).partition(".")[0]
        return {package: source_hash(package)}

    @property
    def spec(self) -> Spec:
        """Fixed sizes."""
        return self._spec

    def reset(self, rng: np.random.Generator) -> Timestep:
        """Start an episode; ``rng`` draws the seed the environment is reset with."""
        obs, infos = self._env.reset(seed=int(rng.integers(2**31)))
        self._step, self._return = 0, 0.0
        self._refuse_gone([agent for agent in self._agents if agent not in obs])
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
        told = obs.keys() & rewards.keys() & terminations.keys() & truncations.keys()
        ended = [a for a in self._agents if a not in told or terminations[a] or truncations[a]]
        if not (told >= set(self._agents) and len(ended) == len(self._agents)):
            self._refuse_gone(ended)
        reward = np.array([rewards[agent] for agent in self._agents], np.float32).ravel()
        self._return += float(reward.mean())
        terminated = all(terminations[agent] for agent in self._agents)
        return self._timestep(obs, infos, reward, terminated=terminated, ended=bool(ended))

    def metrics(self) -> Mapping[str, float]:
        """Return the mean over agents of the undiscounted return, and the length."""
        return {"return": self._return, "steps": float(self._step)}

    def references(self) -> Mapping[str, Policy]:
        """Return the random policy over allowed actions, all that is known here."""
        return {"random": _random}

    def _probe(self, seed: int) -> tuple[float, bytes]:
        """Play a random episode; return its return and a hash of all it showed."""
        rng, seen = np.random.default_rng(seed), hashlib.sha256()
        ts = self.reset(rng)
        if ts.obs.shape[1] != self._spec.n_features:
            raise ValueError(
                f"module {self._module!r}: an observation has {ts.obs.shape[1]} numbers, its "
                f"space {self._spec.n_features}; they must be as many"
            )
        while self._sound(ts) and not ts.last:
            seen.update(ts.obs.tobytes() + ts.reward.tobytes() + ts.action_mask.tobytes())
            ts = self.step(_random(ts, rng))
        return self._return, seen.digest()

    def _sound(self, ts: Timestep) -> bool:
        try:
            check_timestep(ts, self._agents)
        except (FloatingPointError, ValueError) as error:
            raise ValueError(f"module {self._module!r}: {error} of a random episode") from None
        return True

    def _refuse_gone(self, agents: Sequence[str]) -> None:
        if agents:
            raise ValueError(
                f"module {self._module!r}: {agents[0]} is gone after step {self._step}; all "
                "agents must live to the end, and observe and earn at every step"
            )

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
