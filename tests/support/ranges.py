"""The ranges that settings declare, and values just outside of them."""

import dataclasses
import inspect
import math
from collections.abc import Iterator
from typing import Any, get_args, get_origin, get_type_hints

from annotated_types import Ge, GroupedMetadata, Gt, Le, Lt
from pydantic.fields import FieldInfo

from harness.config.hparams import build_config
from harness.config.scenario import build_task, option_defaults
from harness.errors import ConfigurationError
from methods import METHODS
from scenarios import SCENARIOS
from scenarios.ranges import Size

NUMBERS = (int, float)


def outside() -> tuple[int, list[str], list[str]]:
    """Ask for values just outside the ranges of all settings.

    Returns:
        How many were asked for, which of them were taken, and settings that are numbers and
        have no range.
    """
    asked, silent, open_ended = 0, list[str](), list[str]()
    for name, hint, take in _settings():
        values = [*beyond(hint)]
        if not values and _is_number(hint):
            open_ended.append(name)
        for value in values:
            asked += 1
            try:
                take(value)
            except ConfigurationError:
                continue
            silent.append(f"{name} = {value!r}")
    return asked, silent, open_ended


def _settings() -> Iterator[tuple[str, Any, Any]]:
    """Yield name, type and taker of every field of a method and every option of a scenario."""
    for method, of in METHODS.items():
        hints = get_type_hints(of.Config, include_extras=True)
        for field in dataclasses.fields(of.Config):
            yield (
                f"{method}.{field.name}",
                hints[field.name],
                lambda v, m=method, n=field.name: build_config(
                    m, "jungle", "default", ((n, v),), size_factor=1.0
                ),
            )
    for scenario, build in SCENARIOS.items():
        hints = get_type_hints(build.__init__, include_extras=True)
        usual = option_defaults(scenario)
        if scenario == "pettingzoo":
            usual |= {"module": "mpe2.simple_spread_v3", "max_steps": 25}
        for name in inspect.signature(build).parameters.keys() & hints.keys():
            yield (
                f"{scenario}.{name}",
                hints[name],
                lambda v, s=scenario, n=name, u=usual: build_task("x", s, u | {n: v}),
            )


def beyond(hint: Any) -> Iterator[Any]:
    """Yield values just outside the range of a type, as its settings are written."""
    inner = get_args(hint)
    if get_origin(hint) is tuple:
        for value in beyond(inner[0]):
            yield (value,) * (1 if inner[-1] is ... else len(inner))
    elif not hasattr(hint, "__metadata__"):
        for part in inner:
            yield from beyond(part)
    else:
        kind = int if int in inner else float
        for limit in hint.__metadata__:
            for one in _limits(limit):
                yield from _past(one, kind)
            yield from (math.nan, math.inf) if kind is float else ()


def _past(limit: Any, kind: type[int] | type[float]) -> tuple[Any, ...]:
    match limit:
        case Size():
            return limit.least - 1, limit.most + 1, 10**30
        case Ge(ge=bound):
            return (bound - 1 if kind is int else math.nextafter(bound, -math.inf),)
        case Le(le=bound):
            return (bound + 1 if kind is int else math.nextafter(bound, math.inf),)
        case Gt(gt=bound) | Lt(lt=bound):
            return (kind(bound),)
    return ()


def _limits(limit: Any) -> Iterator[Any]:
    if isinstance(limit, FieldInfo):
        yield from limit.metadata
    elif isinstance(limit, GroupedMetadata):
        yield from limit
    else:
        yield limit


def _is_number(hint: Any) -> bool:
    return hint in NUMBERS or any(map(_is_number, get_args(hint)))
