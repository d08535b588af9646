"""What came out, in a few lines per scenario: LToS, its baselines, the best other method."""

from collections.abc import Callable, Iterable, Sequence

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
    shown = [alike for alike in games.values() if any(_learned(task) for task in alike)]
    if len(shown) < 2:
        return []
    tables = [block for alike in shown for block in _of_game(alike)]
    return [Heading(2, "Headline"), Paragraph(prose(_READING)), *tables]


def _learned(task: TaskRuns) -> bool:
    return any(row.learns and row.results(label) for row in task.rows for label in LABELS)


def _of_game(alike: Sequence[TaskRuns]) -> list[Block]:
    """Return the line on a scenario and its table."""
    task = alike[0]
    metric, info = next(iter(task.headline.items()))
    floor, bound = task.reference_values.floor, task.reference_values.bound
    ends = "".join(
        f", {name} {number(end[metric], task.places(metric))}"
        for name, end in (("bound", bound), ("floor", floor))
        if metric in end
    )
    arrow = "↑" if info.higher_is_better else "↓"
    lines: list[tuple[str | Entry, ...]] = [
        (
            title_of(method),
            _printed(task, metric, method),
            *(_outcome(alike, label, metric, _is(method)) for label in LABELS),
        )
        for method in _METHODS
    ]
    for title, wanted in (("best other learner", _is_other), ("best fixed policy", _is_fixed)):
        lines.append((title, "", *(_best(alike, label, metric, wanted) for label in LABELS)))
    return [
        Paragraph((Strong(task.name), f": {metric} {arrow} ({info.unit}){ends}.")),
        Table(head=_HEAD, rows=tuple(lines), left=2),
    ]


def _is(method: str) -> Callable[[Variant], bool]:
    return lambda row: row.cell.method == method and not row.cell.fields


def _is_other(row: Variant) -> bool:
    return row.learns and row.plain and row.cell.method not in _METHODS


def _is_fixed(row: Variant) -> bool:
    return row.fixed and dict(row.cell.fields).get("policy") != _IDEAL


def _printed(task: TaskRuns, metric: str, method: str) -> str:
    """Write the numbers that papers print of a method, without their words."""
    return papers([e for e in task.stated(metric, method) if e.value is not None]) or NOTHING


def _rows(
    alike: Sequence[TaskRuns], label: str, metric: str, wanted: Callable[[Variant], bool]
) -> list[Variant]:
    """Return the rows wanted with final values, of the first task that has such rows."""
    found: Iterable[list[Variant]] = (
        [row for row in task.rows if wanted(row) and row.finals(label, metric).size]
        for task in alike
    )
    return next(filter(None, found), [])


def _outcome(
    alike: Sequence[TaskRuns], label: str, metric: str, wanted: Callable[[Variant], bool]
) -> str | Entry:
    rows = _rows(alike, label, metric, wanted)
    return _entry(alike[0], rows[0], label, metric) if rows else NOTHING


def _best(
    alike: Sequence[TaskRuns], label: str, metric: str, wanted: Callable[[Variant], bool]
) -> str | Entry:
    """Write the best row with its name; of several that are equal, the first by name."""
    rows, sign = _rows(alike, label, metric, wanted), alike[0].sign(metric)
    if not rows:
        return NOTHING
    best = min(rows, key=lambda row: (-sign * stable_mean(row.finals(label, metric)), row.title))
    return _entry(alike[0], best, label, metric, f"{best.title.removesuffix(' (reference)')}: ")


def _entry(task: TaskRuns, row: Variant, label: str, metric: str, name: str = "") -> Entry:
    finals, places = row.finals(label, metric), task.places(metric)
    summary, mark = summarize(finals), f" {COLLAPSED}" if collapsed(row.results(label)) else ""
    seeds = f"{finals.size}/{len(row.runs[label])}"
    return Entry(
        text=f"{name}{mean_text(summary, places)}{mark}, {seeds}",
        value=float(number(summary.mean, places)),
        records=row.records(label),
    )
