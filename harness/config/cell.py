"""A cell: one point of the comparison, and its name."""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import resources
from typing import TypeAlias
from urllib.parse import quote

Value: TypeAlias = bool | int | float | str | tuple["Value", ...]
Named: TypeAlias = tuple[tuple[str, Value], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How long a run trains and how often it is evaluated.

    Training ends when both ``episodes`` and ``steps`` are reached, at the end of an episode.

    Attributes:
        episodes: Least number of training episodes.
        steps: Least number of environment steps while training.
        evaluations: Evaluations, spread evenly over the run; the last one closes it.
        evaluation_episodes: Greedy episodes per evaluation.
    """

    episodes: int
    steps: int
    evaluations: int
    evaluation_episodes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One method variant on one scenario from one seed.

    Attributes:
        scenario: A key of ``scenarios.SCENARIOS``.
        options: Options of the scenario that differ from its defaults, sorted by name.
        method: A key of ``methods.METHODS``.
        fields: Fields of the method's Config that differ from the preset's, sorted by name.
        preset: Where the other hyperparameters come from: paper, default or tuned.
        seed: Root of every random stream of the run.
        budget: Length of the run.
        label: Column of the tables it stands in; presentation, not identity.
    """

    scenario: str
    options: Named
    method: str
    fields: Named
    preset: str
    seed: int
    budget: Budget
    label: str = field(compare=False)

    @property
    def place(self) -> str:
        """Scenario with its options, e.g. ``jungle,n_agents=40``."""
        usual = asdict(default_budget(self.scenario, self.preset))
        changed = [(k, v) for k, v in asdict(self.budget).items() if v != usual[k]]
        return ",".join([self.scenario, *_written((*self.options, *changed))])

    @property
    def variant(self) -> str:
        """Method with its fields and preset, e.g. ``fixed_ltos,selfishness=0.3,paper``."""
        preset = [] if self.preset == "default" else [self.preset]
        return ",".join([self.method, *_written(self.fields), *preset])

    @property
    def id(self) -> str:
        """Name of the cell, made of its content: also the path of its result."""
        return f"{self.place}/{self.variant}/seed={self.seed}"


@cache
def default_budget(scenario: str, preset: str) -> Budget:
    """Return the budget of ``harness/config/budgets.toml`` for a scenario under a preset."""
    tables = tomllib.loads((resources.files("harness.config") / "budgets.toml").read_text())
    values: Mapping[str, int] = tables["all"]
    own = tables.get(scenario, {})
    values = {**values, **own.get("all", {}), **own.get(preset, {})}
    return Budget(**values)


def _written(pairs: Named) -> list[str]:
    """Write ``name=value`` so that it can be part of a file's name; a path's / becomes a +."""
    texts = {name: quote(_text(value), safe=".-_x/") for name, value in pairs}
    return [f"{name}={text.replace('/', '+')}" for name, text in texts.items()]


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "x".join(map(_text, value))
    return repr(value) if isinstance(value, float) else str(value)
