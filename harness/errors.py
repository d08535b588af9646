"""The exceptions that stand for a wrong input or a full disk, not for a fault of the program."""

import difflib
from collections.abc import Iterable


class ConfigurationError(ValueError):
    """A file, key or argument is wrong; the message names it and says what would be right."""


class StorageError(OSError):
    """The results folder cannot be written: no cell can go on, but nothing is lost."""


def nearest(word: str, valid: Iterable[str], closeness: float = 0.6) -> str:
    """Return a hint for a misspelled word: the nearest valid one, else all of them."""
    choices = sorted(valid)
    close = difflib.get_close_matches(word, choices, n=1, cutoff=closeness)
    return f"did you mean {close[0]!r}?" if close else f"valid: {', '.join(choices) or 'none'}"
