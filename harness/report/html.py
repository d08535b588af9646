"""A report as one HTML page, with drawings that share what they can."""

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import count, groupby
from typing import Any, NamedTuple
from urllib.parse import quote
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from harness.plotting.draw import LEGEND, SAMPLE, TITLE, axes_box
from harness.plotting.plot import AgentPlot, Plot
from harness.report.document import (
    Code,
    Document,
    Entry,
    Figure,
    Heading,
    Notes,
    Strong,
    Table,
    Text,
)

EMPTY = "<svg></svg>"  # a drawing that is not there
_TAGS = {Code: "code", Strong: "strong"}
_LONG = 24  # characters
_DRAWING = re.compile(r"<svg\b.*?</svg>", re.DOTALL)
_SEAL = "<!-- drawings sha256: "


def html(document: Document, drawings: Mapping[str, bytes], records: str) -> str:
    """Write a report as an HTML page, the same bytes for the same report and drawings.

    Args:
        document: What it says.
        drawings: By the name of a figure's file, its drawing as SVG; a figure without one is empty.
        records: The folder of the records, as seen from the page.
    """
    environment = Environment(
        loader=FunctionLoader(_asset),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= {"pieces": _pieces, "groups": _groups, "classes": _classes}
    style, script = _asset("page.css"), _asset("page.js")
    page = Page(document, drawings, quote(records))
    text = environment.get_template("page.html.jinja").render(
        page=page,
        style=Markup(style),
        style_hash=_hash(style),
        script=Markup(script),
        script_hash=_hash(script),
    )
    return f"{text}{_SEAL}{_drawings_hash(text)} -->\n"


def without_drawings(page: str) -> str:
    """Return a page with empty drawings: machines may differ in how they draw the same data."""
    return _DRAWING.sub(EMPTY, page.partition(_SEAL)[0])


def drawings_are_whole(page: str) -> bool:
    """Say whether the drawings of a page are as they were when it was written."""
    return page.partition(_SEAL)[2].startswith(_drawings_hash(page))


def _drawings_hash(page: str) -> str:
    return hashlib.sha256("".join(_DRAWING.findall(page)).encode()).hexdigest()


def _hash(text: str) -> str:
    """Return what a content security policy says of a script or style that may be used."""
    digest = hashlib.sha256(text.encode()).digest()
    return Markup(f"'sha256-{base64.b64encode(digest).decode()}'")


def _asset(name: str) -> str:
    return (resources.files("harness.report") / name).read_text(encoding="utf-8")


def _pieces(text: Text) -> list[tuple[str, str]]:
    """Return the pieces of a text, each with its tag; none where it is plain."""
    parts = [text] if isinstance(text, str) else text
    return [("", p) if isinstance(p, str) else (_TAGS[type(p)], p.text) for p in parts]


def _groups(table: Table) -> Iterator[list[list[Entry]]]:
    """Yield rows that stay together: one whose first cell is empty belongs to the one above."""
    group: list[list[Entry]] = []
    for row in table.rows:
        entries = [cell if isinstance(cell, Entry) else Entry(text=cell) for cell in row]
        if group and entries[0].text:
            yield group
            group = []
        group.append(entries)
    if group:
        yield group


def _classes(table: Table) -> list[str]:
    """Return what each column is: numbers, text, or text so long that it needs room."""
    longest = [max(map(len, column), default=0) for column in table.columns]
    text = ["text long" if length > _LONG else "text" for length in longest]
    return text[: table.left] + [""] * len(text[table.left :])


class Part(NamedTuple):
    """A part of the page: a block, or figures that follow each other.

    Attributes:
        kind: What it is.
        content: The block; the figures; the numbers of notes with the notes.
        name: The anchor of a heading; of a table, what it is about.
    """

    kind: str
    content: Any
    name: str = ""


class RecordSet(NamedTuple):
    """Records that a number sums up: a list that the number opens.

    Attributes:
        name: Its id on the page.
        variants: Per variant at a task, the addresses and names of its records.
    """

    name: str
    variants: Sequence[tuple[str, Sequence[tuple[str, str]]]]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing without its title and legend, which the page writes itself.

    Attributes:
        svg: The axes with what they show; what a legend line stands for has its key in
            ``data-line``.
        samples: By the key of a legend line, how it looks.
    """

    svg: str
    samples: Mapping[str, str]


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
        self._notes: dict[str, list[int]] = {}
        for part in self.parts:
            for n, note in part.content if part.kind == "notes" else ():
                self._notes.setdefault(note.name, []).append(n)

    @property
    def shared(self) -> Markup:
        """Definitions that the drawings asked for so far refer to."""
        return Markup(self._drawings.shared)

    @property
    def sets(self) -> list[RecordSet]:
        """The sets of records asked for so far."""
        return [*self._sets.values()]

    def drawing(self, figure: Figure) -> Drawing:
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
            variants = [
                (variant, [(self.address(record), record.rpartition("/")[2]) for record in found])
                for variant, found in groupby(records, key=lambda record: record.rpartition("/")[0])
            ]
            self._sets[records] = RecordSet(f"records-{len(self._sets)}", variants)
        return self._sets[records]

    def numbers(self, entry: Entry) -> list[int]:
        """Return the numbers of the notes that speak of an entry."""
        return [n for name in entry.notes for n in self._notes.get(name, ())]


def _parts(document: Document) -> Iterator[Part]:
    used, about, number = set[str](), ["", ""], count(1)
    for kind, found in groupby(document.blocks, key=lambda block: type(block).__name__.lower()):
        if kind == "figure":
            yield Part("figures", [*found])
            continue
        for block in found:
            name = ": ".join(filter(None, about))
            if isinstance(block, Heading):
                about = [about[0], block.text] if block.level > 2 else [block.text, ""]
                start = "-".join(["at", *re.findall(r"[a-z0-9]+", block.text.lower())])
                names = (start if n == 1 else f"{start}-{n}" for n in count(1))
                name = next(name for name in names if name not in used)
                used.add(name)
            if isinstance(block, Notes):
                yield Part(kind, [(next(number), note) for note in block.items])
            else:
                yield Part(kind, block, name)


_KEY = re.compile(r"((?:curve|point|level)\d+|stated)(?:-.*)?")
_UNWANTED = {TITLE, LEGEND, "patch_1", "patch_2"}  # the latter: white behind figure and axes
_SAMPLE_SIZE = (36.0, 11.0)


class Drawings:
    """Prepares the drawings of a page and gathers what they share.

    matplotlib names glyphs, markers and clips by their content, so that what has the same name in
    two drawings is the same: it is kept once for the page, and no name occurs twice.
    """

    def __init__(self) -> None:
        self._shared: dict[str, str] = {}

    @property
    def shared(self) -> str:
        """Definitions that the drawings made so far refer to."""
        return "".join(self._shared.values())

    def add(self, plot: Plot | AgentPlot, svg: bytes) -> Drawing:
        """Prepare the drawing that ``harness.plotting.draw.draw`` made of a plot."""
        root = ElementTree.fromstring(svg)
        for element in root.iter():
            _simplify(element)
        for definitions in root.iter("defs"):
            for element in definitions:
                if "id" in element.attrib:  # not the style sheet
                    self._shared.setdefault(element.attrib["id"], _text(element))
        groups = {group.get("id", ""): group for group in root.iter("g")}
        samples = {
            name.removeprefix(SAMPLE): _sample(group)
            for name, group in groups.items()
            if name.startswith(SAMPLE)
        }
        left, top, width, height = axes_box(plot)
        attributes = {
            "viewBox": f"{left:g} {top:g} {width:g} {height:g}",
            "role": "img",
            "aria-label": plot.title,
            # What matplotlib says in a style sheet, which would win over every other attribute.
            "stroke-linejoin": "round",
            "stroke-linecap": "butt",
        }
        drawing = Element("svg", attributes)
        drawing.extend(_bare(groups["figure_1"]))
        return Drawing(_text(drawing), samples)


def _simplify(element: Element) -> None:
    """Drop namespaces and blanks; styles become attributes."""
    element.tag = element.tag.rpartition("}")[2]
    element.text = element.tail = None
    for name in [name for name in element.attrib if "}" in name]:
        element.set(name.rpartition("}")[2], element.attrib.pop(name))
    style = element.attrib.pop("style", "")
    for declaration in filter(None, map(str.strip, style.split(";"))):
        name, _, value = declaration.partition(":")
        element.set(name.strip(), value.strip())
    if "d" in element.attrib:
        element.set("d", " ".join(element.attrib["d"].split()))


def _bare(element: Element) -> list[Element]:
    """Return the children to be shown, by key where they have one; groups say nothing else."""
    found: list[Element] = []
    for child in element:
        name = child.attrib.pop("id", "")
        if name in _UNWANTED or child.tag == "defs":
            continue
        key = _KEY.fullmatch(name)
        if key:
            child.set("data-line", key[1])
        child[:] = _bare(child)
        found += child if child.tag == "g" and not child.attrib else [child]
    return found


def _sample(group: Element) -> str:
    """Return the sample of a line, cut out of the drawing's legend."""
    uses = [(use.get("x", "0"), use.get("y", "0")) for use in group.iter("use")]
    drawn = re.findall(r"[ML] (\S+) (\S+)", " ".join(p.get("d", "") for p in group.iter("path")))
    spots = uses or drawn
    x, y = (sum(float(spot[n]) for spot in spots) / len(spots) for n in (0, 1))
    width, height = _SAMPLE_SIZE
    box = f"{x - width / 2:.4g} {y - height / 2:.4g} {width:g} {height:g}"
    sample = Element("svg", {"viewBox": box, "aria-hidden": "true"})
    sample.extend(_bare(group))
    return _text(sample)


def _text(element: Element) -> str:
    return ElementTree.tostring(element, encoding="unicode")
