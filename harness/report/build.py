"""Builds the report of a grid from its results: its top, a section per task, its end."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote

from harness.config.grid import Grid
from harness.errors import ConfigurationError
from harness.published.claims import load_claims
from harness.published.numbers import BOUND
from harness.report.baselines import across_scenarios, against_baselines
from harness.report.claims import Finding, against_the_papers, claims_table, findings, tally
from harness.report.costs import cost_plots, costs_section, sizes
from harness.report.curves import plots
from harness.report.document import (
    Block,
    Bullets,
    Code,
    Document,
    Figure,
    Heading,
    Notes,
    Paragraph,
    Piece,
    Strong,
    Table,
    file_name,
    prose,
)
from harness.report.headline import headline
from harness.report.main_table import main_table, papers, sources
from harness.report.markdown import markdown
from harness.report.notes import notes, unavailable_notes
from harness.report.numbers import number, sentence
from harness.report.rows import TaskRuns, gather
from harness.report.sharing import share_plots, sharing
from harness.report.study import find_studies, study_section
from harness.results.index import Run, State, load_runs
from harness.results.integrity import Fault, Kind, find_faults
from harness.stats.decision import CLOSE, MARGIN
from harness.stats.paired import ALARM, LEAST_PAIRS, POWER
from scenarios import SCENARIOS


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report in memory.

    Attributes:
        document: What it says, whatever it is written in.
        faults: What is wrong with the records it rests on.
        records: The folder of these records.
        n_missing: Cells without a record that answers them, of those that could have one.
    """

    document: Document
    records: Path
    faults: tuple[Fault, ...]
    n_missing: int = 0

    @property
    def text(self) -> str:
        """The Markdown page."""
        return markdown(self.document)

    @property
    def figures(self) -> tuple[Figure, ...]:
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
        gather(task, found)
        for task, found in by_task.items()
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
        blocks += [Heading(2, "Not available"), Notes(tuple(unavailable))]
    document = with_digest(Document(name=grid.name, blocks=tuple(blocks)))
    n_missing = sum(run.state not in (State.DONE, State.UNAVAILABLE) for run in runs)
    return Report(
        document=document, records=results / grid.name, faults=faults, n_missing=n_missing
    )


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
    description = sentence(SCENARIOS[task.name].description)
    blocks: list[Block] = [Heading(2, task.task), Paragraph(description)]
    for n, (metric, info) in enumerate(task.headline.items()):
        blocks += [
            Heading(3, f"{metric} {'↑' if info.higher_is_better else '↓'} ({info.unit})"),
            main_table(task, metric, whole=n == 0),
            *_references(task, metric),
        ]
    if said := notes(task.task, task.rows):
        blocks.append(Notes(tuple(said)))
    for metric in task.headline:
        blocks += against_the_papers(task, metric)
    blocks += claims_table(found)
    for metric in task.headline:
        for label in task.labels:
            blocks += against_baselines(task, metric, label)
    kept = {file_name(task.task, *more) for more in (*((x,) for x in task.labels), ("sharing",))}
    blocks += [replace(f, main=main and f.file in kept) for f in plots(task.task, task.rows)]
    blocks += sharing(task.rows)
    blocks += [replace(f, main=main and f.file in kept) for f in share_plots(task.task, task.rows)]
    return [*blocks, *sizes(task.rows), *cost_plots(task.task, task.rows)]


def _references(task: TaskRuns, metric: str) -> list[Block]:
    """Return bound and floor, and where in the papers the table's figures come from."""
    known, places, said = task.reference_values, task.places(metric), []
    if metric in known.bound:
        stated = papers(task.stated(metric, BOUND))
        papers_too = f" (papers: {stated})" if stated else ""
        said.append(f"bound {number(known.bound[metric], places)}{papers_too}")
    if metric in known.floor:
        said.append(f"floor {number(known.floor[metric], places)}")
    here = (metric, task.options)
    found = sources([e for e in task.published if (e.metric, e.options) == here])
    text = " ".join(filter(None, [sentence(", ".join(said)) if said else "", found]))
    return [Paragraph(text)] if text else []


_READING = (
    """Tables of a metric: a run's final value is the mean of its last ten evaluations. `papers`:
    what the LToS papers (000, the first version, and 001, the later one) state, in words where they
    print no number. `mean [95 %]`: over the seeds done, with Student's t interval (one seed has
    none). `seeds`: done of asked. `rank`: among the learning methods; a range where these seeds do
    not set them apart. `hops`: how many edges away an agent's information may come from when it
    acts. `steps/s`: environment steps per second of training, median. Where labels differ in such a
    figure, it gives one each, in the order of the columns. ↑ higher is better, ↓ lower.""",
    f"""Against the papers: `match`, the printed number lies in our interval, and our mean within
    {100 * CLOSE:g} % of the way from floor to bound; `close`, the latter alone; `better`, `worse`,
    neither. Behind it our mean less theirs. `rank (papers)`: among the methods that the paper
    prints and that were run.""",
    f"""Claims: pair by pair, on the seeds that both have. `holds`: the 95 % interval of the
    advantage lies above zero, and the sign-flip test agrees (one-sided p at most {ALARM:g}). `does
    not hold`: likewise below {100 * MARGIN:g} % of the way from floor to bound, which is no
    difference in practice. `undecided`: neither, as always below {LEAST_PAIRS} seeds. In brackets
    the mean advantage with its interval, and how many seeds would decide it if more were like
    these.""",
    f"""LToS against each method: differences seed by seed; the same seed means the same evaluation
    episodes. `LToS better`: in how many pairs, equal ones counted half. `effect`: mean over
    standard deviation (Hedges). `p`: sign-flip test, two-sided; Holm's correction is over the
    table, bold where it leaves at most {ALARM:g}. `detectable`: the least difference that so many
    pairs show with probability {POWER:g}.""",
    """How all this is computed, and how often it errs: `docs/statistics.md`.""",
)


def header(grid: Grid, runs: Sequence[Run], faults: Sequence[Fault]) -> list[Block]:
    """Return what the report is, what makes it, how many runs became what, and how to read it."""
    counts = Counter(run.state for run in runs)
    said = ", ".join(f"{counts[state]} {state}" for state in State if counts[state])
    counted: list[Piece] = [Strong(f"{len(runs)} runs: {said}.")]
    if faults:
        kinds = ", ".join(dict.fromkeys(fault.kind for fault in faults))
        n_faults = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        counted += [" ", Strong(f"Integrity: {n_faults} ({kinds}), named at the end.")]
    elif counts[State.DONE]:
        counted.append(f" Integrity: no fault in {counts[State.DONE]} records.")
    blocks: list[Block] = [
        Heading(1, grid.name),
        Paragraph(
            (
                f"{sentence(grid.description)} Made by ",
                Code(f"python -m harness report --grid {quote(grid.argument)}"),
                "; do not edit.",
            )
        ),
        Paragraph(tuple(counted)),
    ]
    if not counts[State.DONE]:
        start = Code(f"python -m harness run --grid {quote(grid.argument)}")
        blocks.append(Paragraph(("There is no result to report yet: ", start, " makes them.")))
    return [*blocks, Bullets((*map(prose, _READING),), folded="How to read this report")]


def overview(
    by_task: Mapping[str, Sequence[Run]], found: Mapping[str, Sequence[Finding]]
) -> list[Block]:
    """Return how far each task is and how the papers' claims stand there.

    Nothing for a single task, where the header says it.

    Args:
        by_task: Every task's runs.
        found: The findings on the claims of every task that has any.
    """
    if len(by_task) < 2:
        return []
    states = [s for s in State if any(run.state is s for runs in by_task.values() for run in runs)]
    counts = {task: Counter(run.state for run in runs) for task, runs in by_task.items()}
    labels = dict.fromkeys(f.label for findings in found.values() for f in findings)
    lines = [
        (
            task,
            *(str(counts[task][s]) for s in states),
            *(tally(found.get(task, ()), label) for label in labels),
        )
        for task in by_task
    ]
    head = ("runs", *states, *(f"claims, {label}" for label in labels))
    return [Table(head=head, rows=tuple(lines))]


def soundness(runs: Sequence[Run], faults: Sequence[Fault]) -> list[Block]:
    """Return the section on integrity; nothing without a record."""
    n_records = sum(run.state is State.DONE for run in runs)
    if not n_records and not faults:
        return []
    said = f"{n_records} records were looked through for: {', '.join(Kind)}. Found:"
    lines = tuple((str(fault.kind), fault.where, fault.detail) for fault in faults)
    table = Table(head=("fault", "where", "what was found"), rows=lines, left=3)
    return [
        Heading(2, "Integrity"),
        Paragraph(prose(said if faults else f"{said} nothing.")),
        *([table] if faults else []),
    ]
