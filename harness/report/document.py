"""What a report says, whatever it is written in: blocks of plain text, numbers and figures.

Text is plain everywhere: who writes Markdown, LaTeX or HTML escapes it. What must look like code or
stand out is a piece of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from harness.report.curves import NamedPlot


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A cell of a table that is more than its text.

    Attributes:
        text: What it shows.
        value: What it sorts by; its text where None.
        strong: Whether it stands out.
        records: Ids of the cells whose records it sums up.
    """

    text: str
    value: float | None = None
    strong: bool = False
    records: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; level 1 is the report's title."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph."""

    text: Text


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list without numbers."""

    items: tuple[Text, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table.

    Attributes:
        head: One title per column.
        rows: Text, or entries that carry more.
        left: Number of text columns; the others are numbers, set to the right.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str | Entry, ...], ...]
    left: int = 1


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with its caption."""

    figure: NamedPlot


Block: TypeAlias = Heading | Paragraph | Bullets | Table | Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A report.

    Attributes:
        name: Of the grid; figures lie in ``figures/<name>``.
        blocks: What it says, in order.
    """

    name: str
    blocks: tuple[Block, ...]

    @property
    def figures(self) -> tuple[NamedPlot, ...]:
        """The figures, in order."""
        return tuple(block.figure for block in self.blocks if isinstance(block, Figure))


def prose(text: str) -> Text:
    """Return text of our own with its code spans (between backticks) as pieces."""
    parts = " ".join(text.split()).split("`")
    return tuple(Code(part) if n % 2 else part for n, part in enumerate(parts) if part)


def bullets(items: Sequence[Text]) -> list[Block]:
    """Return a list, or nothing where there are no items."""
    return [Bullets(tuple(items))] if items else []
