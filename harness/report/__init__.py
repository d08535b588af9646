"""Reports: what the results of a grid say, beside the papers' own figures."""

from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from urllib.parse import quote

from harness.atomic import write_atomic, write_text
from harness.errors import ConfigurationError
from harness.figures import draw, stored_digest
from harness.grid import Grid
from harness.plot import Plot
from harness.report.curves import NamedPlot, plots
from harness.report.header import header, overview
from harness.report.notes import unavailable_notes
from harness.report.section import section
from harness.report.study import find_studies
from harness.report.study_section import study_section
from harness.report.variants import Variant, variants
from harness.status import State
from harness.table import Run, load_runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report in memory.

    Attributes:
        text: The Markdown page.
        figures: What its figures plot.
    """

    text: str
    figures: tuple[NamedPlot, ...]


def write_report(grid: Grid, results: Path, reports: Path) -> list[Path]:
    """Write ``<reports>/<grid>.md`` and its figures; figures it no longer has are removed.

    Returns:
        The files written, the page first.

    Raises:
        ConfigurationError: The grid runs on tuning seeds.
        OSError: The folder cannot be written.
    """
    report = build_report(grid, results)
    page, folder = _locations(grid, reports)
    written = [_write_figure(folder / figure.file, figure.plot) for figure in report.figures]
    for path in _drawn(folder).keys() - set(written):
        path.unlink()
    return [write_text(page, report.text), *written]


def check_report(grid: Grid, results: Path, reports: Path) -> list[str]:
    """Compare a written report with what the results say now.

    Returns:
        One line per difference: of the page, and of figures that are missing, extra or show
        other data. Empty when the report is up to date.

    Raises:
        ConfigurationError: The grid runs on tuning seeds.
    """
    report = build_report(grid, results)
    page, folder = _locations(grid, reports)
    wanted = {folder / figure.file: figure.plot.digest for figure in report.figures}
    drawn = _drawn(folder)
    differences = _text_difference(page, report.text)
    for path in sorted(wanted.keys() | drawn.keys()):
        if path not in drawn:
            differences.append(f"{path}: missing")
        elif path not in wanted:
            differences.append(f"{path}: extra, the results give no such figure")
        elif drawn[path] != wanted[path]:
            differences.append(f"{path}: shows other data than the results")
    return differences


def build_report(grid: Grid, results: Path) -> Report:
    """Build a report: a pure function of the grid and its results.

    Raises:
        ConfigurationError: The grid runs on tuning seeds.
    """
    if grid.tuning:
        raise ConfigurationError(
            f"grid {grid.name!r} runs on tuning seeds, which are never reported; report a grid "
            "with seeds below 1000"
        )
    runs = load_runs(grid, results)
    by_place: dict[str, list[Run]] = {}
    for run in runs:
        by_place.setdefault(run.cell.place, []).append(run)
    parts, figures = [header(grid, runs), overview(by_place)], list[NamedPlot]()
    folder, places = f"figures/{quote(grid.name)}", list[tuple[Variant, ...]]()
    for place, found in by_place.items():
        if any(run.state is not State.UNAVAILABLE for run in found):
            places.append(variants(found))
            drawn = plots(place, places[-1])
            figures += drawn
            parts.append(section(place, places[-1], drawn, folder))
    for study in find_studies(places):
        text, compared = study_section(study, folder)
        figures += compared
        parts.append(text)
    if unavailable := unavailable_notes(runs):
        parts.append(f"## Not available\n\n{unavailable}")
    return Report(text="\n\n".join(filter(None, parts)) + "\n", figures=tuple(figures))


def _text_difference(page: Path, wanted: str) -> list[str]:
    if not page.exists():
        return [f"{page}: missing"]
    text = page.read_bytes().decode(errors="replace")
    if text == wanted:
        return []
    pairs = zip_longest(text.splitlines(), wanted.splitlines(), fillvalue="(end)")
    for n, (stands, says) in enumerate(pairs, start=1):
        if stands != says:
            return [f"{page}: line {n} is {stands!r}, the results say {says!r}"]
    return [f"{page}: differs in line ends"]


def _write_figure(path: Path, plot: Plot) -> Path:
    drawing = draw(plot)
    return write_atomic(path, lambda file: file.write(drawing))


def _locations(grid: Grid, reports: Path) -> tuple[Path, Path]:
    return reports / f"{grid.name}.md", reports / "figures" / grid.name


def _drawn(folder: Path) -> dict[Path, str]:
    """Return the figures that reports have left in a folder, with the hashes of their data."""
    found = {path: stored_digest(path) for path in folder.glob("*.svg")}
    return {path: digest for path, digest in found.items() if digest is not None}
