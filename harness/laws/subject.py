"""A method as laws look at it: small, quick to learn, on toy scenarios."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from jaxtyping import Float32

from harness.cell import Budget, Cell, Named, Value
from harness.laws.line import Line
from harness.runner import Training, make_method
from methods.base import Method
from methods.reference import Reference
from scenarios.base import Scenario

SMALL: Mapping[str, Value] = {  # where a method has such a field, also as high_level_sample_size
    "hidden": (8,),
    "capacity": 40,
    "rollout": 10,
    "warm_up": 8,
    "start": 10,
    "update_every": 1,
    "updates": 1,
    "sample_size": 8,
    "batch_size": 4,
    "share_interval": 2,
}
Graph: TypeAlias = Literal["path", "drawn"]  # fixed and undirected, or directed and changing
BUDGET = Budget(episodes=12, steps=0, evaluations=4, evaluation_episodes=2)


class NoToy(ValueError):  # noqa: N818  # says what is wrong
    """A method can play none of the toy scenarios."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A method under the laws.

    Attributes:
        method: Its class.
        values: Its hyperparameters.
        configure: Makes its Config of them, some replaced.
    """

    method: type[Method]
    values: Mapping[str, Value]
    configure: Callable[[Named], Any]

    def made(
        self, *, seed: int = 0, more: Mapping[str, Value] | None = None, **options: Any
    ) -> tuple[Method, Line]:
        """Make the method for the largest toy scenario it can play.

        Args:
            seed: Root of its streams.
            more: Hyperparameters, where it has such fields.
            options: Of ``Line``; fewer agents are tried if it cannot play with so many.

        Raises:
            NoToy: It can play none.
        """
        sizes = [options.pop("n_agents", 8), 2, 1]
        for n_agents in sizes:
            chosen = options | {"n_agents": n_agents}
            if chosen.get("n_neighbors") is not None:
                chosen["n_neighbors"] = min(chosen["n_neighbors"], n_agents - 1)
            scenario = Line(**chosen)
            config = self.configure(self.small_fields(scenario, more or {}))
            if self.method.unsuitable(scenario.spec, config) is None:
                return make_method(self.method, config, seed, scenario), scenario
        raise NoToy(f"it can play no toy scenario: {sizes} agents were tried")

    def training(self, budget: Budget = BUDGET) -> Training:
        """Return a short run on the toy scenario."""
        method, scenario = self.made()
        cell = Cell(
            scenario="line",
            options=(),
            method=self.method.__name__,
            fields=(),
            preset="default",
            seed=0,
            budget=budget,
            label="",
        )
        return Training(cell, (scenario, method))

    def small_fields(self, scenario: Scenario, more: Mapping[str, Value]) -> Named:
        """Return fields that make the method small and quick to learn, where it has them."""
        fields = {
            field: small
            for field, value in self.values.items()
            for end, small in SMALL.items()
            if (field == end or field.endswith(f"_{end}")) and type(value) is type(small)
        }
        if issubclass(self.method, Reference):
            fields["policy"] = next(iter(scenario.references()))
        more = {field: value for field, value in more.items() if field in self.values}
        return tuple(sorted((fields | more).items()))


def train(
    method: Method,
    scenario: Scenario,
    episodes: int,
    world: int | np.random.Generator = 1,
    act: int | np.random.Generator = 2,
) -> list[dict[str, float]]:
    """Play training episodes as the runner does; return what was reported at each step."""
    world, act = np.random.default_rng(world), np.random.default_rng(act)
    figures = []
    for _ in range(episodes):
        ts = scenario.reset(world)
        while not ts.last:
            actions = method.act(ts, act, explore=True)
            next_ts = scenario.step(actions)
            figures.append(dict(method.observe(ts, actions, next_ts)))
            ts = next_ts
    return figures


def probe(
    method: Method, scenario: Scenario, n: int = 3
) -> Float32[np.ndarray, "n agents actions"]:
    """Return the scores at a few first timesteps."""
    rng = np.random.default_rng(99)
    return np.stack([method.scores(scenario.reset(rng)) for _ in range(n)])


def alike(a: object, b: object) -> bool:
    """Say whether two states are equal bit for bit."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(alike(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(alike, a, b))
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    return type(a) is type(b) and a == b
