"""Builds the report of a grid from its results."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.config.grid import Grid
from harness.errors import ConfigurationError
from harness.published.claims import load_claims
from harness.published.numbers import BOUND
from harness.report.across import across_scenarios
from harness.report.baselines import against_rivals
from harness.report.claims import Finding, against_the_papers, claims_table, findings
from harness.report.comparison import comparison, papers, sources
from harness.report.costs import cost_plots, costs_section
from harness.report.curves import plots
from harness.report.document import (
    Block,
    Document,
    Figure,
    Heading,
    NamedPlot,
    Paragraph,
    file_name,
    footnotes,
    prose,
)
from harness.report.header import header, overview, soundness
from harness.report.headline import headline
from harness.report.markdown import markdown
from harness.report.notes import notes, unavailable_notes
from harness.report.numbers import number, sentence
from harness.report.rows import TaskRuns, gather
from harness.report.sharing import share_plots, sharing, sizes
from harness.report.study import find_studies, study_section
from harness.results.index import Run, State, load_runs
from harness.results.integrity import Fault, find_faults


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
    by_task: dict[str, list[Run]] = {}
    for run in runs:
        by_task.setdefault(run.cell.task, []).append(run)
    tasks = [
        gather(place, found)
        for place, found in by_task.items()
        if any(run.state is not State.UNAVAILABLE for run in found)
    ]
    claims = load_claims()
    found = {task.task: findings(task, claims, tasks) for task in tasks}
    blocks = [*header(grid, runs, faults), *overview(by_task, found), *headline(tasks)]
    main = {task.name: task for task in reversed(tasks)}
    for task in tasks:
        blocks += section(task, found[task.task], main=task is main[task.name])
    for study in find_studies([task.rows for task in tasks]):
        blocks += study_section(study)
    blocks += [*across_scenarios(tasks), *costs_section(runs), *soundness(runs, faults)]
    if unavailable := unavailable_notes(runs):
        blocks += [Heading(2, "Not available"), *footnotes(unavailable)]
    document = with_digest(Document(name=grid.name, blocks=tuple(blocks)))
    return Report(document=document, records=results / grid.name, faults=faults)


def with_digest(document: Document) -> Document:
    """Return a report that ends with the hash of its data: a page may not show all of them."""
    last = (
        f"Data sha256 of all tables and {len(document.figures)} figures: {document.digest}. "
        "Markdown shows the main figures, `--format html` and `--format tex` all of them."
    )
    return replace(document, blocks=(*document.blocks, Paragraph(prose(last))))


def section(task: TaskRuns, found: Sequence[Finding], *, main: bool) -> list[Block]:
    """Return the section of a task: what a reader compares first, what it cost last.

    Args:
        task: Its runs.
        found: What they say of the papers' claims.
        main: Whether it stands for its scenario.
    """
    blocks: list[Block] = [
        Heading(2, task.task),
        Paragraph(sentence(task.description)),
    ]
    for n, (metric, info) in enumerate(task.headline.items()):
        blocks += [
            Heading(3, f"{metric} {'↑' if info.higher_is_better else '↓'} ({info.unit})"),
            comparison(task, metric, whole=n == 0),
            *_landmarks(task, metric),
        ]
    blocks += footnotes(notes(task.task, task.rows))
    for metric in task.headline:
        blocks += against_the_papers(task, metric)
    blocks += claims_table(found)
    for metric in task.headline:
        for label in task.labels:
            blocks += against_rivals(task, metric, label)
    kept = {file_name(task.task, *more) for more in (*((x,) for x in task.labels), ("sharing",))}
    blocks += [Figure(p, main and p.file in kept) for p in plots(task.task, task.rows)]
    blocks += sharing(task.rows)
    blocks += [Figure(p, main and p.file in kept) for p in share_plots(task.task, task.rows)]
    return [*blocks, *sizes(task.rows), *map(Figure, cost_plots(task.task, task.rows))]


def _landmarks(task: TaskRuns, metric: str) -> list[Block]:
    """Return bound and floor, and where in the papers the table's figures come from."""
    floor, bound, places = (
        task.reference_values.floor,
        task.reference_values.bound,
        task.places(metric),
    )
    stated = papers(task.stated(metric, BOUND))
    said = []
    if metric in bound:
        papers_too = f" (papers: {stated})" if stated else ""
        said.append(f"bound {number(bound[metric], places)}{papers_too}")
    if metric in floor:
        said.append(f"floor {number(floor[metric], places)}")
    here = (metric, task.options)
    found = sources([e for e in task.published if (e.metric, e.options) == here])
    text = " ".join(filter(None, [sentence(", ".join(said)) if said else "", found]))
    return [Paragraph(text)] if text else []
