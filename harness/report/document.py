"""Text of a report: plain, with pieces of its own for what looks like code or stands out."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from harness.plotting.plot import AgentPlot, Plot


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


def written(
    text: Text,
    escape: Callable[[str], str],
    code: Callable[[str], str],
    strong: Callable[[str], str],
) -> str:
    """Write a text in some markup; blanks that part the pieces outlast ``escape``."""
    if isinstance(text, str):
        return escape(text)
    parts = []
    for piece in text:
        if isinstance(piece, Code):
            parts.append(code(piece.text))
        elif isinstance(piece, Strong):
            parts.append(strong(piece.text))
        else:
            start, end = piece[:1].isspace(), piece[-1:].isspace() and not piece.isspace()
            parts.append(f"{' ' * start}{escape(piece)}{' ' * end}")
    return "".join(parts)


def file_name(*parts: str) -> str:
    """Return a name for a figure that suits any file system and URL, one for the same parts."""
    names = []
    for part in parts:
        safe = re.sub(r"[^A-Za-z0-9._=,]", "_", part)
        same = safe == part
        names.append(safe if same else f"{safe}-{hashlib.sha256(part.encode()).hexdigest()[:8]}")
    return "-".join(names) + ".svg"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A cell of a table that is more than its text.

    Attributes:
        text: What it shows.
        value: What it sorts by; its text where None.
        strong: Whether it stands out.
        records: Ids of the cells whose records it sums up.
        notes: Names of the notes that speak of it.
    """

    text: str
    value: float | None = None
    strong: bool = False
    records: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


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
    """A list without numbers.

    Attributes:
        items: What it lists.
        folded: What stands for it where a reader can unfold it; it is never folded if empty.
    """

    items: tuple[Text, ...]
    folded: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A footnote to entries of tables.

    Attributes:
        name: By which entries know it; several notes may have the same.
        text: What it says, to be understood without them.
    """

    name: str
    text: Text


@dataclass(frozen=True, slots=True)
class Notes:
    """Footnotes, after the tables that they belong to."""

    items: tuple[Note, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table.

    Attributes:
        head: One title per column.
        rows: Text, or entries that carry more; one whose first is empty belongs to the row above.
        left: Number of text columns; the others are numbers, set to the right.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str | Entry, ...], ...]
    left: int = 1

    @property
    def columns(self) -> list[list[str]]:
        """What stands in each column below its title."""
        return [[text_of(row[n]) for row in self.rows] for n in range(len(self.head))]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with its caption.

    Attributes:
        file: Name of the file.
        caption: What the lines are and how many runs stand behind them.
        plot: What it shows.
        main: Whether it stands in the Markdown page; LaTeX and HTML have all figures.
    """

    file: str
    caption: str
    plot: Plot | AgentPlot
    main: bool = False

    @property
    def path(self) -> str:
        """Where its file lies in the report's folder of figures: ``more`` has what is not main."""
        return self.file if self.main else f"more/{self.file}"


Block: TypeAlias = Heading | Paragraph | Bullets | Notes | Table | Figure


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
    def figures(self) -> tuple[Figure, ...]:
        """The figures, in order."""
        return tuple(block for block in self.blocks if isinstance(block, Figure))

    @property
    def digest(self) -> str:
        """The sha256 of all that it says and of the data of all figures."""
        content = "\n".join(
            f"{block.path} {block.caption} {block.plot.digest}"
            if isinstance(block, Figure)
            else repr(block)
            for block in self.blocks
        )
        return hashlib.sha256(content.encode()).hexdigest()


def text_of(entry: str | Entry) -> str:
    """Return what a cell of a table shows."""
    return entry if isinstance(entry, str) else entry.text


def cell_text(entry: str | Entry) -> Text:
    """Return what a cell of a table shows, as a piece of its own where it stands out."""
    strong = isinstance(entry, Entry) and entry.strong
    return (Strong(text_of(entry)),) if strong else text_of(entry)
