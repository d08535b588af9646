"""What an HTML page shows of a report, in the order and form in which its template asks for it."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import count, groupby
from typing import Any, NamedTuple
from urllib.parse import quote

from markupsafe import Markup

from harness.report.document import Document, Entry, Figure, Heading, Notes
from harness.report.drawings import Drawing, Drawings
from harness.report.named_plot import NamedPlot

EMPTY = "<svg></svg>"  # a drawing that is not there


class Part(NamedTuple):
    """A part of the page: a block, or figures that follow each other.

    Attributes:
        kind: What it is.
        content: The block; the named plots of figures; the numbers of notes with the notes.
        name: The anchor of a heading; of a table, what it is about.
    """

    kind: str
    content: Any
    name: str = ""


class RecordSet(NamedTuple):
    """Records that a number sums up: a list that the number opens.

    Attributes:
        name: Its id on the page.
        variants: Per variant at a place, the addresses and names of its records.
    """

    name: str
    variants: Sequence[tuple[str, Sequence[tuple[str, str]]]]


class Page:
    """The page of a report; gathers what stands once at its end while the template goes along.

    Args:
        document: What the report says.
        drawings: By the name of a figure's file, its drawing.
        records: Address of the folder of records.
    """

    def __init__(self, document: Document, drawings: Mapping[str, bytes], records: str) -> None:
        self.title = document.name
        self.parts = tuple(_parts(document))
        self._drawings, self._svg, self._records = Drawings(), drawings, records
        self._sets: dict[tuple[str, ...], RecordSet] = {}
        self._notes = defaultdict[str, list[int]](list)
        for part in self.parts:
            for n, note in part.content if part.kind == "notes" else ():
                self._notes[note.name].append(n)

    @property
    def contents(self) -> list[Part]:
        """The headings to jump to."""
        return [p for p in self.parts if p.kind == "heading" and p.content.level == 2]

    @property
    def shared(self) -> Markup:
        """Definitions that the drawings asked for so far refer to."""
        return Markup(self._drawings.shared)

    @property
    def sets(self) -> list[RecordSet]:
        """The sets of records asked for so far."""
        return [*self._sets.values()]

    def drawing(self, figure: NamedPlot) -> Drawing:
        """Return a figure's drawing, ready for the page."""
        if figure.file not in self._svg:
            return Drawing(EMPTY, {entry.key: EMPTY for entry in figure.plot.legend})
        return self._drawings.add(figure.plot, self._svg[figure.file])

    def address(self, record: str) -> str:
        """Return where a cell's record lies."""
        return f"{self._records}/{quote(record, safe='/=,')}.json"

    def set_of(self, records: tuple[str, ...]) -> RecordSet:
        """Return the set of these records."""
        if records not in self._sets:
            parts = [(*record.rpartition("/")[::2], self.address(record)) for record in records]
            variants = [
                (variant, [(address, seed) for _, seed, address in found])
                for variant, found in groupby(parts, key=lambda part: part[0])
            ]
            self._sets[records] = RecordSet(f"records-{len(self._sets)}", variants)
        return self._sets[records]

    def numbers(self, entry: Entry) -> list[int]:
        """Return the numbers of the notes that speak of an entry."""
        return [n for name in entry.notes if name in self._notes for n in self._notes[name]]


def _parts(document: Document) -> Iterator[Part]:
    used, about, number = set[str](), ["", ""], count(1)
    for kind, found in groupby(document.blocks, key=lambda block: type(block).__name__.lower()):
        if kind == "figure":
            yield Part("figures", [b.figure for b in found if isinstance(b, Figure)])
            continue
        for block in found:
            name = ": ".join(filter(None, about))
            if isinstance(block, Heading):
                about = [about[0], block.text] if block.level > 2 else [block.text, ""]
                name = _anchor(block.text, used)
            if isinstance(block, Notes):
                yield Part(kind, [(next(number), note) for note in block.items])
            else:
                yield Part(kind, block, name)


def _anchor(text: str, used: set[str]) -> str:
    """Return a name for a heading that no other one has."""
    name = start = "-".join(["at", *re.findall(r"[a-z0-9]+", text.lower())])
    for n in count(2):
        if name not in used:
            break
        name = f"{start}-{n}"
    used.add(name)
    return name
