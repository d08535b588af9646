"""What files of settings have in common: TOML, checked; errors name file, key and remedy."""

import reprlib
import tomllib
from collections.abc import ValuesView
from importlib.resources.abc import Traversable
from pathlib import Path
from types import GenericAlias
from typing import Any, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from harness.errors import ConfigurationError, nearest

Value: TypeAlias = bool | int | float | str | tuple["Value", ...]
Named: TypeAlias = tuple[tuple[str, Value], ...]

MOST_BYTES, DEEPEST = 1 << 22, 32  # of a file of settings
_BITS = 128  # of its integers: of larger ones Python may refuse to write the digits

T = TypeVar("T")


class Table(BaseModel):
    """A table of a file of settings: unknown keys and values of another type are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def read_toml(file: Path | Traversable, name: str) -> dict[str, Any]:
    """Read a TOML file.

    Args:
        file: Which.
        name: What messages call it.

    Raises:
        ConfigurationError: It cannot be read, is not TOML, or is larger, more deeply nested or
            holds larger integers than any file of settings.
    """
    try:
        if isinstance(file, Path) and file.exists() and not file.is_file():
            raise ConfigurationError(f"{name}: cannot be read (not a file)")
        with file.open("rb") as opened:
            text = opened.read(MOST_BYTES + 1)
        if len(text) > MOST_BYTES:
            raise ConfigurationError(f"{name}: has more than {MOST_BYTES} bytes")
        content = tomllib.loads(text.decode())
    except ConfigurationError:
        raise
    except OSError as error:
        raise ConfigurationError(f"{name}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:  # of more than 4300 digits, of deep nesting
        raise ConfigurationError(f"{name}: not valid TOML: {error}") from None
    _check_limits(content, name)
    return content


def checked(kind: type[T] | GenericAlias, content: Any, name: str, *, size_factor: float = 1) -> T:
    """Return the content of a file as a type of pydantic's, or of types it knows.

    Args:
        kind: A ``Table``, or a container of some.
        content: As ``read_toml`` returns it, or a part of it.
        name: What messages call the file, and the part.
        size_factor: How many times their stated limits sizes may be (``scenarios.ranges.Size``).

    Raises:
        ConfigurationError: It has a key or a value that it cannot have, or lacks one.
    """
    try:
        adapter: TypeAdapter[T] = TypeAdapter(kind)  # type: ignore[arg-type]  # containers, too
        return adapter.validate_python(content, context={"size_factor": size_factor})
    except ValidationError as error:
        first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
        loc, said = first["loc"], first["msg"].removeprefix("Value error, ")
        key = key_text(*loc)
        if first["type"] == "extra_forbidden":
            said = f"{key}: unknown key; {nearest(str(loc[-1]), _keys(kind, loc))}"
        elif first["type"] == "missing":
            said = f"{key}: missing"
        elif first["type"] == "value_error":  # ours: it says all
            said = f"{key}: {said}" if key else said
        else:
            said = f"{key or 'entry'}: {first['msg']}, not {shortened(first['input'])}"
        raise ConfigurationError(f"{name}: {said}") from None


def key_text(*parts: str | int) -> str:
    """Write a place in a file as ``sweep[2].options.n_agents``."""
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def shortened(value: Any) -> str:
    """Write a wrong value for a message, where a list of a million numbers would bury it."""
    writer = reprlib.Repr()
    writer.maxstring = writer.maxother = 60
    return writer.repr(value)


def frozen(value: Any) -> Any:
    """Turn lists into tuples, so that a value can be part of a cell."""
    return tuple(map(frozen, value)) if isinstance(value, list) else value


def _check_limits(content: Any, name: str) -> None:
    """Refuse what TOML allows, but no code that goes down or writes numbers can bear."""
    level = [content]
    for _ in range(DEEPEST):
        if any(isinstance(v, int) and v.bit_length() > _BITS for v in level):
            raise ConfigurationError(f"{name}: an integer has more than {_BITS} bits")
        inner = [v.values() if isinstance(v, dict) else v for v in level]
        level = [v for of in inner if isinstance(of, list | ValuesView) for v in of]
    if level:
        raise ConfigurationError(f"{name}: nested more than {DEEPEST} levels deep")


def _keys(kind: Any, loc: tuple[str | int, ...]) -> list[str]:
    """Return the keys that the table has in which an unknown one was found."""
    for part in loc[:-1]:
        if isinstance(kind, type) and issubclass(kind, BaseModel) and part in kind.model_fields:
            kind = kind.model_fields[str(part)].annotation
        while (arguments := getattr(kind, "__args__", None)) is not None:
            kind = next((a for a in reversed(arguments) if a is not type(None)), None)
    return list(kind.model_fields) if isinstance(kind, type) and issubclass(kind, BaseModel) else []
