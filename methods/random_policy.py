"""Uniformly random allowed actions: the floor every learner must clear."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float32

from methods.base import Communication, Method, Rngs, State
from scenarios.base import Actions, Spec, Timestep


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomPolicyConfig:
    """Nothing to set."""


class RandomPolicy(Method):
    """Ignores what it sees."""

    Config = RandomPolicyConfig
    title: ClassVar[str] = "random"
    description: ClassVar[str] = "uniformly random actions"
    version: ClassVar[str] = "1"
    learns = False
    hops = 0

    def __init__(self, spec: Spec, config: RandomPolicyConfig, rngs: Rngs) -> None:
        self._spec = spec

    def scores(self, ts: Timestep) -> Float32[np.ndarray, "agents actions"]:
        """Return equal scores."""
        return np.zeros((self._spec.n_agents, self._spec.n_actions), np.float32)

    def act(self, ts: Timestep, rng: np.random.Generator, *, explore: bool) -> Actions:
        """Draw each action uniformly from the allowed ones."""
        return np.where(ts.action_mask, rng.random(ts.action_mask.shape), -1.0).argmax(axis=1)

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
        """None."""
        return 0

    @property
    def communication(self) -> Communication:
        """Nothing is sent."""
        return Communication(execution=0.0, training=0.0)
