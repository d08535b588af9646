"""What a method is: it picks joint actions and learns from what follows."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np
import torch
from jaxtyping import Float32, Shaped

from scenarios.base import Actions, Spec, Timestep

State: TypeAlias = dict[str, Any]

FLOAT_BYTES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Rngs:
    """The streams a method keeps: one per purpose, so a draw more in one shifts no other.

    Attributes:
        init: Initial parameters.
        replay: Which stored transitions an update sees.
        learn: Anything else that is drawn while learning.
    """

    init: torch.Generator
    replay: np.random.Generator
    learn: torch.Generator

    def state_dict(self) -> State:
        """Return the position of every stream."""
        return {
            "init": self.init.get_state(),
            "replay": generator_state(self.replay),
            "learn": self.learn.get_state(),
        }

    def load_state_dict(self, state: State) -> None:
        """Put every stream back where ``state_dict`` found it."""
        self.init.set_state(state["init"])
        set_generator_state(self.replay, state["replay"])
        self.learn.set_state(state["learn"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Communication:
    """What one agent sends to one neighbor in one environment step [floats].

    Attributes:
        execution: While acting with what was learned.
        training: While learning, the former included.
    """

    execution: float
    training: float


class Method(ABC):
    """A learner that controls every agent of one scenario.

    Attributes:
        Config: The frozen dataclass of the method's hyperparameters.
        title: Its name in tables and legends.
        description: One line for ``harness list``.
        version: Raised whenever a change of the code changes what is learned.
        learns: False for fixed policies, which are evaluated once and not trained.
        reward_view: Whose reward, in which form, each agent learns from.
        parameters: ``shared`` or ``per_agent``, where Config leaves no choice; else ``-``.
        centralized: Whether acting or learning needs more than neighbors exchange.
        hops: How many edges away current information may come from when agent i acts; the
            checks in ``harness.checks`` see to it bit for bit.
    """

    Config: ClassVar[type[Any]]
    title: ClassVar[str]
    description: ClassVar[str]
    version: ClassVar[str]
    learns: ClassVar[bool] = True
    reward_view: ClassVar[str] = "own"
    parameters: ClassVar[str] = "-"
    centralized: ClassVar[bool] = False
    hops: int

    @abstractmethod
    def __init__(self, spec: Spec, config: Any, rngs: Rngs) -> None: ...

    @abstractmethod
    def scores(self, ts: Timestep) -> Float32[np.ndarray, "agents actions"]:
        """Return what each agent acts on: its Q-values or logits. Pure: advances nothing."""

    @abstractmethod
    def act(self, ts: Timestep, rng: np.random.Generator, *, explore: bool) -> Actions:
        """Choose one allowed action per agent; a first timestep clears any state of acting.

        Args:
            ts: What the agents see.
            rng: Source of every draw; evaluation passes one of its own, so it cannot
                disturb training.
            explore: Whether to add the method's exploration.
        """

    @abstractmethod
    def observe(self, ts: Timestep, actions: Actions, next_ts: Timestep) -> Mapping[str, float]:
        """Learn from one transition, when due; return what is worth plotting, if anything."""

    def traces(self) -> Mapping[str, Shaped[np.ndarray, "agents"]]:
        """What is worth keeping, per agent, of the step just acted on."""
        return {}

    def share_out(self, ts: Timestep) -> Float32[np.ndarray, "agents shares"] | None:
        """Return which part of its reward each agent gives to whom, at the step just acted on.

        By neighbor slot of ``ts``, the agent's own part first; rows sum to one. None where rewards
        are not shared.
        """
        return None

    @abstractmethod
    def state_dict(self) -> State:
        """Everything that training needs to continue bit for bit, between two episodes.

        Tensors, numbers, strings and containers of them only, so that a checkpoint can be
        loaded without executing anything.
        """

    @abstractmethod
    def load_state_dict(self, state: State) -> None:
        """Continue from ``state_dict`` of a method built with the same arguments."""

    @property
    @abstractmethod
    def n_parameters(self) -> int:
        """Numbers that training adjusts, target copies not counted."""

    @property
    @abstractmethod
    def communication(self) -> Communication:
        """What goes over an edge."""

    @classmethod
    def memory_bytes(cls, spec: Spec, config: Any, steps: int) -> float:
        """Estimate what a run holds at its peak, the libraries not counted [bytes].

        For planning: within a factor of two, and without building anything.

        Args:
            spec: Sizes of the scenario.
            config: Hyperparameters.
            steps: Environment steps of the training, at most.
        """
        return 0.0

    @classmethod
    def unsuitable(cls, spec: Spec, config: Any) -> str | None:
        """Say why the method cannot play a scenario of these sizes; None when it can."""
        return None


def at_most(config: Any, low: str, high: str) -> None:
    """Refuse a Config in which one field is above another.

    Raises:
        ValueError: It is; the message names both.
    """
    if getattr(config, low) > getattr(config, high):
        raise ValueError(f"{low} is {getattr(config, low)}, above {high} = {getattr(config, high)}")


def load_optimizer(optimizer: torch.optim.Optimizer, state: State) -> None:
    """Load an optimizer's ``state_dict``, and look at what PyTorch does not: names and shapes.

    Raises:
        ValueError: It remembers something else than this optimizer would.
    """
    twin = deepcopy(optimizer)  # has made a step, so that it remembers something
    for parameter in (p for group in twin.param_groups for p in group["params"]):
        parameter.grad = torch.zeros_like(parameter)
    twin.step()
    made = {n: _shapes(of) for n, of in twin.state_dict()["state"].items()}
    for n, remembered in state["state"].items():
        if _shapes(remembered) != made[n]:
            raise ValueError(f"of parameter {n} is kept {_shapes(remembered)}, not {made[n]}")
    for mine, kept in zip(optimizer.param_groups, state["param_groups"], strict=True):
        for name in mine.keys() - {"params", "lr"}:  # a learning rate may have fallen
            if kept[name] != mine[name]:
                raise ValueError(f"{name} is {kept[name]}, not {mine[name]}")
    optimizer.load_state_dict(state)


def _shapes(tensors: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    return {name: (tuple(of.shape), of.dtype) for name, of in tensors.items()}


def generator_state(rng: np.random.Generator) -> str:
    """Return the position of a NumPy stream as JSON text."""
    return json.dumps(rng.bit_generator.state)


def set_generator_state(rng: np.random.Generator, state: str) -> None:
    """Move a NumPy stream to a position written by ``generator_state``."""
    rng.bit_generator.state = json.loads(state)
