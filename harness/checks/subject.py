"""What checks look at: scenarios and methods by name, and the toy scenario that methods play.

``Line`` is the smallest scenario that still has everything the checks of methods are about; on it,
small networks learn from the first episode on.
"""

import dataclasses
import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64

from harness.checks.base import Build
from harness.config.cell import Budget, Cell
from harness.config.hparams import build_config, preset_values
from harness.config.scenario import required_options
from harness.config.toml import Named, Value, frozen, read_toml
from harness.errors import ConfigurationError, nearest
from harness.training.loop import Training, make_method
from methods import METHODS
from methods.base import Method
from methods.reference import Reference
from scenarios import SCENARIOS
from scenarios.base import Actions, Metric, Policy, Scenario, Spec, Timestep, check_actions

N_FEATURES = 4
N_ACTIONS = 3
N_STATES = 5
_SMALL: Mapping[str, Value] = {  # where a method has such a field, also as high_level_sample_size
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
    "sequence_length": 6,
    "burn_in": 2,
}
Graph: TypeAlias = Literal["path", "drawn"]  # fixed and undirected, or directed and changing
BUDGET = Budget(episodes=12, steps=0, evaluations=4, evaluation_episodes=2)


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

    description: ClassVar[str] = "agents in a row, for checks and tests"
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


class NoToy(ValueError):  # noqa: N818  # says what is wrong
    """A method can play none of the toy scenarios."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A method to be checked.

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
            config = self.configure(self._small_fields(scenario, more or {}))
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

    def _small_fields(self, scenario: Scenario, more: Mapping[str, Value]) -> Named:
        """Return fields that make the method small and quick to learn, where it has them."""
        fields = {
            field: small
            for field, value in self.values.items()
            for end, small in _SMALL.items()
            if (field == end or field.endswith(f"_{end}")) and type(value) is type(small)
        }
        if issubclass(self.method, Reference):
            fields["policy"] = next(iter(scenario.references()))
        more = {field: value for field, value in more.items() if field in self.values}
        return tuple(sorted((fields | more).items()))


def registered_method(name: str, preset: str = "default") -> Subject:
    """Return a method of ours with a preset's hyperparameters."""
    return Subject(
        method=METHODS[name],
        values=preset_values(name, "line", preset),
        configure=partial(build_config, name, "line", preset),
    )


def find_scenario(name: str) -> Build:
    """Return the scenario that ``--scenario`` names: one of ours, or ``module:Class``.

    Raises:
        ConfigurationError: There is none of that name, importing it fails, or it needs options.
    """
    if name in SCENARIOS:
        if needed := required_options(name):
            raise ConfigurationError(
                f"--scenario {name}: it needs options ({', '.join(needed)}); name a class of yours "
                "that fills them in, as module:Class"
            )
        return SCENARIOS[name]
    build: Build = _imported("--scenario", name, SCENARIOS)
    if not callable(build):
        raise ConfigurationError(f"--scenario {name}: cannot be called to build a scenario")
    return build


def find_method(name: str) -> Subject:
    """Return the method that ``--method`` names: one of ours, or ``module:Class``.

    A class of the user's has its hyperparameters from the defaults of its ``Config`` and, over
    these, from ``[default.all]`` of the ``.toml`` beside its module, as in ``methods/hparams``.

    Raises:
        ConfigurationError: There is none of that name, importing it fails, it is no method, or it
            has no hyperparameters.
    """
    if name in METHODS:
        return registered_method(name)
    method = _imported("--method", name, METHODS)
    if not (inspect.isclass(method) and issubclass(method, Method)):
        raise ConfigurationError(f"--method {name}: does not derive from methods.base.Method")
    if inspect.isabstract(method):
        missing = ", ".join(sorted(method.__abstractmethods__))
        raise ConfigurationError(f"--method {name}: lacks {missing}")
    values = _values(name, method)

    def configure(fields: Named) -> Any:
        return method.Config(**(values | dict(fields)))

    return Subject(method=method, values=values, configure=configure)


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


def _imported(option: str, name: str, known: Iterable[str]) -> Any:
    module_name, colon, attribute = name.partition(":")
    if not colon:
        raise ConfigurationError(
            f"{option} {name}: neither a name here nor module:Class; {nearest(name, known)}"
        )
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"{option} {name}: {error}; is it installed, or below the working directory?"
        ) from error
    except Exception as error:  # whatever a module of the user's may raise
        raise ConfigurationError(
            f"{option} {name}: importing it raised {type(error).__name__}: {error}"
        ) from error
    if not hasattr(module, attribute):
        classes = [n for n, found in vars(module).items() if inspect.isclass(found)]
        raise ConfigurationError(
            f"{option} {name}: {module_name} has no {attribute!r}; {nearest(attribute, classes)}"
        )
    return getattr(module, attribute)


def _values(name: str, method: type[Method]) -> dict[str, Value]:
    config = getattr(method, "Config", None)
    if config is None or not dataclasses.is_dataclass(config):
        raise ConfigurationError(f"--method {name}: Config is not a dataclass of hyperparameters")
    fields = {field.name: field for field in dataclasses.fields(config)}
    values = {n: f.default for n, f in fields.items() if f.default is not dataclasses.MISSING}
    path = Path(inspect.getfile(method)).with_suffix(".toml")
    if path.exists():
        table = read_toml(path, str(path)).get("default", {}).get("all", {})
        values |= {key: frozen(value) for key, value in table.items()}
    for key in values.keys() - fields.keys():
        raise ConfigurationError(
            f"{path} [default.all]: unknown key {key!r}; {nearest(key, fields)}"
        )
    if missing := sorted(fields.keys() - values.keys()):
        raise ConfigurationError(
            f"--method {name}: no value for {', '.join(missing)}; write it to [default.all] of "
            f"{path}, or give the field a default"
        )
    return values
