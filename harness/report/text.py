"""Text of a report: plain, with pieces of its own for what looks like code or stands out."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Code:
    """A piece of text to be typed as it stands."""

    text: str


@dataclass(frozen=True, slots=True)
class Strong:
    """A piece of text that stands out."""

    text: str


Piece: TypeAlias = str | Code | Strong
Text: TypeAlias = str | tuple[Piece, ...]


def prose(text: str) -> Text:
    """Return text of our own with its code spans (between backticks) as pieces."""
    parts = " ".join(text.split()).split("`")
    return tuple(Code(part) if n % 2 else part for n, part in enumerate(parts) if part)
