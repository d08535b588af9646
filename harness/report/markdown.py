"""A report in Markdown."""

import re
from urllib.parse import quote

from harness.report.document import (
    Block,
    Bullets,
    Document,
    Figure,
    Heading,
    Notes,
    Paragraph,
    Table,
    Text,
    cell_text,
    written,
)


def markdown(document: Document) -> str:
    """Write a report as a Markdown page, with its main figures."""
    folder = f"figures/{quote(document.name)}"
    shown = (block for block in document.blocks if not isinstance(block, Figure) or block.main)
    return "\n\n".join(_block(block, folder) for block in shown) + "\n"


def escape(text: str) -> str:
    """Return text that Markdown shows as it is, also inside a table and with HTML in it.

    Underscores inside a word and brackets that make no link mean nothing to Markdown and stay
    readable.
    """
    text = " ".join(text.split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"([\\`*|~#$!]|^\[|\](?=[(\[:]))", r"\\\1", text)
    return re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\_", text)


def code(text: str) -> str:
    """Return text in a code span, or escaped where a code span could not hold it."""
    return escape(text) if re.search(r"[`|\n]", text) else f"`{text}`"


def table_text(table: Table) -> str:
    """Return a table."""
    lines = [
        [escape(title) for title in table.head],
        [":--" if n < table.left else "--:" for n in range(len(table.head))],
        *([_text(cell_text(entry)) for entry in row] for row in table.rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _block(block: Block, folder: str) -> str:
    match block:
        case Heading(level, text):
            return f"{'#' * level} {escape(text)}"
        case Paragraph(text):
            return _text(text)
        case Bullets(items):
            return "\n".join(f"- {_text(item)}" for item in items)
        case Notes(items):
            return "\n".join(f"- {_text(note.text)}" for note in items)
        case Table():
            return table_text(block)
        case Figure(file, caption, plot):
            return (
                f"![{escape(plot.title)}]({folder}/{file})\n\n"
                f"*{escape(caption)} Data sha256: {plot.digest}.*"
            )


def _text(text: Text) -> str:
    return written(text, escape, code, strong=lambda piece: f"**{escape(piece)}**")
