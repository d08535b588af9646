"""A cell: one point of the comparison, its name, and everything that its result depends on."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cache, cached_property
from importlib import resources
from typing import Annotated, Any
from urllib.parse import quote

from harness.config.hparams import build_config, identity_fields
from harness.config.scenario import ReferenceValues, option_defaults, reference_values, views
from harness.config.toml import Named, Value, read_toml
from harness.errors import ConfigurationError
from methods import METHODS
from scenarios import SCENARIOS
from scenarios.base import RestsOnFiles
from scenarios.ranges import Size

SCHEMA = 1  # of the records of results


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How long a run trains and how often it is evaluated.

    Training ends when both ``episodes`` and ``steps`` are reached, at the end of an episode; which
    of them decides depends on how long episodes last (``text`` says from where on).

    Attributes:
        episodes: Least number of training episodes.
        steps: Least number of environment steps while training.
        evaluations: Evaluations, spread evenly over the run; the last one closes it.
        evaluation_episodes: Greedy episodes per evaluation.
    """

    episodes: Annotated[int, Size(1, 10_000_000)]
    steps: Annotated[int, Size(0, 1_000_000_000)]
    evaluations: Annotated[int, Size(1, 1_000_000)]
    evaluation_episodes: Annotated[int, Size(1, 10_000)]

    @property
    def text(self) -> str:
        """How long training is, in words; where both count, which of the two decides."""
        if self.steps <= self.episodes:  # an episode has a step at least
            return f"{self.episodes} episodes"
        return (
            f"{self.episodes} episodes and {self.steps} steps, whichever takes longer: the steps, "
            f"where an episode lasts less than {self.steps / self.episodes:.3g} of them on average"
        )


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One method variant on one scenario from one seed.

    What follows from its content is worked out once: name, options, hyperparameters, fingerprint.

    Attributes:
        scenario: A key of ``scenarios.SCENARIOS``.
        options: Options of the scenario that differ from its defaults, sorted by name.
        method: A key of ``methods.METHODS``.
        fields: Fields of the method's Config that differ from the preset's, sorted by name.
        preset: Where the other hyperparameters come from: paper, default or tuned.
        seed: Root of every random stream of the run.
        budget: Length of the run.
        label: Column of the tables it stands in; presentation, not identity.
        unavailable: Why it cannot be run; None if it can.
        lacking: Whether the reason is this machine's, which lacks something.
        memory_bytes: What it will need, about; 0 where nobody can tell [bytes].
    """

    scenario: str
    options: Named
    method: str
    fields: Named
    preset: str
    seed: int
    budget: Budget
    label: str = field(compare=False)
    unavailable: str | None = field(default=None, compare=False)
    lacking: bool = field(default=False, compare=False)
    memory_bytes: float = field(default=0.0, compare=False)

    @cached_property
    def task(self) -> str:
        """Scenario with its options, e.g. ``jungle,n_agents=40``."""
        usual = asdict(default_budget(self.scenario, self.preset))
        changed = [(k, v) for k, v in asdict(self.budget).items() if v != usual[k]]
        return ",".join([self.scenario, *_written((*self.options, *changed))])

    @cached_property
    def variant(self) -> str:
        """Method with its fields and preset, e.g. ``fixed_ltos,selfishness=0.3,paper``."""
        preset = [] if self.preset == "default" else [self.preset]
        return ",".join([self.method, *_written(self.fields), *preset])

    @cached_property
    def id(self) -> str:
        """Name of the cell, made of its content: also the path of its result."""
        return f"{self.task}/{self.variant}/seed={self.seed}"

    @cached_property
    def all_options(self) -> Mapping[str, Any]:
        """Every option of the scenario whose value is known, the defaults included."""
        return option_defaults(self.scenario) | dict(self.options)

    @property
    def game_options(self) -> Mapping[str, Value]:
        """The options given, but for those that change only what agents see of the game."""
        hidden = views(self.scenario)
        return {name: value for name, value in self.options if name not in hidden}

    @property
    def reference_values(self) -> ReferenceValues:
        """Floor and bound of the scenario's headline metrics."""
        return reference_values(self.scenario, dict(self.options))

    @cached_property
    def config(self) -> Any:
        """The method's Config: the preset's values, overridden by the cell's fields.

        Raises:
            ConfigurationError: An unknown key, a missing value or a value of the wrong type.
        """
        return build_config(self.method, self.scenario, self.preset, self.fields)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of what a result depends on: hyperparameters, options, files, budget, versions.

        A stored result with another fingerprint is stale: it answers a question no longer asked.
        """
        scenario, method = SCENARIOS[self.scenario], METHODS[self.method]
        content = {
            "scenario": self.scenario,
            "options": self.all_options,
            "scenario_version": scenario.version,
            "method": self.method,
            "method_version": method.version,
            "config": identity_fields(self.config),
            "seed": self.seed,
            "budget": asdict(self.budget),
            "schema": SCHEMA,
        }
        if issubclass(scenario, RestsOnFiles) and (files := scenario.file_hashes(self.all_options)):
            content["files"] = dict(files)
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def record(self) -> dict[str, Any]:
        """Return what a stored result says of its cell."""
        planning = ("unavailable", "lacking", "memory_bytes")
        names = [f.name for f in fields(self) if f.name not in planning]
        return {name: getattr(self, name) for name in names} | {"budget": asdict(self.budget)}


def check_runnable(cell: Any, wanted_by: str) -> None:
    """Refuse what is no cell, and a cell that cannot be run here.

    Raises:
        ConfigurationError: It is one of these; the message says what would do.
    """
    if not isinstance(cell, Cell):
        raise ConfigurationError(
            f"{wanted_by} wants a Cell, one of load_grid(...).cells, not {cell!r:.200}"
        )
    if cell.unavailable is not None:
        raise ConfigurationError(f"{cell.id}: {cell.unavailable}")


@cache
def default_budget(scenario: str, preset: str) -> Budget:
    """Return the budget of ``harness/config/budgets.toml`` for a scenario under a preset."""
    name = "harness/config/budgets.toml"
    tables = read_toml(resources.files("harness.config") / "budgets.toml", name)
    own = tables.get(scenario, {})
    return Budget(**{**tables["all"], **own.get("all", {}), **own.get(preset, {})})


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
