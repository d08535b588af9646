"""A report in LaTeX: a small document whose tables need ``array``, ``booktabs``, ``longtable``."""

import re
from collections.abc import Sequence

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
            return _text(text)
        case Bullets(items):
            return _list([_text(item) for item in items])
        case Notes(items):
            return _list([_text(note.text) for note in items])
        case Table():
            return _table(block)
        case Figure():
            path = f"{folder}/{block.path}"
            caption = f"{escape(block.caption)} Data sha256: \\texttt{{{block.plot.digest}}}."
            if not _SAFE_PATH.fullmatch(path):
                return rf"\texttt{{{escape(path)}}}: {caption}"
            return rf"\reportfigure{{{path}}}{{{caption}}}"


def _list(items: Sequence[str]) -> str:
    lines = [r"\begin{itemize}", *(rf"\item {item}" for item in items), r"\end{itemize}"]
    return "\n".join(lines)


def _table(table: Table) -> str:
    head = " & ".join(rf"\textbf{{{escape(title)}}}" for title in table.head)
    rows = [" & ".join(_text(cell_text(entry)) for entry in row) + r" \\" for row in table.rows]
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


_WRITTEN = str.maketrans(
    {
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
)


def escape(text: str) -> str:
    """Return text that LaTeX sets as it is; letters it may not know become their code point."""
    text = " ".join(text.split()).translate(_WRITTEN)
    text = re.sub("[^ -~\u00c0-\u00ff]", lambda found: rf"\texttt{{U+{ord(found[0]):04X}}}", text)
    text = re.sub(r"(?<![\w.])-(?=\d)", "$-$", text)  # a minus, not a hyphen
    text = re.sub(r"([-,'])(?=\1)", r"\1{}", text)  # else two of them join
    guard = "{}" if text.startswith(("[", "*")) else ""  # else part of the command before
    return guard + text


def _text(text: Text) -> str:
    return written(
        text,
        escape,
        code=lambda piece: rf"\texttt{{{escape(piece)}}}",
        strong=lambda piece: rf"\textbf{{{escape(piece)}}}",
    )
