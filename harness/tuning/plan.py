"""Which studies a grid asks for, and what each of them compares."""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

from harness.config.cell import Cell
from harness.config.grid import Grid
from harness.config.hparams import build_config, file_name, read_tables
from harness.config.scenario import headline
from harness.config.search_space import Parameter, search_space
from harness.config.toml import Named, Value
from harness.errors import ConfigurationError, nearest
from methods import METHODS
from scenarios import SCENARIOS

SEEDS = (1000, 1001, 1002)  # of a grid that names no tuning seeds
HELD_OUT_SEEDS = 2000  # from here on: for comparing what was found, never for choosing it
BASE = "default"  # the preset that tuning starts from


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One method at one task, and in which of its hyperparameters it is tuned.

    Attributes:
        name: Of the study: ``<grid>/<task>/<method>``.
        task: Scenario with its options, as the grid names it.
        cell: What a trial runs, at the values of preset ``default``; its budget counts
            environment steps alone, so that every trial costs the same.
        seeds: Tuning seeds of every trial.
        space: What is searched.
        max_steps: Longest episode [environment steps].
        parent: The method whose tuned values are inherited; None for most.
        inherited: Its values; empty until they are known.
    """

    name: str
    task: str
    cell: Cell
    seeds: tuple[int, ...]
    space: Mapping[str, Parameter]
    max_steps: int
    parent: str | None
    inherited: Mapping[str, Value]

    @property
    def method(self) -> str:
        """Name of the method."""
        return self.cell.method

    @property
    def metric(self) -> str:
        """The headline metric, by which trials are compared."""
        return headline(self.cell.scenario)

    @property
    def maximize(self) -> bool:
        """Whether more of the metric is better."""
        return SCENARIOS[self.cell.scenario].metric_info[self.metric].higher_is_better

    @property
    def run_steps(self) -> int:
        """The most that a run can take: the last episode may begin a step before the end."""
        return self.cell.budget.steps + self.max_steps - 1

    @property
    def trial_steps(self) -> int:
        """The most that a trial can take [environment steps]."""
        return len(self.seeds) * self.run_steps

    def preset_parameters(self, preset: str) -> dict[str, Value]:
        """Return a preset's values of what is searched, as far as the ranges hold them."""
        config = build_config(self.method, self.cell.scenario, preset)
        values = {key: getattr(config, key) for key in self.space}
        return {key: value for key, value in values.items() if self.space[key].holds(value)}

    def variant(self, preset: str, values: Mapping[str, Value], seed: int) -> Cell:
        """Return the cell of a preset with other values over it; the inherited ones always."""
        usual = asdict(build_config(self.method, self.cell.scenario, preset))
        changed = {**self.inherited, **values}
        named = tuple(sorted((k, v) for k, v in changed.items() if v != usual[k]))
        return replace(self.cell, preset=preset, fields=named, seed=seed)


def plans(grid: Grid, cells: Iterable[Cell]) -> tuple[Plan, ...]:
    """Return a study per task and learning method of a grid's cells, parents before heirs.

    Tuning starts from preset ``default``: cells of other presets, or with fields of their own, ask
    for no study.

    Raises:
        ConfigurationError: No cell can be tuned, or a search space is wrong.
    """
    found: dict[tuple[str, str], Plan] = {}
    for cell in cells:
        key = cell.task, cell.method
        if cell.unavailable or cell.preset != BASE or cell.fields or key in found:
            continue
        if searched(cell):
            longest, budget = _longest_episode(cell.scenario, cell.options), cell.budget
            steps = budget.steps or budget.episodes * longest  # of full episodes
            alike = sorted(c.seed for c in grid.cells if replace(c, seed=cell.seed) == cell)
            found[key] = Plan(
                name=f"{grid.name}/{cell.task}/{cell.method}",
                task=cell.task,
                cell=replace(cell, budget=replace(budget, steps=steps, episodes=1)),
                seeds=tuple(alike) if grid.tuning else SEEDS,
                space=search_space(cell.method, cell.scenario),
                max_steps=longest,
                parent=inherits(cell.method),
                inherited={},
            )
    if not found:
        raise ConfigurationError(
            f"grid {grid.name}: no cell to tune: a learning method with something to search "
            f"([search.all] of its hyperparameters), preset {BASE!r}, no fields of its own"
        )
    tasks = list(dict.fromkeys(task for task, _ in found))
    order = sorted(found.values(), key=lambda p: (tasks.index(p.task), p.parent is not None))
    return tuple(order)


def searched(cell: Cell) -> bool:
    """Say whether a cell's method has hyperparameters to search."""
    return METHODS[cell.method].learns and bool(search_space(cell.method, cell.scenario))


def inherits(method: str) -> str | None:
    """Return the method whose tuned values a method takes over; only the rest is searched.

    ``inherits`` at the top of ``methods/hparams/<method>.toml`` names it.

    Raises:
        ConfigurationError: There is no such method, it inherits itself, not all of its fields are
            the heir's too, or the heir would search what it inherits.
    """
    parent, file = read_tables(method).get("inherits"), file_name(method)
    if parent is None:
        return None
    if parent not in METHODS:
        raise ConfigurationError(
            f"{file} inherits: no method {parent!r}; {nearest(str(parent), METHODS)}"
        )
    if "inherits" in read_tables(parent):
        raise ConfigurationError(f"{file} inherits: {parent} inherits itself; name its parent")
    if missing := sorted(fields(parent) - fields(method)):
        raise ConfigurationError(
            f"{file} inherits: {method} has no field {missing[0]!r}, which {parent} has"
        )
    for table, parameters in read_tables(method).get("search", {}).items():
        if twice := sorted(fields(parent) & parameters.keys()):
            raise ConfigurationError(
                f"{file} [search.{table}].{twice[0]}: inherited from {parent}; search it there"
            )
    return str(parent)


def fields(method: str) -> set[str]:
    """Return the names of a method's hyperparameters."""
    return {field.name for field in dataclasses.fields(METHODS[method].Config)}


_SAID = {
    "search": "search space",
    "inherited": "inherited values",
    "seeds": "tuning seeds",
    "budget": "length of a run",
    "default": "preset default",
    "paper": "preset paper",
    "fingerprint": "options, data or code version",
}


def identity(plan: Plan) -> dict[str, Any]:
    """Return all that the trials of a study depend on, as JSON can have it."""
    method, scenario = plan.method, plan.cell.scenario
    content = {
        "search": {name: parameter.model_dump() for name, parameter in plan.space.items()},
        "inherited": plan.inherited,
        "seeds": plan.seeds,
        "budget": asdict(plan.cell.budget),
        "default": asdict(build_config(method, scenario, BASE)),
        "paper": asdict(build_config(method, scenario, "paper")),
        "fingerprint": replace(plan.cell, seed=0).fingerprint,
    }
    return json.loads(json.dumps(content, sort_keys=True))


def difference(stands: Mapping[str, Any], wanted: Mapping[str, Any]) -> str | None:
    """Say in words where two identities differ first; None where they do not."""
    for part, said in _SAID.items():
        old, new = stands.get(part), wanted[part]
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            key = next(k for k in sorted(old.keys() | new.keys()) if old.get(k) != new.get(k))
            return f"{said}: {key} was {_text(old.get(key))}, now it is {_text(new.get(key))}"
        return said + ("" if part == "fingerprint" else f": {old}, now {new}")
    return None


@cache
def _longest_episode(scenario: str, options: Named) -> int:
    return SCENARIOS[scenario](**dict(options)).spec.max_steps


def _text(value: Any) -> str:
    if isinstance(value, dict):  # a parameter
        parts = {key: value.get(key) for key in ("low", "high", "log", "choices")}
        return ", ".join(f"{key} {json.dumps(part)}" for key, part in parts.items() if part)
    return "not there" if value is None else json.dumps(value)
