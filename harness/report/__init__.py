"""Reports: what the results of a grid say, beside the papers' own figures."""

from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from harness.atomic import write_atomic, write_text
from harness.claims import load_claims
from harness.errors import ConfigurationError
from harness.figures import draw, stored_digest
from harness.grid import Grid
from harness.integrity import find_faults
from harness.integrity.fault import Fault
from harness.plot import Plot
from harness.report.across import across_scenarios
from harness.report.document import Document, Heading, footnotes
from harness.report.findings import findings
from harness.report.header import header, overview
from harness.report.markdown import markdown
from harness.report.named_plot import NamedPlot
from harness.report.notes import unavailable_notes
from harness.report.place_runs import gather
from harness.report.section import section
from harness.report.soundness import soundness
from harness.report.study import find_studies
from harness.report.study_section import study_section
from harness.status import State
from harness.table import Run, load_runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report in memory.

    Attributes:
        document: What it says, whatever it is written in.
        faults: What is wrong with the records it rests on.
    """

    document: Document
    faults: tuple[Fault, ...]

    @property
    def text(self) -> str:
        """The Markdown page."""
        return markdown(self.document)

    @property
    def figures(self) -> tuple[NamedPlot, ...]:
        """What its figures plot."""
        return self.document.figures


def write_report(report: Report, reports: Path) -> list[Path]:
    """Write ``<reports>/<grid>.md`` and its figures; figures it no longer has are removed.

    Returns:
        The files written, the page first.

    Raises:
        OSError: The folder cannot be written.
    """
    page, folder = _locations(report, reports)
    written = [_write_figure(folder / figure.file, figure.plot) for figure in report.figures]
    for path in _drawn(folder).keys() - set(written):
        path.unlink()
    return [write_text(page, report.text), *written]


def check_report(report: Report, reports: Path) -> list[str]:
    """Compare a written report with what the results say now.

    Returns:
        One line per difference: of the page, and of figures that are missing, extra or show
        other data. Empty when the report is up to date.
    """
    page, folder = _locations(report, reports)
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
    faults = find_faults(grid, runs, results)
    by_place: dict[str, list[Run]] = {}
    for run in runs:
        by_place.setdefault(run.cell.place, []).append(run)
    places = [
        gather(place, found)
        for place, found in by_place.items()
        if any(run.state is not State.UNAVAILABLE for run in found)
    ]
    claims = load_claims()
    found = {place.place: findings(place, claims, places) for place in places}
    blocks = [*header(grid, runs, faults), *overview(by_place, found)]
    for place in places:
        blocks += section(place, found[place.place])
    for study in find_studies([place.rows for place in places]):
        blocks += study_section(study)
    blocks += [*across_scenarios(places), *soundness(runs, faults)]
    if unavailable := unavailable_notes(runs):
        blocks += [Heading(2, "Not available"), *footnotes(unavailable)]
    return Report(document=Document(name=grid.name, blocks=tuple(blocks)), faults=faults)


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


def _locations(report: Report, reports: Path) -> tuple[Path, Path]:
    name = report.document.name
    return reports / f"{name}.md", reports / "figures" / name


def _drawn(folder: Path) -> dict[Path, str]:
    """Return the figures that reports have left in a folder, with the hashes of their data."""
    found = {path: stored_digest(path) for path in folder.glob("*.svg")}
    return {path: digest for path, digest in found.items() if digest is not None}
