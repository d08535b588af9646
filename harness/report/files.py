"""The files of a report: its pages and figures, written or compared with what results say."""

import os
from collections.abc import Mapping, Sequence
from enum import StrEnum
from itertools import zip_longest
from pathlib import Path

from harness.errors import ConfigurationError, nearest
from harness.plotting.draw import draw
from harness.plotting.figure_folder import figure_differences, write_figures
from harness.report.build import Report
from harness.report.html import html, without_drawings
from harness.report.latex import latex
from harness.report.markdown import markdown
from harness.results.files import write_text

_SHOWN = 100  # characters of a line that differs


class Format(StrEnum):
    """How a report can be written; the value is the file's ending."""

    MARKDOWN = "md"
    LATEX = "tex"
    HTML = "html"


_REFERRING = {Format.MARKDOWN, Format.LATEX}  # figures are files of their own; HTML holds them


def parse_formats(text: str) -> tuple[Format, ...]:
    """Read a list of formats like ``md,html``.

    Raises:
        ConfigurationError: One of them is unknown.
    """
    names, known = [name.strip() for name in text.split(",")], [str(f) for f in Format]
    for name in names:
        if name not in known:
            raise ConfigurationError(f"--format: unknown format {name!r}; {nearest(name, known)}")
    return tuple(dict.fromkeys(map(Format, names)))


def write_report(
    report: Report, reports: Path, formats: Sequence[Format] = (Format.MARKDOWN,)
) -> list[Path]:
    """Write ``<reports>/<grid>.<format>`` and its figures; figures it no longer has are removed.

    Returns:
        The files written, the pages first.

    Raises:
        OSError: The folder cannot be written.
    """
    drawings = {figure.file: draw(figure.plot) for figure in report.figures}
    written = [
        write_text(_page(report, reports, f), _text(report, reports, f, drawings)) for f in formats
    ]
    if _REFERRING.isdisjoint(formats):
        return written
    return written + write_figures(_folder(report, reports), drawings)


def check_report(
    report: Report, reports: Path, formats: Sequence[Format] | None = None
) -> list[str]:
    """Compare a written report with what the results say now.

    Args:
        report: What they say.
        reports: Where it was written.
        formats: What to compare; unless given, Markdown and whatever else is there.

    Returns:
        One line per difference: of the pages, and of figures that are missing, extra or show
        other data. Empty when the report is up to date.
    """
    if formats is None:
        there = [f for f in Format if _page(report, reports, f).exists()]
        formats = tuple(dict.fromkeys([Format.MARKDOWN, *there]))
    differences = []
    for f in formats:
        differences += _text_difference(_page(report, reports, f), _text(report, reports, f, {}))
    if _REFERRING.isdisjoint(formats):
        return differences
    digests = {figure.file: figure.plot.digest for figure in report.figures}
    return differences + figure_differences(_folder(report, reports), digests, "results")


def _text(report: Report, reports: Path, f: Format, drawings: Mapping[str, bytes]) -> str:
    if f is Format.MARKDOWN:
        return markdown(report.document)
    if f is Format.LATEX:
        return latex(report.document)
    records = Path(os.path.relpath(report.records, reports)).as_posix()
    return html(report.document, drawings, records)


def _text_difference(page: Path, wanted: str) -> list[str]:
    if not page.exists():
        return [f"{page}: missing"]
    text = page.read_bytes().decode(errors="replace")
    if page.suffix == f".{Format.HTML}":  # its figures are told apart by the hash of their data
        text, wanted = without_drawings(text), without_drawings(wanted)
    if text == wanted:
        return []
    pairs = zip_longest(text.splitlines(), wanted.splitlines(), fillvalue="(end)")
    for n, (stands, says) in enumerate(pairs, start=1):
        if stands != says:
            alike = next(k for k, (a, b) in enumerate(zip_longest(stands, says)) if a != b)
            part = slice(max(alike - _SHOWN // 2, 0), alike + _SHOWN // 2)
            return [f"{page}: line {n} is {stands[part]!r}, the results say {says[part]!r}"]
    return [f"{page}: differs in line ends"]


def _page(report: Report, reports: Path, f: Format) -> Path:
    return reports / f"{report.document.name}.{f}"


def _folder(report: Report, reports: Path) -> Path:
    return reports / "figures" / report.document.name
