"""Where methods meet: a scenario with checked options, what equals a default left out."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from harness.cell import Named, Value
from harness.errors import ConfigurationError, nearest
from harness.sweep import BudgetTable
from scenarios import SCENARIOS
from scenarios.base import Scenario


@dataclass(frozen=True, slots=True)
class Place:
    """A scenario with its options.

    Attributes:
        scenario: Its name.
        options: Options that differ from the defaults, sorted by name.
        built: The scenario itself; None when it is only planned.
        reason: Why it is not there; None when it is.
    """

    scenario: str
    options: Named
    built: Scenario | None
    reason: str | None = None


def find_place(
    where: str, scenario: str, options: dict[str, Value], planned: Mapping[str, str]
) -> Place:
    """Check a scenario's name and options.

    Raises:
        ConfigurationError: An unknown name, or a value of the wrong type or out of its range.
    """
    for name in options.keys() & BudgetTable.model_fields.keys():
        raise ConfigurationError(
            f"{where}.options.{name}: that is a budget's name; write budget.{name}"
        )
    if scenario in SCENARIOS:
        return _built_place(where, scenario, options)
    if scenario in planned:
        return Place(scenario, tuple(sorted(options.items())), None, planned[scenario])
    raise ConfigurationError(
        f"{where}.scenario: unknown scenario {scenario!r}; {nearest(scenario, SCENARIOS)}"
    )


def _built_place(where: str, scenario: str, options: dict[str, Value]) -> Place:
    build = SCENARIOS[scenario]
    defaults = {p.name: p.default for p in inspect.signature(build).parameters.values()}
    for name in options.keys() - defaults.keys():
        raise ConfigurationError(
            f"{where}.options.{name}: {scenario} has no such option; {nearest(name, defaults)}"
        )
    try:
        checked = dict(_option_model(scenario).model_validate(defaults | options))
        built = build(**checked)
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigurationError(
            f"{where}.options.{first['loc'][0]}: {first['msg']}, not {first['input']!r}"
        ) from None
    except ValueError as error:
        raise ConfigurationError(f"{where}.options: {error}") from None
    changed = {name: value for name, value in checked.items() if value != defaults[name]}
    return Place(scenario, tuple(sorted(changed.items())), built)


@cache
def _option_model(scenario: str) -> type[BaseModel]:
    """Return a pydantic model of a scenario's options, strict about types."""
    build: Any = SCENARIOS[scenario]
    hints = get_type_hints(build.__init__ if inspect.isclass(build) else build)
    names = inspect.signature(build).parameters
    fields: dict[str, Any] = {name: (hints.get(name, Any), ...) for name in names}
    return create_model("Options", __config__=ConfigDict(strict=True), **fields)


def frozen(value: Any) -> Value:
    """Turn lists into tuples, so that a value can be part of a cell."""
    return tuple(map(frozen, value)) if isinstance(value, list) else value
