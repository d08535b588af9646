"""Text in LaTeX: nothing in it is a command."""

import re

from harness.report.text import Code, Strong, Text

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
