"""Hyperparameters: TOML values poured into a method's Config, strictly.

``methods/hparams/<method>.toml`` holds presets ``paper`` and ``default``; preset ``tuned`` is what
``tune --write`` found over ``default`` and wrote to ``methods/hparams/tuned.toml``.
"""

import dataclasses
import math
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from harness.config.seeding import TUNING_SEEDS
from harness.config.toml import (
    Named,
    Table,
    Value,
    checked,
    frozen,
    key_text,
    read_toml,
    shortened,
)
from harness.errors import ConfigurationError, nearest
from methods import METHODS

PRESETS = ("paper", "default", "tuned")
TUNED_FILE = "methods/hparams/tuned.toml"


class Tuned(Table):
    """What a study found.

    Attributes:
        study: Its name.
        date: When its last trial ended [UTC, ISO 8601].
        trials: Trials that ended in order, the pruned ones included.
        budget: What it might spend [environment steps].
        seeds: Tuning seeds of every trial.
        score: The best trial's mean over them.
        values: Hyperparameters that differ from preset ``default``.
    """

    study: str
    date: str
    trials: int
    budget: int
    seeds: Annotated[list[Annotated[int, Field(ge=TUNING_SEEDS)]], Field(min_length=1)]
    score: float
    values: dict[str, Any]


def build_config(
    method: str,
    scenario: str,
    preset: str,
    fields: Named = (),
    *,
    where: str = "fields",
    size_factor: float = math.inf,
) -> Any:
    """Build ``METHODS[method].Config`` from a preset and overriding fields.

    Args:
        method: A key of ``METHODS``.
        scenario: Whose values of the preset are taken.
        preset: One of ``PRESETS``.
        fields: Values over the preset's.
        where: File and key of ``fields``, for messages.
        size_factor: How many times their stated limits sizes may be (``scenarios.ranges.Size``).

    Raises:
        ConfigurationError: An unknown key, a missing value, a value of the wrong type or out of its
            range, or values that do not go together.
    """
    values, given = preset_values(method, scenario, preset), dict(fields)
    for name in given.keys() - values.keys():
        raise ConfigurationError(
            f"{where}.{name}: {method} has no such field; {nearest(name, values)}"
        )
    source = f"{file_name(method)} [{preset}.{scenario}]"
    try:
        model = _config_model(method).model_validate(
            values | given, context={"size_factor": size_factor}
        )
    except ValidationError as error:
        first = error.errors()[0]
        named = where if first["loc"][0] in given else source
        raise ConfigurationError(
            f"{named}.{key_text(*first['loc'])}: {first['msg']}, not {shortened(first['input'])}"
        ) from None
    try:
        return METHODS[method].Config(**dict(model))
    except ValueError as error:  # fields that do not go together
        raise ConfigurationError(f"{where if given else source}: {error}") from None


def preset_values(method: str, scenario: str, preset: str) -> dict[str, Value]:
    """Return the hyperparameters of a preset: ``[<preset>.all]`` under ``[<preset>.<scenario>]``.

    ``tuned`` is what tuning changed over ``default``; methods that learn nothing need no tuning. A
    field that has a default in its Config (see ``identity_fields``) need not stand in the file.

    Raises:
        ConfigurationError: An unknown key, a field without a value, or nothing tuned.
    """
    if preset == "tuned":
        return _tuned_values(method, scenario)
    tables, file = read_tables(method).get(preset, {}), file_name(method)
    layers = [tables.get(table, {}) for table in ("all", scenario)]
    usual = _defaults(METHODS[method].Config)
    values = usual | {key: frozen(value) for layer in layers for key, value in layer.items()}
    fields = [f.name for f in dataclasses.fields(METHODS[method].Config)]
    for key in values.keys() - set(fields):
        raise ConfigurationError(
            f"{file} [{preset}.{scenario}]: unknown key {key!r}; {nearest(key, fields)}"
        )
    if missing := sorted(set(fields) - values.keys()):
        raise ConfigurationError(
            f"{file} [{preset}.all]: no value for {', '.join(missing)}; add it there or under "
            f"[{preset}.{scenario}]"
        )
    return values


def identity_fields(config: Any) -> dict[str, Any]:
    """Return what tells a Config from others: all fields but those at the default of their class.

    A field that is added to a Config after results were stored gets a default that means "as
    before": at that value it changes neither what is learned nor the results' fingerprint.
    """
    usual = _defaults(type(config))
    values = dataclasses.asdict(config)
    return {name: v for name, v in values.items() if name not in usual or v != usual[name]}


def untuned(method: str, scenario: str) -> str | None:
    """Return why there is no preset ``tuned``; None where there is one or none is needed."""
    if find_tuned(method, scenario) is not None or not METHODS[method].learns:
        return None
    return f"{method} is not tuned on {scenario} yet: `tune --write {TUNED_FILE}` makes its preset"


def find_tuned(method: str, scenario: str) -> Tuned | None:
    """Return what was found for a method on a scenario; None where nothing was tuned.

    Raises:
        ConfigurationError: The file is not what ``tune --write`` makes.
    """
    return _shipped().get(method, {}).get(scenario)


def read_tuned(path: Path) -> dict[str, dict[str, Tuned]]:
    """Read a file that ``tune --write`` has made: by method and scenario; {} where there is none.

    Raises:
        ConfigurationError: It is something else.
    """
    if not path.exists():
        return {}
    try:
        return checked(dict[str, dict[str, Tuned]], read_toml(path, str(path)), str(path))
    except ConfigurationError as error:
        raise ConfigurationError(f"{error}; `tune --write` makes this file") from None


def file_name(method: str) -> str:
    """Return where a method's hyperparameters stand, for messages."""
    return f"methods/hparams/{method}.toml"


@cache
def read_tables(method: str) -> Mapping[str, Any]:
    """Read a method's file; a method that has none has nothing to set.

    Raises:
        ConfigurationError: The file is no TOML, or a preset no table of tables.
    """
    source = resources.files("methods") / "hparams" / f"{method}.toml"
    if not source.is_file():
        return {name: {"all": {}} for name in PRESETS} | {"shaping": []}
    tables = read_toml(source, file_name(method))
    for preset in PRESETS:
        checked(
            dict[str, dict[str, Any]], tables.get(preset, {}), f"{file_name(method)} [{preset}]"
        )
    return tables


@cache
def _shipped() -> dict[str, dict[str, Tuned]]:
    return read_tuned(Path(str(resources.files("methods") / "hparams" / "tuned.toml")))


def _tuned_values(method: str, scenario: str) -> dict[str, Value]:
    if reason := untuned(method, scenario):
        raise ConfigurationError(reason)
    values, found = preset_values(method, scenario, "default"), find_tuned(method, scenario)
    for key, value in found.values.items() if found is not None else ():
        if key not in values:
            raise ConfigurationError(
                f"{TUNED_FILE} [{method}.{scenario}.values]: unknown key {key!r}; "
                f"{nearest(key, values)}"
            )
        values[key] = frozen(value)
    return values


def _defaults(config: type[Any]) -> dict[str, Value]:
    fields = dataclasses.fields(config)
    return {f.name: f.default for f in fields if f.default is not dataclasses.MISSING}


@cache
def _config_model(method: str) -> type[BaseModel]:
    """Return a pydantic twin of a Config: strict about types and ranges; dataclasses check none."""
    config = METHODS[method].Config
    hints = get_type_hints(config, include_extras=True)
    fields: dict[str, Any] = {name: (hint, ...) for name, hint in hints.items()}
    strict = ConfigDict(strict=True, allow_inf_nan=False)
    return create_model(config.__name__, __config__=strict, **fields)
