"""A report as one HTML page that needs nothing from elsewhere; its script sorts and filters."""

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from importlib import resources
from urllib.parse import quote

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from harness.report.document import Document, Entry, Table
from harness.report.page import EMPTY, Page
from harness.report.text import Code, Strong, Text

_TAGS = {Code: "code", Strong: "strong"}
_LONG = 24  # characters
_DRAWING = re.compile(r"<svg\b.*?</svg>", re.DOTALL)


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
    return environment.get_template("page.html.jinja").render(
        page=page,
        style=Markup(style),
        style_hash=_hash(style),
        script=Markup(script),
        script_hash=_hash(script),
    )


def without_drawings(page: str) -> str:
    """Return a page with empty drawings: machines may differ in how they draw the same data."""
    return _DRAWING.sub(EMPTY, page)


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


def _hash(text: str) -> str:
    """Return what a content security policy says of a script or style that may be used."""
    digest = hashlib.sha256(text.encode()).digest()
    return Markup(f"'sha256-{base64.b64encode(digest).decode()}'")


def _asset(name: str) -> str:
    return (resources.files("harness.report") / name).read_text(encoding="utf-8")
