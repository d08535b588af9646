"""Search spaces: which hyperparameters a method may be tuned in, and within which bounds.

``methods/hparams/<method>.toml`` holds them: a table ``[search.all]``, a table per scenario over
it, and at the top ``shaping``, the parameters that reshape rewards.
"""

from collections.abc import Mapping
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, model_validator

from harness.config.hparams import file_name, read_tables
from harness.config.toml import frozen, shortened
from harness.errors import ConfigurationError, nearest
from methods import METHODS
from scenarios import SCENARIOS


class Parameter(BaseModel):
    """The values of one hyperparameter that tuning may try: a range, or choices.

    Attributes:
        low: Least value of a range.
        high: Largest value of a range.
        log: Whether a range is even on the logarithmic scale.
        choices: The values, where they are not a range.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    low: int | float | None = None
    high: int | float | None = None
    log: bool = False
    choices: tuple[Any, ...] | None = None

    @model_validator(mode="after")
    def _is_one_of_both(self) -> "Parameter":
        if self.choices is not None:
            if not self.choices or self.model_fields_set != {"choices"}:
                raise ValueError("choices are one value or more, and stand alone")
        elif self.low is None or self.high is None:
            raise ValueError("a parameter has low and high, or choices")
        elif self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}")
        elif self.log and self.low <= 0:
            raise ValueError(f"log needs a low above 0, not {self.low}")
        return self

    @property
    def kind(self) -> str:
        """Return ``choice``, ``int`` or ``float``."""
        return "choice" if self.choices is not None else type(self.low).__name__

    def holds(self, value: Any) -> bool:
        """Tell whether tuning could come upon a value."""
        if self.choices is not None:
            return value in self.choices
        return bool(self.low <= value <= self.high)

    def __str__(self) -> str:
        """Write it without a space, so that a line of several breaks between two."""
        if self.choices is not None:
            return "{" + ",".join(map(_written, self.choices)) + "}"
        span = f"{_written(self.low)}..{_written(self.high)}"
        return f"log({span})" if self.log else span


def search_space(method: str, scenario: str) -> dict[str, Parameter]:
    """Return a method's parameters: ``[search.all]`` under ``[search.<scenario>]``.

    Raises:
        ConfigurationError: An unknown table or parameter, a range without values, or a value that
            the method's Config could not have.
    """
    tables, file = read_tables(method).get("search", {}), file_name(method)
    known = ["all", *SCENARIOS]
    for name in tables.keys() - set(known):
        raise ConfigurationError(
            f"{file} [search.{name}]: no such scenario; {nearest(name, known)}"
        )
    return {
        key: _parameter(method, f"{file} [search.{table}].{key}", key, value)
        for table in dict.fromkeys(["all", scenario])
        for key, value in tables.get(table, {}).items()
    }


def shaping_parameters(method: str) -> tuple[str, ...]:
    """Return the parameters that reshape rewards, which every fair search includes.

    Raises:
        ConfigurationError: The key is missing, or names no parameter of ``[search.all]``.
    """
    names, file = read_tables(method).get("shaping"), file_name(method)
    if not isinstance(names, list):
        raise ConfigurationError(
            f"{file}: shaping names the parameters that reshape rewards, [] where there are none"
        )
    parameters = search_space(method, "all")
    for name in names:
        if name not in parameters:
            raise ConfigurationError(
                f"{file} shaping: no parameter {name!r} in [search.all]; "
                f"{nearest(str(name), parameters)}"
            )
    return tuple(names)


def _parameter(method: str, where: str, key: str, value: Any) -> Parameter:
    hints = get_type_hints(METHODS[method].Config, include_extras=True)
    if key not in hints:
        raise ConfigurationError(f"{where}: {method} has no such field; {nearest(key, hints)}")
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{where}: a parameter is a table with low and high, or choices")
    for name in value.keys() - Parameter.model_fields.keys():
        raise ConfigurationError(
            f"{where}.{name}: no such key; {nearest(name, Parameter.model_fields)}"
        )
    field: TypeAdapter[Any] = TypeAdapter(hints[key], config=ConfigDict(strict=True))
    try:
        parameter = Parameter.model_validate({name: frozen(part) for name, part in value.items()})
        if parameter.choices is not None:
            return Parameter(choices=tuple(map(field.validate_python, parameter.choices)))
        low, high = field.validate_python(parameter.low), field.validate_python(parameter.high)
        return Parameter(low=low, high=high, log=parameter.log)
    except ValidationError as error:
        first = error.errors()[-1]  # of int and float, the wider
        at = "".join(f".{part}" for part in first["loc"][:1])
        said = first["msg"].removeprefix("Value error, ")
        shown = "" if first["type"] == "value_error" else f", not {shortened(first['input'])}"
        raise ConfigurationError(f"{where}{at}: {said}{shown}") from None


def _written(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ",".join(map(_written, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
