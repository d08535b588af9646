"""Read the JSON files of a road network; every failure names the file, the entry and the rule.

Decimals are read as CityFlow reads them (specification, section 1.2): its parser does not round
correctly, and trajectories agree to the last bit only if the numbers do.
"""

import json
import logging
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from math import isfinite
from pathlib import Path
from typing import Any, NoReturn

_LOG = logging.getLogger(__name__)
MAX_BYTES = 2**30
_TOKEN = re.compile(r"(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?")
_POWERS = [float(f"1e{k}") for k in range(309)]
_MANTISSA = 2**53 - 1
_SIGNIFICANT = 17
_EXACT_CHARACTERS = 16  # at most 15 digits and a point: one correctly rounded division


class NetworkError(ValueError):
    """A config, roadnet or flow file breaks a rule; the message names file, entry and rule."""


def parse_decimal(token: str) -> float:
    """Read a JSON number that has a fraction or an exponent, rounding as CityFlow does.

    Args:
        token: the number's text, such as ``-9.775999999999998``.
    """
    if len(token) <= _EXACT_CHARACTERS and "e" not in token and "E" not in token:
        return float(token)
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise ValueError(f"{token!r} is not a JSON number")
    sign, whole, fraction, exponent = match.groups()
    mantissa, shift = _mantissa(whole, fraction or "")
    value = _scale(mantissa, int(exponent or 0) + shift)
    return -value if sign else value


def _mantissa(whole: str, fraction: str) -> tuple[float, int]:
    """Return (mantissa, power of ten) of the digits, at most about 17 of them kept."""
    exact = int(whole)
    n_digits = 0 if whole == "0" else len(whole) - 1
    position = 0
    while position < len(fraction) and exact <= _MANTISSA:
        exact = 10 * exact + int(fraction[position])
        position += 1
        n_digits += exact != 0
    value, shift = float(exact), -position
    for digit in fraction[position:]:
        if n_digits < _SIGNIFICANT:
            value = value * 10.0 + int(digit)
            shift -= 1
            n_digits += value > 0
    return value, shift


def _scale(value: float, power: int) -> float:
    """Return value times ten to the power, by one product or quotient where the range allows."""
    if power >= 0:
        return value * _POWERS[power] if power < len(_POWERS) else math.inf
    if power < -308:
        return value / 1e308 / _POWERS[min(-power - 308, 308)]
    return value / _POWERS[-power]


class _Decimals(dict[str, float]):
    """The decimals of a file, each read once: the same ones come again and again."""

    def __missing__(self, token: str) -> float:
        value = self[token] = parse_decimal(token)
        return value


def _refuse_constant(token: str) -> NoReturn:
    raise ValueError(f"{token} is not a finite number")


def read_json(path: str | Path, parse_float: Callable[[str], float] | None = None) -> Any:
    """Parse a JSON file.

    Args:
        path: the file.
        parse_float: reads numbers that have a fraction or an exponent; CityFlow's way by default.

    Raises:
        NetworkError: the file is unreadable, too large, or not JSON.
    """
    try:
        size = Path(path).stat().st_size
        if size > MAX_BYTES:
            raise NetworkError(f"{path}: file: {size} bytes, at most {MAX_BYTES} are read")
        text = Path(path).read_text(encoding="utf-8")
        parse = parse_float or _Decimals().__getitem__
        return json.loads(text, parse_float=parse, parse_constant=_refuse_constant)
    except NetworkError:
        raise
    except OSError as error:
        raise NetworkError(f"{path}: file: cannot be read: {error}") from error
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        raise NetworkError(f"{path}: file: not valid JSON: {error}") from error


@dataclass(slots=True)  # frozen, tens of thousands of them would take a third longer
class Entry:
    """A JSON object together with where it stands, so that a broken rule can be named.

    Attributes:
        file: the file it was read from.
        name: what it is, such as ``road 'road_0_1_0'``.
        value: the parsed object.
        strict: whether what CityFlow lets pass, though nobody can have meant it, is an error
            instead of a warning.
    """

    file: str
    name: str
    value: dict[str, Any]
    strict: bool = True

    @classmethod
    def of(cls, file: str, name: str, value: object, *, strict: bool = True) -> "Entry":
        """Wrap a parsed value.

        Raises:
            NetworkError: the value is not an object.
        """
        if not isinstance(value, dict):
            raise NetworkError(f"{file}: {name}: must be an object, is {_kind(value)}")
        return cls(file, name, value, strict)

    def named(self, name: str) -> "Entry":
        """Return the same entry under another name."""
        return Entry(self.file, name, self.value, self.strict)

    def fail(self, rule: str) -> NoReturn:
        """Raise the NetworkError for a broken rule."""
        raise NetworkError(f"{self.file}: {self.name}: {rule}")

    def doubt(self, rule: str, instead: str) -> None:
        """Take note of what CityFlow lets pass.

        Args:
            rule: what is wrong.
            instead: what CityFlow does then, and so do we.

        Raises:
            NetworkError: the entry is strict.
        """
        if self.strict:
            self.fail(rule)
        _LOG.warning("%s: %s: %s; %s", self.file, self.name, rule, instead)

    def get(self, key: str) -> Any:
        """Return a required field.

        Raises:
            NetworkError: the field is missing.
        """
        if key not in self.value:
            self.fail(f"'{key}' is missing")
        return self.value[key]

    def string(self, key: str) -> str:
        """Return a required string field."""
        value = self.get(key)
        if not isinstance(value, str):
            self.fail(f"'{key}' must be a string, is {_kind(value)}")
        return value

    def flag(self, key: str) -> bool:
        """Return a required boolean field."""
        value = self.get(key)
        if not isinstance(value, bool):
            self.fail(f"'{key}' must be true or false, is {_kind(value)}")
        return value

    def number(
        self,
        key: str,
        *,
        least: float = -math.inf,
        above: float = -math.inf,
        most: float = math.inf,
    ) -> float:
        """Return a required finite number, from `least` to `most` and greater than `above`."""
        value = self._finite(key, self.get(key))
        if value < least:
            self.fail(f"'{key}' must be at least {least:g}, is {value!r}")
        if value > most:
            self.fail(f"'{key}' must be at most {most:g}, is {value!r}")
        if value <= above and above > -math.inf:
            self.fail(f"'{key}' must be greater than {above:g}, is {value!r}")
        return value

    def integer(self, key: str) -> int:
        """Return a required integer field."""
        value = self.get(key)
        if type(value) is not int:
            self.fail(f"'{key}' must be an integer, is {_kind(value)}")
        return value

    def items(self, key: str, *, least: int = 0) -> list[Any]:
        """Return a required list with at least `least` items."""
        value = self.get(key)
        if not isinstance(value, list):
            self.fail(f"'{key}' must be a list, is {_kind(value)}")
        if len(value) < least:
            self.fail(f"'{key}' needs at least {least} items, has {len(value)}")
        return value

    def entry(self, key: str) -> "Entry":
        """Return a required object field as an entry of its own."""
        name = f"{self.name}, '{key}'"
        return Entry.of(self.file, name, self.get(key), strict=self.strict)

    def entries(self, key: str, *, least: int = 0) -> Iterator["Entry"]:
        """Iterate over a required list of objects as entries."""
        for index, item in enumerate(self.items(key, least=least)):
            name = f"{self.name}, '{key}' {index}"
            yield Entry.of(self.file, name, item, strict=self.strict)

    def strings(self, key: str, *, least: int = 0) -> list[str]:
        """Return a required list of strings."""
        value = self.items(key, least=least)
        for item in value:
            if not isinstance(item, str):
                self.fail(f"'{key}' must hold strings, holds {_kind(item)}")
        return value

    def integers(self, key: str) -> list[int]:
        """Return a required list of integers."""
        value = self.items(key)
        for item in value:
            if type(item) is not int:
                self.fail(f"'{key}' must hold integers, holds {_kind(item)}")
        return value

    def points(self, key: str, *, least: int = 0) -> list[tuple[float, float]]:
        """Return a required list of points [m]."""
        items = self.items(key, least=least)
        try:  # most of a file: decimals, which need no second look each
            points = [(item["x"], item["y"]) for item in items]
        except (KeyError, TypeError):
            points = []
        flat = [*chain.from_iterable(points)]
        if len(points) == len(items) and {*map(type, flat)} <= {float} and all(map(isfinite, flat)):
            return points
        return [self._point(key, item) for item in items]

    def _point(self, key: str, item: object) -> tuple[float, float]:
        if not isinstance(item, dict) or "x" not in item or "y" not in item:
            self.fail(f"'{key}' must hold points with 'x' and 'y'")
        return self._finite(f"{key}.x", item["x"]), self._finite(f"{key}.y", item["y"])

    def _finite(self, key: str, value: object) -> float:
        if type(value) is not int and type(value) is not float:
            self.fail(f"'{key}' must be a number, is {_kind(value)}")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not isfinite(number):
            self.fail(f"'{key}' must be finite")
        return number


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean"}
    names |= {int: "an integer", float: "a decimal", type(None): "null"}
    return names[type(value)]
