"""Whose tuned values a method takes over, so that a nested ablation differs in one thing only."""

import dataclasses

from harness.errors import ConfigurationError, nearest
from harness.hparams import file_name, read_tables
from methods import METHODS


def inherits(method: str) -> str | None:
    """Return the method whose tuned values a method takes over; only the rest is searched.

    ``inherits`` at the top of ``methods/hparams/<method>.toml`` names it.

    Raises:
        ConfigurationError: There is no such method, it inherits itself, not all of its fields are
            the heir's too, or the heir would search what it inherits.
    """
    parent, file = read_tables(method).get("inherits"), file_name(method)
    if parent is None:
        return None
    if parent not in METHODS:
        raise ConfigurationError(
            f"{file} inherits: no method {parent!r}; {nearest(str(parent), METHODS)}"
        )
    if "inherits" in read_tables(parent):
        raise ConfigurationError(f"{file} inherits: {parent} inherits itself; name its parent")
    if missing := sorted(fields(parent) - fields(method)):
        raise ConfigurationError(
            f"{file} inherits: {method} has no field {missing[0]!r}, which {parent} has"
        )
    for table, knobs in read_tables(method).get("search", {}).items():
        if twice := sorted(fields(parent) & knobs.keys()):
            raise ConfigurationError(
                f"{file} [search.{table}].{twice[0]}: inherited from {parent}; search it there"
            )
    return str(parent)


def fields(method: str) -> set[str]:
    """Return the names of a method's hyperparameters."""
    return {field.name for field in dataclasses.fields(METHODS[method].Config)}
