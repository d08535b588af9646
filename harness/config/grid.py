"""Grids: sets of cells, written as TOML sweeps."""

import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from itertools import product
from pathlib import Path
from typing import Any

from harness.config.cell import Budget, Cell, Named, Value, default_budget
from harness.config.grid_file import Sweep, key_text, read_grid_file
from harness.config.hparams import build_config, untuned
from harness.config.scenario import Place, Places, frozen
from harness.config.seeding import TUNING_SEEDS
from harness.errors import ConfigurationError, nearest
from methods import METHODS
from methods.reference import Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A set of cells to compare.

    Attributes:
        name: Of its folder of results and its report.
        description: One line on what it is for.
        tuning: Whether it runs on tuning seeds, which are never reported.
        cells: All cells, in the order of the file, also those that cannot be run.
        unavailable: Why some of the cells cannot be run.
        lacking: Those of them that only need what is not on this machine.
    """

    name: str
    description: str
    tuning: bool
    cells: tuple[Cell, ...]
    unavailable: Mapping[Cell, str]
    lacking: frozenset[Cell] = frozenset()


def shipped_grids() -> dict[str, Path]:
    """Return the grids that come with the harness, by name."""
    folder = Path(str(resources.files("harness.config") / "grids"))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def load_grid(name_or_path: str | Path) -> Grid:
    """Load a shipped grid by name, or any other from its TOML file.

    Raises:
        ConfigurationError: There is no such grid, or the file is wrong; the message names file,
            key and what would be right.
    """
    path, sources = _grid_path(str(name_or_path)), dict[Cell, str]()
    file, unavailable, lacking = read_grid_file(path), dict[Cell, str](), set[Cell]()
    places, methods = Places(planned()["scenarios"]), planned()["methods"]
    for index, sweep in enumerate(file.sweep):
        where = f"{path}: {key_text('sweep', index)}"
        check_seeds(where, sweep.seeds, tuning=file.tuning)
        for cell, reason, local in expand(where, sweep, places, methods):
            if cell in sources:
                raise ConfigurationError(
                    f"{where}: names cell {cell.id} again, after {sources[cell]}; each cell can "
                    "stand in one sweep only"
                )
            sources[cell] = key_text("sweep", index)
            if reason is not None:
                unavailable[cell] = reason
            if local:
                lacking.add(cell)
    if not sources:
        raise ConfigurationError(f"{path}: no method can play any of the scenarios: no cells")
    return Grid(
        name=path.stem,
        description=file.description,
        tuning=file.tuning,
        cells=tuple(sources),
        unavailable=unavailable,
        lacking=frozenset(lacking),
    )


@cache
def planned() -> Mapping[str, Mapping[str, str]]:
    """Return what the papers compare and this project does not have yet, with the reasons."""
    return tomllib.loads((resources.files("harness") / "planned.toml").read_text())


def _grid_path(name: str) -> Path:
    shipped = shipped_grids()
    if name in shipped:
        return shipped[name]
    if name.endswith(".toml"):
        return Path(name)
    raise ConfigurationError(f"--grid {name}: no such grid; {nearest(name, shipped)}")


EVERY_METHOD = "*"


def expand(
    where: str, sweep: Sweep, places: Places, planned: Mapping[str, str]
) -> Iterator[tuple[Cell, str | None, bool]]:
    """Yield the cells of a sweep, each with the reason why it cannot be run, if there is one.

    The last item says whether the reason is this machine's, which lacks something.

    Args:
        where: File and key of the sweep, for messages.
        sweep: What to expand.
        places: Where scenarios come from.
        planned: Methods that are not there yet, with reasons.

    Raises:
        ConfigurationError: An unknown name, a value of the wrong type or out of its range.
    """
    budget = _budget(where, sweep)
    for options in _combinations(sweep.options):
        place = places.find(where, sweep.scenario, options)
        for method, fields, reason in _variants(where, sweep, place, planned):
            for seed in sweep.seeds:
                yield (
                    Cell(
                        scenario=place.scenario,
                        options=place.options,
                        method=method,
                        fields=fields,
                        preset=sweep.preset,
                        seed=seed,
                        budget=budget,
                        label=sweep.label or sweep.preset,
                    ),
                    reason,
                    place.lacking,
                )


def check_seeds(where: str, seeds: list[int], *, tuning: bool) -> None:
    """Keep reporting and tuning seeds apart, and every seed to one use.

    Raises:
        ConfigurationError: A seed repeats, is negative, or is of the other kind.
    """
    for seed in seeds:
        if seeds.count(seed) > 1:
            raise ConfigurationError(f"{where}.seeds: {seed} repeats; name each seed once")
        if seed < 0:
            raise ConfigurationError(f"{where}.seeds: {seed} is negative; seeds start at 0")
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
    usual = asdict(default_budget(sweep.scenario, sweep.preset))
    budget = Budget(**(usual | sweep.budget.model_dump(exclude_none=True)))
    if budget.evaluations > budget.episodes:
        raise ConfigurationError(
            f"{where}.budget: {budget.evaluations} evaluations in {budget.episodes} training "
            "episodes; evaluations come between episodes, so there can be at most one each"
        )
    return budget


def _combinations(swept: Mapping[str, list[Any]]) -> Iterator[dict[str, Value]]:
    for values in product(*swept.values()):
        yield dict(zip(swept, map(frozen, values), strict=True))


def _variants(
    where: str, sweep: Sweep, place: Place, planned: Mapping[str, str]
) -> Iterator[tuple[str, Named, str | None]]:
    """Yield method, fields and the reason why it cannot be run, if there is one."""
    for name in sweep.methods:
        every = name == EVERY_METHOD
        names = [n for n, method in METHODS.items() if method.learns] if every else [name]
        for method, fields in product(names, _combinations(sweep.fields)):
            if method in METHODS:
                changed, reason = _checked_variant(where, sweep, place, method, fields)
                if not (every and reason and place.built):
                    yield method, changed, place.reason or reason
            elif method in planned:
                yield method, tuple(sorted(fields.items())), place.reason or planned[method]
            else:
                raise ConfigurationError(
                    f"{where}.methods: unknown method {method!r}; {nearest(method, METHODS)}"
                )


def _checked_variant(
    where: str, sweep: Sweep, place: Place, method: str, fields: dict[str, Value]
) -> tuple[Named, str | None]:
    """Return the fields that differ from the preset, and why the pair is impossible, if it is."""
    if sweep.preset == "tuned" and (reason := untuned(method, sweep.scenario)):
        return tuple(sorted(fields.items())), reason
    usual = build_config(method, sweep.scenario, sweep.preset)
    for name in fields.keys() - asdict(usual).keys():
        raise ConfigurationError(
            f"{where}.fields.{name}: {method} has no such field; {nearest(name, asdict(usual))}"
        )
    try:
        config = build_config(method, sweep.scenario, sweep.preset, tuple(fields.items()))
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}.fields: {error}") from None
    changed = {n: v for n in fields if (v := getattr(config, n)) != getattr(usual, n)}
    named = tuple(sorted(changed.items()))
    if place.built is None:
        return named, None
    if issubclass(METHODS[method], Reference):
        policies = place.built.references()
        if config.policy not in policies:
            raise ConfigurationError(
                f"{where}.fields.policy: {sweep.scenario} has no reference policy "
                f"{config.policy!r}; {nearest(config.policy, policies)}"
            )
    return named, METHODS[method].unsuitable(place.built.spec, config)


KEYS = ("scenario", "place", "method", "variant", "preset", "label", "seed")


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
        if not equals or key not in KEYS:
            raise ConfigurationError(
                f"--only {only}: {pair.strip()!r} is not key=pattern; {nearest(key, KEYS)} (write "
                "? for a comma inside a pattern)"
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
