"""What came out, in a few lines per scenario: LToS, its baselines, the best other method."""

from collections.abc import Sequence

from harness.report.baselines import SUBJECT
from harness.report.comparison import papers
from harness.report.document import Block, Entry, Heading, Paragraph, Strong, Table, prose
from harness.report.notes import COLLAPSED, collapsed
from harness.report.numbers import NOTHING, mean_text, number
from harness.report.rows import TaskRuns, Variant, title_of
from harness.stats.intervals import summarize
from harness.stats.rounding import stable_mean

LABELS = ("paper", "default")
_METHODS = (SUBJECT, "dgn", "dqn", "fixed_ltos")
_OTHER, _FIXED = "best other learner", "best fixed policy"
_IDEAL = "free_flow"  # traffic's bound: no policy that signals could follow
_HEAD = ("method", "papers", *(f"{label}: mean [95 %], seeds" for label in LABELS))
_READING = f"""Final values of each scenario's first metric: mean with Student's t interval, seeds
done of asked. `papers`: the numbers that the LToS papers (000, 001) print; `paper`: at their
settings; `default`: at ours. {COLLAPSED}: in some of these runs agents end up giving everything
away."""


def headline(tasks: Sequence[TaskRuns]) -> list[Block]:
    """Return a small table per scenario, the text of README; nothing for a single scenario.

    Args:
        tasks: All tasks. Those that show agents the same game in several ways stand together, a
            scenario's first game for it.
    """
    games: dict[str, list[TaskRuns]] = {}
    for task in tasks:
        alike = games.setdefault(task.name, [task])
        if task is not alike[0] and task.options == alike[0].options:
            alike.append(task)
    shown = [
        alike
        for alike in games.values()
        if any(
            row.learns and row.results(label)
            for task in alike
            for row in task.rows
            for label in LABELS
        )
    ]
    if len(shown) < 2:
        return []
    tables = [block for alike in shown for block in _of_game(alike)]
    return [Heading(2, "Headline"), Paragraph(prose(_READING)), *tables]


def _of_game(alike: Sequence[TaskRuns]) -> list[Block]:
    """Return the line on a scenario and its table."""
    task = alike[0]
    metric, info = next(iter(task.headline.items()))
    known = {"bound": task.reference_values.bound, "floor": task.reference_values.floor}
    ends = "".join(
        f", {name} {number(end[metric], task.places(metric))}"
        for name, end in known.items()
        if metric in end
    )
    lines = []
    for line in (*_METHODS, _OTHER, _FIXED):
        title, printed = line, ""
        if line in _METHODS:  # with the numbers that papers print of it, without their words
            stated = [e for e in task.stated(metric, line) if e.value is not None]
            title, printed = title_of(line), papers(stated) or NOTHING
        outcomes = (_outcome(alike, label, metric, line) for label in LABELS)
        lines.append((title, printed, *outcomes))
    arrow = "↑" if info.higher_is_better else "↓"
    return [
        Paragraph((Strong(task.name), f": {metric} {arrow} ({info.unit}){ends}.")),
        Table(head=_HEAD, rows=tuple(lines), left=2),
    ]


def _outcome(alike: Sequence[TaskRuns], label: str, metric: str, line: str) -> str | Entry:
    """Write what stands in a line: from the first task that has final values for it."""
    found = (
        [row for row in task.rows if _belongs(row, line) and row.finals(label, metric).size]
        for task in alike
    )
    rows = next(filter(None, found), None)
    if rows is None:
        return NOTHING
    task, row, name = alike[0], rows[0], ""
    if line not in _METHODS:  # the best; of several that are equal, the first by name
        sign = task.sign(metric)
        row = min(rows, key=lambda r: (-sign * stable_mean(r.finals(label, metric)), r.title))
        name = f"{row.title.removesuffix(' (reference)')}: "
    finals, places = row.finals(label, metric), task.places(metric)
    summary, mark = summarize(finals), f" {COLLAPSED}" if collapsed(row.results(label)) else ""
    seeds = f"{finals.size}/{len(row.runs[label])}"
    return Entry(
        text=f"{name}{mean_text(summary, places)}{mark}, {seeds}",
        value=float(number(summary.mean, places)),
        records=row.records(label),
    )


def _belongs(row: Variant, line: str) -> bool:
    """Say whether a row can stand in a line: of its method, or of others of its kind."""
    if line == _OTHER:
        return row.learns and row.plain and row.cell.method not in _METHODS
    if line == _FIXED:
        return row.fixed and dict(row.cell.fields).get("policy") != _IDEAL
    return row.cell.method == line and not row.cell.fields
