"""Grids: sets of cells, written as TOML sweeps, and which of them ``--only`` selects."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from importlib import resources
from itertools import product
from math import isfinite, prod
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

from annotated_types import Interval
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from harness.config.cell import Budget, Cell, default_budget
from harness.config.hparams import build_config, untuned
from harness.config.memory import needed_bytes, shortage
from harness.config.scenario import Task, build_task
from harness.config.seeding import TUNING_SEEDS
from harness.config.toml import Named, Table, Value, checked, frozen, key_text, read_toml
from harness.errors import ConfigurationError, nearest
from methods import METHODS
from methods.reference import Reference
from scenarios.ranges import SIZE_FACTOR_HINT

EVERY_METHOD = "*"
MOST_CELLS = 20_000  # of a sweep, unless its size_factor says more
LONGEST_NAME = 255  # of a folder, on all common file systems [bytes]
ONLY_KEYS = ("scenario", "task", "method", "variant", "preset", "label", "seed")

_Tasks: TypeAlias = dict[tuple[str, str, float], Task]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A set of cells to compare.

    Attributes:
        name: Of its folder of results and its report.
        description: One line on what it is for.
        tuning: Whether it runs on tuning seeds, which are never reported.
        file: Where a user's grid was read from; None for one that comes with the harness.
        cells: All cells, in the order of the file, also those that cannot be run.
    """

    name: str
    description: str
    tuning: bool
    cells: tuple[Cell, ...]
    file: Path | None = None

    @property
    def argument(self) -> str:
        """Return what ``--grid`` takes for it."""
        return self.name if self.file is None else str(self.file)


def load_grid(name_or_path: str | Path) -> Grid:
    """Load a shipped grid by name, or any other from its TOML file.

    Raises:
        ConfigurationError: There is no such grid, or the file is wrong; the message names file,
            key and what would be right.
    """
    name, shipped = str(name_or_path), shipped_grids()
    if name not in shipped and not name.endswith(".toml"):
        raise ConfigurationError(f"grid {name}: no such grid; {nearest(name, shipped)}")
    path = shipped.get(name) or Path(name)
    file = checked(GridFile, read_toml(path, str(path)), str(path))
    sources, tasks = dict[Cell, str](), _Tasks()
    for index, sweep in enumerate(file.sweep):
        key = key_text("sweep", index)
        for cell in _expand(f"{path}: {key}", sweep, tasks, tuning=file.tuning):
            if cell in sources:
                raise ConfigurationError(
                    f"{path}: {key}: names cell {cell.id} again, after {sources[cell]}; each cell "
                    "can stand in one sweep only"
                )
            sources[cell] = key
    if not sources:
        raise ConfigurationError(f"{path}: no method can play any of the scenarios: no cells")
    return Grid(
        name=name if name in shipped else _name(path, shipped),
        description=file.description or f"the cells of {path.name}",
        tuning=file.tuning,
        cells=tuple(sources),
        file=None if name in shipped else path,
    )


def shipped_grids() -> dict[str, Path]:
    """Return the grids that come with the harness, by name."""
    folder = Path(str(resources.files("harness.config") / "grids"))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def select(cells: Iterable[Cell], only: str | None) -> tuple[Cell, ...]:
    """Return the cells that match every key of a selection, each by any of its patterns.

    Args:
        cells: What to select from.
        only: ``key=pattern`` pairs with commas between; a key may be given several times. A
            pattern is text with ``*``, ``?`` and ``[0-9]``; ``?`` stands in for a comma.

    Raises:
        ConfigurationError: A pair or key that cannot be, or a selection of nothing.
    """
    patterns: defaultdict[str, list[str]] = defaultdict(list)
    for pair in only.split(",") if only is not None else ():
        key, equals, pattern = pair.strip().partition("=")
        if not equals:
            raise ConfigurationError(
                f"--only {only}: {pair.strip()!r} is not key=pattern, as method=dqn and "
                "task=jungle* are (write ? for a comma inside a pattern)"
            )
        if key not in ONLY_KEYS:
            raise ConfigurationError(
                f"--only {only}: no key {key!r}; {nearest(key, ONLY_KEYS, closeness=0.7)} (write ? "
                "for a comma inside a pattern)"
            )
        patterns[key].append(pattern)
    chosen = tuple(
        cell
        for cell in cells
        if all(
            any(fnmatchcase(str(getattr(cell, key)), pattern) for pattern in choices)
            for key, choices in patterns.items()
        )
    )
    if not chosen:
        raise ConfigurationError(f"--only {only}: matches no cell; `plan` lists what there is")
    return chosen


def _name(path: Path, taken: Collection[str]) -> str:
    """Return what a user's grid is called: never a folder above, or an option of a command."""
    if path.stem in taken:
        raise ConfigurationError(
            f"{path}: {path.stem} is a grid that comes with the harness, and both would keep their "
            "results in one folder; rename the file"
        )
    if re.fullmatch(r"\w[\w .,+=()@-]{0,99}", path.stem) is None:
        raise ConfigurationError(
            f"grid file {str(path)!r}: {path.stem!r} cannot name a folder of results; it is to "
            "begin with a letter or digit and have up to 100 letters, digits, blanks or .,+=()@_-"
        )
    return path.stem


# -------- the shape of a grid file


def _is_value(value: object) -> bool:
    if isinstance(value, list):
        return all(map(_is_value, value))
    return isinstance(value, bool | int | str) or (isinstance(value, float) and isfinite(value))


def _swept(value: Any) -> list[Any]:
    """Return the values to sweep over; a single value is a sweep of one."""
    values = value if isinstance(value, list) else [value]
    if not values:
        raise PydanticCustomError("empty", "an empty list sweeps over nothing; give a value")
    if not _is_value(values):
        raise PydanticCustomError(
            "kind", "should be finite numbers, texts, true or false, or lists of them"
        )
    return values


Swept: TypeAlias = Annotated[Any, AfterValidator(_swept)]


class BudgetTable(Table):
    """What a sweep sets over ``harness/config/budgets.toml``; ranges are those of ``Budget``."""

    episodes: int | None = None
    steps: int | None = None
    evaluations: int | None = None
    evaluation_episodes: int | None = None


class Sweep(Table):
    """One ``[[sweep]]``: the product of methods, swept options and fields, and seeds."""

    scenario: str
    methods: Annotated[list[str], Field(min_length=1)]
    seeds: Annotated[list[Annotated[int, Interval(ge=0, lt=2**32)]], Field(min_length=1)]
    preset: Literal["paper", "default", "tuned"] = "default"
    label: Annotated[str, Field(min_length=1)] | None = None
    options: dict[str, Swept] = Field(default_factory=dict)
    fields: dict[str, Swept] = Field(default_factory=dict)
    budget: BudgetTable = BudgetTable()
    size_factor: Annotated[float, Interval(ge=1, le=1e9)] = 1.0


class GridFile(Table):
    """A whole grid file."""

    description: str = ""
    tuning: bool = False
    sweep: Annotated[list[Sweep], Field(min_length=1)]


# -------- sweeps into cells: every name and value checked, what equals a default left out


def _expand(where: str, sweep: Sweep, tasks: _Tasks, *, tuning: bool) -> Iterator[Cell]:
    """Yield the cells of a sweep; ``tasks`` are those built so far, each but once."""
    _check_seeds(where, sweep, tuning=tuning)
    budget = _budget(where, sweep)
    for options in _combinations(sweep.options):
        task = _task(where, sweep, options, tasks)
        for variant in _variants(where, sweep, task, budget):
            cell = Cell(
                scenario=task.scenario,
                options=task.options,
                preset=sweep.preset,
                seed=sweep.seeds[0],
                budget=budget,
                label=sweep.label or sweep.preset,
                **variant._asdict(),
            )
            _check_name(where, cell)
            yield from (replace(cell, seed=seed) for seed in sweep.seeds)


def _check_seeds(where: str, sweep: Sweep, *, tuning: bool) -> None:
    """Keep reporting and tuning seeds apart, every seed to one use, and the cells to a number."""
    choices = (sweep.methods, sweep.seeds, *sweep.options.values(), *sweep.fields.values())
    if (n := prod(map(len, choices))) > MOST_CELLS * sweep.size_factor:
        raise ConfigurationError(
            f"{where}: {n} combinations; at most {MOST_CELLS} ({SIZE_FACTOR_HINT})"
        )
    seen = set[int]()
    for seed in sweep.seeds:
        if seed in seen:
            raise ConfigurationError(f"{where}.seeds: {seed} repeats; name each seed once")
        seen.add(seed)
        if tuning and seed < TUNING_SEEDS:
            raise ConfigurationError(
                f"{where}.seeds: {seed} is a reporting seed; a tuning grid uses seeds from "
                f"{TUNING_SEEDS} on"
            )
        if not tuning and seed >= TUNING_SEEDS:
            raise ConfigurationError(
                f"{where}.seeds: {seed} is reserved for tuning; report on 0 to {TUNING_SEEDS - 1}, "
                "or write tuning = true at the top of the file"
            )


def _budget(where: str, sweep: Sweep) -> Budget:
    usual, given = default_budget(sweep.scenario, sweep.preset), sweep.budget
    content = asdict(usual) | given.model_dump(exclude_none=True)
    budget = checked(Budget, content, f"{where}.budget", size_factor=sweep.size_factor)
    if budget.evaluations > budget.episodes:
        raise ConfigurationError(
            f"{where}.budget: {budget.evaluations} evaluations in {budget.episodes} training "
            "episodes; evaluations come between episodes, so there can be at most one each"
        )
    return budget


def _combinations(swept: Mapping[str, list[Any]]) -> Iterator[dict[str, Value]]:
    for values in product(*swept.values()):
        yield dict(zip(swept, map(frozen, values), strict=True))


def _task(where: str, sweep: Sweep, options: dict[str, Value], tasks: _Tasks) -> Task:
    for name in options.keys() & BudgetTable.model_fields.keys():
        raise ConfigurationError(
            f"{where}.options.{name}: that is a budget's name; write budget.{name}"
        )
    key = (
        sweep.scenario,
        repr(sorted(options.items())),
        sweep.size_factor,
    )  # as text 1 and True differ
    if key not in tasks:
        tasks[key] = build_task(where, sweep.scenario, options, size_factor=sweep.size_factor)
    return tasks[key]


class _Variant(NamedTuple):
    """What a cell's method contributes to it; see the attributes of ``Cell``."""

    method: str
    fields: Named
    unavailable: str | None = None
    lacking: bool = False
    memory_bytes: float = 0.0


def _variants(where: str, sweep: Sweep, task: Task, budget: Budget) -> Iterator[_Variant]:
    """Yield the methods with their fields; of ``*`` those that can play the scenario."""
    for name in sweep.methods:
        every = name == EVERY_METHOD
        names = [n for n, method in METHODS.items() if method.learns] if every else [name]
        for method, fields in product(names, _combinations(sweep.fields)):
            if method not in METHODS:
                raise ConfigurationError(
                    f"{where}.methods: unknown method {method!r}; {nearest(method, METHODS)}"
                )
            variant = _checked_variant(where, sweep, task, budget, method, fields)
            if not every or variant.unavailable is None or variant.lacking:
                yield variant


def _checked_variant(
    where: str,
    sweep: Sweep,
    task: Task,
    budget: Budget,
    method: str,
    fields: dict[str, Value],
) -> _Variant:
    """Return a method with the fields that differ from the preset, and what stands against it."""
    if sweep.preset == "tuned" and (reason := untuned(method, sweep.scenario)):
        named = tuple(sorted(fields.items()))
        return _Variant(method, named, task.lacking or reason, task.lacking is not None)
    usual = build_config(method, sweep.scenario, sweep.preset)
    config = build_config(
        method,
        sweep.scenario,
        sweep.preset,
        tuple(fields.items()),
        where=f"{where}.fields",
        size_factor=sweep.size_factor,
    )
    changed = {n: v for n in fields if (v := getattr(config, n)) != getattr(usual, n)}
    named = tuple(sorted(changed.items()))
    if task.built is None:
        return _Variant(method, named, task.lacking, lacking=True)
    if issubclass(METHODS[method], Reference):
        policies = task.built.references()
        if config.policy not in policies:
            raise ConfigurationError(
                f"{where}.fields.policy: {sweep.scenario} has no reference policy "
                f"{config.policy!r}; {nearest(config.policy, policies)}"
            )
    if reason := METHODS[method].unsuitable(task.built.spec, config):
        return _Variant(method, named, reason)
    needed = needed_bytes(method, config, task.built.spec, budget)
    reason = shortage(needed)
    return _Variant(method, named, reason, reason is not None, needed)


def _check_name(where: str, cell: Cell) -> None:
    """Refuse a name that no file can have."""
    for part in (cell.task, cell.variant):
        if (n := len(part.encode())) > LONGEST_NAME:
            raise ConfigurationError(
                f"{where}: names a folder of {n} letters, {part[:40]}...; at most "
                f"{LONGEST_NAME}: give fewer or shorter values that differ from the defaults"
            )
