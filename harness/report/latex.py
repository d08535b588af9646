"""A report in LaTeX: a small document whose tables need ``array``, ``booktabs``, ``longtable``."""

import re
from collections.abc import Sequence

from harness.report.document import (
    Block,
    Bullets,
    Code,
    Document,
    Entry,
    Figure,
    Heading,
    NamedPlot,
    Notes,
    Paragraph,
    Strong,
    Table,
    Text,
    text_of,
)

_START = r"""% Made by the harness; do not edit. A table taken out needs
% \usepackage{array,booktabs,longtable}. Figures are SVG: \usepackage{svg} shows them.
\documentclass[landscape,a4paper]{article}
\usepackage[T1]{fontenc}
\usepackage{lmodern}
\usepackage[margin=15mm]{geometry}
\usepackage{array,booktabs,longtable}
\setlength{\parindent}{0pt}
\setlength{\parskip}{0.6em}
\setlength{\tabcolsep}{3pt}
\renewcommand{\arraystretch}{1.1}
\setcounter{secnumdepth}{0}
\newcommand{\reportfigure}[2]{\begin{center}\ifdefined\includesvg
  \includesvg[width=0.6\linewidth]{#1}\else\texttt{\detokenize{#1}}\fi\par{\small#2}\end{center}}
\begin{document}"""
_END = r"\end{document}"
_SECTIONS = {1: "section", 2: "subsection", 3: "subsubsection"}
_PAGE = 190  # characters of a table side by side
_LONG = 28  # characters from which the text of a column is broken into lines
_SAFE_PATH = re.compile(r"[\w./=,-]+", re.ASCII)


def latex(document: Document) -> str:
    """Write a report as a LaTeX document."""
    folder = f"figures/{document.name}"
    parts = [_START, *(_block(block, folder) for block in document.blocks), _END]
    return "\n\n".join(parts) + "\n"


def _block(block: Block, folder: str) -> str:
    match block:
        case Heading(level, text):
            return rf"\{_SECTIONS[level]}{{{escape(text)}}}"
        case Paragraph(text):
            return written(text)
        case Bullets(items):
            return _list([written(item) for item in items])
        case Notes(items):
            return _list([written(note.text) for note in items])
        case Table():
            return _table(block)
        case Figure(figure):
            return _figure(figure, f"{folder}/{block.path}")


def _list(items: Sequence[str]) -> str:
    lines = [r"\begin{itemize}", *(rf"\item {item}" for item in items), r"\end{itemize}"]
    return "\n".join(lines)


def _table(table: Table) -> str:
    head = " & ".join(rf"\textbf{{{escape(title)}}}" for title in table.head)
    rows = [" & ".join(map(_entry, row)) + r" \\" for row in table.rows]
    lines = [
        r"{\scriptsize",
        rf"\begin{{longtable}}{{@{{}}{_columns(table)}@{{}}}}",
        r"\toprule",
        rf"{head} \\",
        r"\midrule",
        r"\endhead",
        r"\bottomrule",
        r"\endfoot",
        *rows,
        r"\end{longtable}}",
    ]
    return "\n".join(lines)


def _columns(table: Table) -> str:
    """Return the kinds of columns; those of long text share the room that the others leave."""
    longest = [
        max(map(len, [title, *column]))
        for title, column in zip(table.head, table.columns, strict=True)
    ]
    long = [n < table.left and length > _LONG for n, length in enumerate(longest)]
    short = sum(length for length, wraps in zip(longest, long, strict=True) if not wraps)
    share = max(_PAGE - short - 2 * len(longest), 0) / max(sum(long), 1) / _PAGE
    kinds = []
    for n, (length, wraps) in enumerate(zip(longest, long, strict=True)):
        if wraps:
            width = max(min(share, length / _PAGE), 0.08)
            kinds.append(rf">{{\raggedright\arraybackslash}}p{{{width:.3f}\linewidth}}")
        else:
            kinds.append("l" if n < table.left else "r")
    return "".join(kinds)


def _entry(entry: str | Entry) -> str:
    text = escape(text_of(entry))
    return rf"\textbf{{{text}}}" if isinstance(entry, Entry) and entry.strong else text


def _figure(figure: NamedPlot, path: str) -> str:
    caption = f"{escape(figure.caption)} Data sha256: \\texttt{{{figure.plot.digest}}}."
    if not _SAFE_PATH.fullmatch(path):
        return rf"\texttt{{{escape(path)}}}: {caption}"
    return rf"\reportfigure{{{path}}}{{{caption}}}"


_WRITTEN = {
    **{char: rf"\{char}" for char in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "\u2191": r"$\uparrow$",
    "\u2193": r"$\downarrow$",
    "\u2020": r"\textdagger{}",
    "\u2026": r"\ldots{}",
    "\u221e": r"$\infty$",
    "\u00b1": r"$\pm$",
}


def escape(text: str) -> str:
    """Return text that LaTeX sets as it is; letters it may not know become their code point."""
    text = "".join(map(_character, " ".join(text.split())))
    text = re.sub(r"(?<![\w.])-(?=\d)", "$-$", text)  # a minus, not a hyphen
    text = re.sub(r"([-,'])(?=\1)", r"\1{}", text)  # else two of them join
    guard = "{}" if text.startswith(("[", "*")) else ""  # else part of the command before
    return guard + text


def written(text: Text) -> str:
    """Return a text with its pieces as LaTeX sets them."""
    if isinstance(text, str):
        return escape(text)
    parts = []
    for piece in text:
        if isinstance(piece, Code):
            parts.append(rf"\texttt{{{escape(piece.text)}}}")
        elif isinstance(piece, Strong):
            parts.append(rf"\textbf{{{escape(piece.text)}}}")
        else:
            start, end = piece[:1].isspace(), piece[-1:].isspace() and not piece.isspace()
            parts.append(f"{' ' * start}{escape(piece)}{' ' * end}")
    return "".join(parts)


def _character(char: str) -> str:
    if char in _WRITTEN:
        return _WRITTEN[char]
    known = char.isascii() or ("\u00c0" <= char <= "\u00ff")
    return char if known and char.isprintable() else rf"\texttt{{U+{ord(char):04X}}}"
