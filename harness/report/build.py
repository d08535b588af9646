"""Builds the report of a grid from its results."""

from dataclasses import dataclass
from pathlib import Path

from harness.claims import load_claims
from harness.errors import ConfigurationError
from harness.grid import Grid
from harness.integrity import find_faults
from harness.integrity.fault import Fault
from harness.report.across import across_scenarios
from harness.report.costs import costs_section
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
        records: The folder of these records.
    """

    document: Document
    records: Path
    faults: tuple[Fault, ...]

    @property
    def text(self) -> str:
        """The Markdown page."""
        return markdown(self.document)

    @property
    def figures(self) -> tuple[NamedPlot, ...]:
        """What its figures plot."""
        return self.document.figures


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
    blocks += [*across_scenarios(places), *costs_section(runs), *soundness(runs, faults)]
    if unavailable := unavailable_notes(runs):
        blocks += [Heading(2, "Not available"), *footnotes(unavailable)]
    document = Document(name=grid.name, blocks=tuple(blocks))
    return Report(document=document, records=results / grid.name, faults=faults)
