"""Sweeps into cells: every name and value checked, what equals a default left out."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import product
from typing import Any

from harness.cell import Budget, Cell, Named, Value, default_budget
from harness.errors import ConfigurationError, nearest
from harness.hparams import build_config, untuned
from harness.place import Place, Places, frozen
from harness.seeding import TUNING_SEEDS
from harness.sweep import Sweep
from methods import METHODS
from methods.reference import Reference

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
