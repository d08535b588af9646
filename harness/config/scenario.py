"""Tasks, where methods meet: a scenario with checked options, what equals a default left out."""

import inspect
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from harness.config.toml import Named, Value, key_text, shortened
from harness.errors import ConfigurationError, nearest
from scenarios import SCENARIOS
from scenarios.base import Scenario, SeenInSeveralWays, Unavailable
from scenarios.ranges import option_model


@dataclass(frozen=True, slots=True)
class Task:
    """A scenario with its options.

    Attributes:
        scenario: Its name.
        options: Options that differ from the defaults, sorted by name.
        built: The scenario itself; None when it needs what is not on this machine.
        lacking: What this machine lacks, and how to get it; None when it is all there.
    """

    scenario: str
    options: Named
    built: Scenario | None
    lacking: str | None = None


@dataclass(frozen=True, slots=True)
class ReferenceValues:
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


def build_task(
    where: str, scenario: str, options: Mapping[str, Value], *, size_factor: float = 1
) -> Task:
    """Check a scenario's name and options, and build it.

    Args:
        where: File and key, for messages.
        scenario: A key of ``scenarios.SCENARIOS``.
        options: What is given of its options.
        size_factor: How many times their stated limits sizes may be (``scenarios.ranges.Size``).

    Raises:
        ConfigurationError: An unknown name, or a value of the wrong type or out of its range.
    """
    if scenario not in SCENARIOS:
        raise ConfigurationError(
            f"{where}.scenario: unknown scenario {scenario!r}; {nearest(scenario, SCENARIOS)}"
        )
    _check_names(where, scenario, options.keys())
    defaults, build = option_defaults(scenario), SCENARIOS[scenario]
    try:
        model = option_model(build)
        values = dict(
            model.model_validate({**defaults, **options}, context={"size_factor": size_factor})
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigurationError(
            f"{where}.options.{key_text(*first['loc'])}: {first['msg']}, not "
            f"{shortened(first['input'])}"
        ) from None
    changed = {n: v for n, v in values.items() if n not in defaults or v != defaults[n]}
    named = tuple(sorted(changed.items()))
    try:
        return Task(scenario, named, build(**values))
    except Unavailable as absent:
        return Task(scenario, named, None, str(absent))
    except ValueError as error:
        raise ConfigurationError(f"{where}.options: {error}") from None


def reference_values(scenario: str, options: Mapping[str, Value]) -> ReferenceValues:
    """Return the reference values of a task, also where it cannot be built here."""
    try:
        built = SCENARIOS[scenario](**options)
    except Unavailable as absent:
        return ReferenceValues(absent.floor, absent.bound)
    return ReferenceValues(built.floor, built.bound)


def option_defaults(scenario: str) -> dict[str, Any]:
    """Return what a scenario's options are where a grid does not set them.

    Options that must be given, or that go on to an environment of others, have no default.
    """
    return {p.name: p.default for p in _parameters(scenario) if p.default is not p.empty}


def required_options(scenario: str) -> list[str]:
    """Return the options without which a scenario is nothing."""
    found = _parameters(scenario)
    return [p.name for p in found if p.default is p.empty and p.kind is not p.VAR_KEYWORD]


def views(scenario: str) -> frozenset[str]:
    """Return the options of a scenario that change only what agents see of the game."""
    build = SCENARIOS[scenario]
    return build.views if isinstance(build, SeenInSeveralWays) else frozenset()


def headline(scenario: str) -> str:
    """Return the name of a scenario's first headline metric."""
    return next(name for name, m in SCENARIOS[scenario].metric_info.items() if m.headline)


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
