"""Where methods meet: a scenario with checked options, what equals a default left out."""

import inspect
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from harness.config.cell import Cell, Named, Value
from harness.config.grid_file import BudgetTable
from harness.errors import ConfigurationError, nearest
from scenarios import SCENARIOS
from scenarios.base import Scenario, SeenInSeveralWays, Unavailable


@dataclass(frozen=True, slots=True)
class Place:
    """A scenario with its options.

    Attributes:
        scenario: Its name.
        options: Options that differ from the defaults, sorted by name.
        built: The scenario itself; None when it is only planned, or needs what is not here.
        reason: Why it is not there; None when it is.
        lacking: Whether the reason is that this machine lacks something.
    """

    scenario: str
    options: Named
    built: Scenario | None
    reason: str | None = None
    lacking: bool = False


class Places:
    """Scenarios with checked options; each is built once, however many sweeps name it.

    Args:
        planned: Scenarios that are not there yet, with reasons.
    """

    def __init__(self, planned: Mapping[str, str]) -> None:
        self._planned = planned
        self._built: dict[tuple[str, str], Place] = {}

    def find(self, where: str, scenario: str, options: dict[str, Value]) -> Place:
        """Check a scenario's name and options.

        Raises:
            ConfigurationError: An unknown name, or a value of the wrong type or out of its range.
        """
        for name in options.keys() & BudgetTable.model_fields.keys():
            raise ConfigurationError(
                f"{where}.options.{name}: that is a budget's name; write budget.{name}"
            )
        given = tuple(sorted(options.items()))
        if scenario in SCENARIOS:
            key = scenario, repr(given)  # as text 1 and True differ
            if key not in self._built:
                self._built[key] = _built_place(where, scenario, options)
            return self._built[key]
        if scenario in self._planned:
            return Place(scenario, given, None, self._planned[scenario])
        raise ConfigurationError(
            f"{where}.scenario: unknown scenario {scenario!r}; {nearest(scenario, SCENARIOS)}"
        )


def option_defaults(scenario: str) -> dict[str, Any]:
    """Return what a scenario's options are where a grid does not set them.

    Options that must be given, or that go on to an environment of others, have no default.
    """
    return {p.name: p.default for p in _parameters(scenario) if p.default is not p.empty}


def game_options(cell: Cell) -> dict[str, Value]:
    """Return a cell's options, but for those that change only what agents see of the game."""
    scenario = SCENARIOS[cell.scenario]
    views: frozenset[str] = frozenset()
    if isinstance(scenario, SeenInSeveralWays):
        views = scenario.views
    return {name: value for name, value in cell.options if name not in views}


def required_options(scenario: str) -> list[str]:
    """Return the options without which a scenario is nothing."""
    found = _parameters(scenario)
    return [p.name for p in found if p.default is p.empty and p.kind is not p.VAR_KEYWORD]


def _built_place(where: str, scenario: str, options: dict[str, Value]) -> Place:
    _check_names(where, scenario, options.keys())
    defaults, build = option_defaults(scenario), SCENARIOS[scenario]
    try:
        checked = dict(_option_model(scenario).model_validate(defaults | options))
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigurationError(
            f"{where}.options.{first['loc'][0]}: {first['msg']}, not {first['input']!r}"
        ) from None
    changed = {n: v for n, v in checked.items() if n not in defaults or v != defaults[n]}
    named = tuple(sorted(changed.items()))
    try:
        return Place(scenario, named, build(**checked))
    except Unavailable as absent:
        return Place(scenario, named, None, str(absent), lacking=True)
    except ValueError as error:
        raise ConfigurationError(f"{where}.options: {error}") from None


def _check_names(where: str, scenario: str, given: Collection[str]) -> None:
    """Refuse options that the scenario does not have, and miss those it must be given."""
    parameters = _parameters(scenario)
    known = [p.name for p in parameters if p.kind is not p.VAR_KEYWORD]
    for name in given:
        if len(known) == len(parameters) and name not in known:
            raise ConfigurationError(
                f"{where}.options.{name}: {scenario} has no such option; {nearest(name, known)}"
            )
        if not name.isidentifier():  # it becomes part of a path
            raise ConfigurationError(f"{where}.options: {name!r} is no name of an option")
    for name in required_options(scenario):
        if name not in given:
            raise ConfigurationError(f"{where}.options.{name}: missing; {scenario} needs it")


def _parameters(scenario: str) -> tuple[inspect.Parameter, ...]:
    return tuple(inspect.signature(SCENARIOS[scenario]).parameters.values())


@cache
def _option_model(scenario: str) -> type[BaseModel]:
    """Return a pydantic model of a scenario's options, strict about types."""
    build: Any = SCENARIOS[scenario]
    hints = get_type_hints(build.__init__ if inspect.isclass(build) else build)
    parameters = _parameters(scenario)
    named = [p.name for p in parameters if p.kind is not p.VAR_KEYWORD]
    fields: dict[str, Any] = {name: (hints.get(name, Any), ...) for name in named}
    passed_on: Literal["allow", "forbid"] = "allow" if len(named) < len(parameters) else "forbid"
    config = ConfigDict(strict=True, extra=passed_on)
    return create_model("Options", __config__=config, **fields)


def frozen(value: Any) -> Value:
    """Turn lists into tuples, so that a value can be part of a cell."""
    return tuple(map(frozen, value)) if isinstance(value, list) else value


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Fixed values that a metric is measured by; either may be unknown.

    Attributes:
        floor: Per headline metric, a poor value: 0 on the normalized scale.
        bound: Per headline metric, the best or a good value: 1 on that scale.
    """

    floor: Mapping[str, float]
    bound: Mapping[str, float]

    def share_of_way(self, metric: str, share: float) -> float:
        """Return a share of the way from floor to bound; 0 where one of them is not known."""
        floor, bound = self.floor.get(metric), self.bound.get(metric)
        return 0.0 if bound is None or floor is None else share * abs(bound - floor)


def landmarks(cell: Cell) -> Landmarks:
    """Return the landmarks of a cell's place, also where it cannot be built here."""
    try:
        scenario = SCENARIOS[cell.scenario](**dict(cell.options))
    except Unavailable as absent:
        return Landmarks(absent.floor, absent.bound)
    return Landmarks(scenario.floor, scenario.bound)
