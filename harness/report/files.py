"""The files of a report: its pages and figures, written or compared with what results say."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from itertools import zip_longest
from pathlib import Path

from harness.errors import ConfigurationError, nearest
from harness.plotting.draw import draw, stored_digest
from harness.report.build import Report
from harness.report.document import Figure
from harness.report.html import drawings_are_whole, html, without_drawings
from harness.report.latex import latex
from harness.report.markdown import markdown
from harness.results.files import NotAFile, read_file, remove, write_bytes, write_text

_SHOWN = 100  # characters of a line that differs


class Format(StrEnum):
    """How a report can be written; the value is the file's ending."""

    MARKDOWN = "md"
    LATEX = "tex"
    HTML = "html"


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
    """Write ``<reports>/<grid>.<format>`` and the figures that it refers to: HTML holds its own.

    Figures that it no longer has are removed.

    Returns:
        The files written, the pages first.

    Raises:
        StorageError: The folder cannot be written.
    """
    whole = bool(set(formats) - {Format.MARKDOWN})
    drawings = {f.file: draw(f.plot) for f in report.figures if f.main or whole}
    written = [
        write_text(_page(report, reports, f), _text(report, reports, f, drawings)) for f in formats
    ]
    for folder, figures in _folders(report, reports, formats).items():
        written += write_figures(folder, {f.file: drawings[f.file] for f in figures})
    return written


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
    for folder, figures in _folders(report, reports, formats).items():
        digests = {figure.file: figure.plot.digest for figure in figures}
        differences += figure_differences(folder, digests, "results")
    return differences


def write_figures(folder: Path, drawings: Mapping[str, bytes]) -> list[Path]:
    """Write drawings by file name, and remove those left from before.

    Returns:
        The files written.

    Raises:
        StorageError: The folder cannot be written.
    """
    written = [write_bytes(folder / name, drawing) for name, drawing in drawings.items()]
    for path in _drawn(folder).keys() - set(written):
        remove(path)
    return written


def figure_differences(folder: Path, digests: Mapping[str, str], source: str) -> list[str]:
    """Compare figures with what they should show.

    Args:
        folder: Where they were written.
        digests: Hash of the data that each is to show, by file name.
        source: Where the data are from, as the lines name it.

    Returns:
        One line per figure that is missing, extra or shows other data.
    """
    drawn, wanted = _drawn(folder), {folder / name: digest for name, digest in digests.items()}
    differences = []
    for path in sorted(wanted.keys() | drawn.keys()):
        if path not in drawn:
            differences.append(f"{path}: missing")
        elif path not in wanted:
            differences.append(f"{path}: extra, the {source} give no such figure")
        elif drawn[path] != wanted[path]:
            differences.append(f"{path}: shows other data than the {source}")
    return differences


def stored_text(page: Path) -> str | None:
    """Return what a page says; None where there is no such file.

    Raises:
        StorageError: It cannot be read.
    """
    try:
        return read_file(page).decode(errors="replace")
    except (FileNotFoundError, NotADirectoryError, NotAFile):
        return None


def _text(report: Report, reports: Path, f: Format, drawings: Mapping[str, bytes]) -> str:
    if f is Format.MARKDOWN:
        return markdown(report.document)
    if f is Format.LATEX:
        return latex(report.document)
    records = Path(os.path.relpath(report.records, reports)).as_posix()
    return html(report.document, drawings, records)


def _text_difference(page: Path, wanted: str) -> list[str]:
    if (text := stored_text(page)) is None:
        return [f"{page}: missing"]
    if page.suffix == f".{Format.HTML}":  # its figures are told apart by the hash of their data
        if not drawings_are_whole(text):
            return [f"{page}: its drawings were changed since they were drawn"]
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


def _folders(report: Report, reports: Path, formats: Sequence[Format]) -> dict[Path, list[Figure]]:
    """Return the figures that are files of their own, by folder."""
    found, folder = dict[Path, list[Figure]](), reports / "figures" / report.document.name
    if not {Format.MARKDOWN, Format.LATEX}.isdisjoint(formats):
        found[folder] = [figure for figure in report.figures if figure.main]
    if Format.LATEX in formats:
        found[folder / "more"] = [figure for figure in report.figures if not figure.main]
    return found


def _drawn(folder: Path) -> dict[Path, str]:
    """Return the figures of ours that are in a folder, with the hashes of their data."""
    found = {}
    for path in folder.glob("*.svg"):
        with suppress(FileNotFoundError, NotAFile):  # another report has removed it meanwhile
            if (digest := stored_digest(path)) is not None:
                found[path] = digest
    return found
