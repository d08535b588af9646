"""JointDQN: one DQN that picks the joint action, on the mean of all rewards.

Source: paper 001, Section 5.1 (its appendix with the settings is not at hand); sizes of Table 5 of
paper 000.

Departures from the source, each with its reason:

1. The state is every agent's observation in a row; the paper does not say what it is.
2. Exploration replaces the joint action as a whole, as epsilon-greedy over its actions means; the
   agents of DQN gamble each by itself.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, Float32
from torch import Tensor, nn

from methods.base import Communication, Rngs
from methods.learners.q_learning import QConfig, QLearner, Seen
from methods.nn.nets import MLP, agents_first, n_weights
from scenarios.base import Actions, Spec, Timestep

MAX_JOINT_ACTIONS = 1000  # outputs of the network; beyond, few of them are ever tried


@dataclass(frozen=True, slots=True, kw_only=True)
class JointDQNConfig(QConfig):
    """Nothing beyond what every Q-learner has."""


class JointDQN(QLearner):
    """Q-learning of a central controller: to the learner, a scenario with one agent."""

    Config = JointDQNConfig
    title: ClassVar[str] = "JointDQN"
    description: ClassVar[str] = "one Q-network over the joint action, for the mean reward"
    version: ClassVar[str] = "1"
    reward_view: ClassVar[str] = "team mean"
    centralized = True

    def __init__(self, spec: Spec, config: JointDQNConfig, rngs: Rngs) -> None:
        self._agents = spec
        self.hops = spec.n_agents - 1
        joint = joint_spec(spec)
        sizes = (joint.n_features, *config.hidden, joint.n_actions)
        super().__init__(joint, config, rngs, MLP(1, sizes, rngs.init, config.init))

    @classmethod
    def unsuitable(cls, spec: Spec, config: Any) -> str | None:
        """Refuse more joint actions than can be tried."""
        joint = spec.n_actions**spec.n_agents
        if joint <= MAX_JOINT_ACTIONS:
            return None
        return (
            f"JointDQN has {spec.n_actions}^{spec.n_agents} joint actions here; "
            f"at most {MAX_JOINT_ACTIONS}"
        )

    @classmethod
    def memory_bytes(cls, spec: Spec, config: Any, steps: int) -> float:
        """Count as of one agent."""
        return super().memory_bytes(joint_spec(spec), config, steps)

    @classmethod
    def sizes(cls, spec: Spec, config: Any) -> tuple[int, int]:
        """Count those of the network, of the joint scenario."""
        widths = (spec.n_features, *config.hidden, spec.n_actions)
        return n_weights(1, widths), super().sizes(spec, config)[1]

    def q(self, network: nn.Module, seen: Seen) -> Float[Tensor, "batch agents actions"]:
        """Compute the value of every joint action; the one agent is the controller."""
        return network(agents_first(seen.obs)).transpose(0, 1)

    def scores(self, ts: Timestep) -> Float32[np.ndarray, "agents actions"]:
        """Return, per agent and action, the value of the best allowed joint action with it."""
        joint = self._joint(ts)
        q = np.where(joint.action_mask, super().scores(joint), -np.inf)
        spec = self._agents
        table = q.reshape((spec.n_actions,) * spec.n_agents).astype(np.float32)
        agents = range(spec.n_agents)
        return np.stack([table.max(axis=tuple(j for j in agents if j != i)) for i in agents])

    def act(self, ts: Timestep, rng: np.random.Generator, *, explore: bool) -> Actions:
        """Pick a joint action and hand each agent its part."""
        joint = super().act(self._joint(ts), rng, explore=explore)
        spec = self._agents
        return np.array(np.unravel_index(joint[0], (spec.n_actions,) * spec.n_agents))

    def observe(self, ts: Timestep, actions: Actions, next_ts: Timestep) -> Mapping[str, float]:
        """Learn from the joint transition and the mean reward."""
        spec = self._agents
        joint = np.ravel_multi_index(tuple(actions), (spec.n_actions,) * spec.n_agents)
        return super().observe(self._joint(ts), np.array([joint]), self._joint(next_ts))

    def _joint(self, ts: Timestep) -> Timestep:
        """Return the timestep as the controller sees it."""
        allowed = ts.action_mask[0]
        for mask in ts.action_mask[1:]:
            allowed = np.logical_and.outer(allowed, mask)
        return dataclasses.replace(
            ts,
            obs=ts.obs.reshape(1, -1),
            graph=np.ones((1, 1), np.bool_),
            neighbors=np.zeros((1, 0), np.int64),
            action_mask=allowed.reshape(1, -1),
            reward=ts.reward.mean(keepdims=True),
        )

    @property
    def communication(self) -> Communication:
        """Not over the graph: every observation goes to the controller."""
        floats = float(self._agents.n_features)
        return Communication(execution=floats, training=floats + 1.0)


def joint_spec(spec: Spec) -> Spec:
    """Return the sizes of a scenario as the controller sees it."""
    return Spec(
        n_agents=1,
        n_actions=spec.n_actions**spec.n_agents,
        n_neighbors=0,
        n_features=spec.n_agents * spec.n_features,
        obs_dtype=spec.obs_dtype,
        obs_scale=np.tile(spec.obs_scale, spec.n_agents),
        max_steps=spec.max_steps,
    )
