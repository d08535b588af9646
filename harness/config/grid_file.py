"""The shape of a grid file, and errors that name file, key and remedy."""

import tomllib
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt, ValidationError
from pydantic_core import PydanticCustomError

from harness.errors import ConfigurationError, nearest


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
Count: TypeAlias = Annotated[int, Field(ge=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class BudgetTable(_Strict):
    """What a sweep sets over ``harness/config/budgets.toml``."""

    episodes: Count | None = None
    steps: Annotated[int, Field(ge=0)] | None = None
    evaluations: Count | None = None
    evaluation_episodes: Count | None = None


class Sweep(_Strict):
    """One ``[[sweep]]``: the product of methods, swept options and fields, and seeds."""

    scenario: str
    methods: Annotated[list[str], Field(min_length=1)]
    seeds: Annotated[list[StrictInt], Field(min_length=1)]
    preset: Literal["paper", "default", "tuned"] = "default"
    label: Annotated[str, Field(min_length=1)] | None = None
    options: dict[str, Swept] = {}
    fields: dict[str, Swept] = {}
    budget: BudgetTable = BudgetTable()


class GridFile(_Strict):
    """A whole grid file."""

    description: str
    tuning: bool = False
    sweep: Annotated[list[Sweep], Field(min_length=1)]


_TABLES: Mapping[str, type[BaseModel]] = {"": GridFile, "sweep": Sweep, "budget": BudgetTable}


def read_grid_file(path: Path) -> GridFile:
    """Read and validate a grid file.

    Raises:
        ConfigurationError: The file is not there, not TOML, or has a key or value that a grid
            cannot have.
    """
    try:
        content = tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: not valid TOML: {error}") from None
    try:
        return GridFile.model_validate(content)
    except ValidationError as error:
        raise ConfigurationError(f"{path}: {_explain(error)}") from None


def _explain(error: ValidationError) -> str:
    first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
    names = [part for part in first["loc"] if isinstance(part, str)]
    if first["type"] == "extra_forbidden":
        table = names[-2] if len(names) > 1 else ""
        remedy = nearest(names[-1], _TABLES[table].model_fields)
        return f"{key_text(*first['loc'])}: unknown key; {remedy}"
    if first["type"] == "missing":
        return f"{key_text(*first['loc'])}: missing"
    return f"{key_text(*first['loc'])}: {first['msg']}, not {first['input']!r}"


def key_text(*parts: str | int) -> str:
    """Write a place in a grid file as ``sweep[2].options.n_agents``."""
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")
