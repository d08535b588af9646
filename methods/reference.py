"""Policies that do not learn, in one table with learners: uniformly random, and a scenario's own.

Random play is the floor every learner must clear; a scenario's policies are oracles and rules.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from jaxtyping import Float32
from pydantic import StringConstraints

from methods.base import Communication, Method, Rngs, State
from scenarios.base import Actions, Policy, Spec, Timestep


class FixedPolicy(Method):
    """A policy without parameters: it learns nothing, keeps nothing and sends nothing."""

    version: ClassVar[str] = "1"
    learns = False
    _spec: Spec

    def scores(self, ts: Timestep) -> Float32[np.ndarray, "agents actions"]:
        """Return equal scores: a fixed policy ranks nothing."""
        return np.zeros((self._spec.n_agents, self._spec.n_actions), np.float32)

    def observe(self, ts: Timestep, actions: Actions, next_ts: Timestep) -> Mapping[str, float]:
        """Learn nothing."""
        return {}

    def state_dict(self) -> State:
        """Return nothing: there is no state."""
        return {}

    def load_state_dict(self, state: State) -> None:
        """Restore nothing."""

    @property
    def n_parameters(self) -> int:
        """Zero: training adjusts nothing."""
        return 0

    @property
    def communication(self) -> Communication:
        """Nothing over the edges; a scenario's policies look into the simulator."""
        return Communication(execution=0.0, training=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomPolicyConfig:
    """Nothing to set."""


class RandomPolicy(FixedPolicy):
    """Plays uniformly among the allowed actions, whatever it sees."""

    Config = RandomPolicyConfig
    title: ClassVar[str] = "random"
    description: ClassVar[str] = "uniformly random actions"
    hops = 0

    def __init__(self, spec: Spec, config: RandomPolicyConfig, rngs: Rngs) -> None:
        self._spec = spec

    def act(self, ts: Timestep, rng: np.random.Generator, *, explore: bool) -> Actions:
        """Draw each action uniformly from the allowed ones."""
        return np.where(ts.action_mask, rng.random(ts.action_mask.shape), -1.0).argmax(axis=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceConfig:
    """Which of the scenario's policies to play.

    Attributes:
        policy: A key of ``scenario.references()``.
    """

    policy: Annotated[str, StringConstraints(max_length=64)]


class Reference(FixedPolicy):
    """Plays one of the scenario's reference policies.

    Raises:
        ValueError: The scenario has no policy of that name.
    """

    Config = ReferenceConfig
    title: ClassVar[str] = "reference"
    description: ClassVar[str] = "a fixed policy that the scenario brings along"
    centralized = True

    def __init__(
        self,
        spec: Spec,
        config: ReferenceConfig,
        rngs: Rngs,
        *,
        policies: Mapping[str, Policy],
    ) -> None:
        if config.policy not in policies:
            raise ValueError(
                f"reference policy {config.policy!r} is not one of this scenario's: "
                f"{', '.join(sorted(policies))}"
            )
        self._spec, self._policy = spec, policies[config.policy]
        self.hops = spec.n_agents - 1

    def act(self, ts: Timestep, rng: np.random.Generator, *, explore: bool) -> Actions:
        """Play what the scenario's policy plays; there is nothing to explore."""
        return self._policy(ts, rng)
