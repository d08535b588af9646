"""LToS against every other method: seed by seed at a task, and over all scenarios."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from harness.report.document import Block, Entry, Heading, Paragraph, Table, prose
from harness.report.numbers import NOTHING, interval_text, number, signed, significant
from harness.report.rows import TaskRuns, Variant, differences, title_of
from harness.stats.aggregate import (
    improvement,
    improvement_interval,
    iqm,
    iqm_interval,
    normalized,
)
from harness.stats.intervals import spread
from harness.stats.paired import ALARM, MOST_SEEDS, Pairing, detectable, holm, pairing, seeds_needed

SUBJECT = "ltos"
_PLACES = 3
_ACROSS = """Each scenario's first metric, 0 at its floor and 1 at its bound. `IQM`: interquartile
mean over scenarios and the seeds done at all of them. `P(LToS better)`: the chance that a run of
LToS scores higher than one of the method, mean over scenarios. Intervals: bootstrap, resampled
within each scenario."""
Scores = Float[np.ndarray, "seeds scenarios"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Baseline:
    """A method beside LToS: their differences, seed by seed, and what these show."""

    row: Variant
    gaps: Float[np.ndarray, "pairs"]
    pairing: Pairing
    adjusted: float | None


def against_baselines(task: TaskRuns, metric: str, label: str) -> list[Block]:
    """Return the table of paired comparisons with LToS; nothing without both."""
    subject = task.row(SUBJECT, label)
    baselines = _baselines(task, metric, label, subject) if subject is not None else []
    if subject is None or not baselines:
        return []
    title = subject.title
    head = ["method", "pairs", f"{title} less method [95 %]", f"{title} better", "effect"]
    head += ["p", "p (Holm)", "detectable"]
    printed = any(_printed(task, metric, baseline) is not None for baseline in baselines)
    head += ["papers' difference", "seeds it needs"] if printed else []
    lines = [
        [
            baseline.row.title,
            *_line(task, metric, baseline, subject.records(label) + baseline.row.records(label)),
            *(_claimed(task, metric, baseline) if printed else []),
        ]
        for baseline in baselines
    ]
    return [
        Heading(3, f"{title} against each method: {metric}, {label}"),
        Table(head=tuple(head), rows=tuple(map(tuple, lines))),
    ]


def _baselines(task: TaskRuns, metric: str, label: str, subject: Variant) -> list[_Baseline]:
    """Pair LToS with the methods as they are; sweeps over fields are studies of their own."""
    mine, rng = subject.by_seed(label, metric), np.random.default_rng(0)
    found = [
        (row, gaps, pairing(gaps, rng))
        for row in task.rows
        if row is not subject and row.plain
        if len(gaps := differences(mine, task.values(row, label, metric, mine)))
    ]
    tested = [result.p for _, _, result in found if result.p is not None]
    adjusted = iter(holm(tested))
    return [
        _Baseline(
            row=row,
            gaps=gaps,
            pairing=result,
            adjusted=None if result.p is None else next(adjusted),
        )
        for row, gaps, result in found
    ]


def _line(
    task: TaskRuns, metric: str, baseline: _Baseline, records: tuple[str, ...]
) -> list[str | Entry]:
    result, places = baseline.pairing, task.places(metric)
    wins = result.wins if task.sign(metric) > 0 else result.n - result.wins
    least = detectable(spread(baseline.gaps), result.n) if result.n > 1 else None
    difference = Entry(
        text=interval_text(result.mean, result.interval, places),
        strong=baseline.adjusted is not None and baseline.adjusted <= ALARM,
        records=records,
    )
    figures = [
        f"{wins:g}",
        *(NOTHING if x is None else significant(x) for x in (result.effect, result.p)),
        NOTHING if baseline.adjusted is None else significant(baseline.adjusted),
        NOTHING if least is None else number(least, places),
    ]
    return [str(result.n), difference, *(Entry(text=x, records=records) for x in figures)]


def _claimed(task: TaskRuns, metric: str, baseline: _Baseline) -> list[str | Entry]:
    """Write the papers' difference, and how many seeds like ours would show it."""
    difference = _printed(task, metric, baseline)
    if difference is None:
        return ["", ""]
    if baseline.pairing.n < 2:
        return [signed(difference, task.places(metric)), NOTHING]
    needed = seeds_needed(difference, spread(baseline.gaps))
    text = f"over {MOST_SEEDS}" if needed is None else str(needed)
    return [signed(difference, task.places(metric)), text]


def _printed(task: TaskRuns, metric: str, baseline: _Baseline) -> float | None:
    """Return LToS less the method as one of the papers prints them; the last of several."""
    if baseline.row.cell.fields:
        return None
    mine = _by_paper(task, metric, SUBJECT)
    theirs = _by_paper(task, metric, baseline.row.cell.method)
    found = [mine[paper] - value for paper, value in theirs.items() if paper in mine]
    return found[-1] if found else None


def _by_paper(task: TaskRuns, metric: str, method: str) -> dict[str, float]:
    return {e.paper: e.value for e in task.stated(metric, method) if e.value is not None}


def across_scenarios(tasks: Sequence[TaskRuns]) -> list[Block]:
    """Return the aggregate tables, one per label; nothing for fewer than two scenarios."""
    blocks: list[Block] = []
    for label in dict.fromkeys(label for task in tasks for label in task.labels):
        blocks += _of_label(_scenarios(tasks, label), label)
    return [Heading(2, "Across scenarios"), Paragraph(prose(_ACROSS)), *blocks] if blocks else []


def _scenarios(tasks: Sequence[TaskRuns], label: str) -> list[TaskRuns]:
    """Return the first task of each scenario that has learners' runs and both reference values."""
    found: dict[str, TaskRuns] = {}
    for task in tasks:
        ran = any(row.learns and row.results(label) for row in task.rows)
        if ran and task.margin(_first_metric(task), 1.0):
            found.setdefault(task.name, task)
    return [*found.values()]


def _first_metric(task: TaskRuns) -> str:
    return next(iter(task.headline))


def _of_label(tasks: Sequence[TaskRuns], label: str) -> list[Block]:
    if len(tasks) < 2:
        return []
    methods = dict.fromkeys(
        row.cell.method for task in tasks for row in task.rows if row.learns and row.plain
    )
    scores = {m: s for m in methods if (s := _normalized(tasks, label, m)) is not None}
    left_out = [title_of(m) for m in methods if m not in scores]
    subject = scores.get(SUBJECT)
    records = {m: _records(tasks, label, m) for m in scores}
    lines = [
        _across_line(method, values, records[method], None if method == SUBJECT else subject)
        for method, values in scores.items()
    ]
    where = ", ".join(f"{task.task} ({_first_metric(task)})" for task in tasks)
    head = ("method", "seeds", "IQM [95 %]", f"P({title_of(SUBJECT)} better) [95 %]")
    missing = f" Not run at all of them: {', '.join(left_out)}." if left_out else ""
    return [
        Heading(3, f"Normalized scores, {label}"),
        Paragraph(f"Over {where}.{missing}"),
        *([Table(head=head, rows=tuple(lines))] if lines else []),
    ]


def _normalized(tasks: Sequence[TaskRuns], label: str, method: str) -> Scores | None:
    """Return a method's scores on the seeds that it has at every task; None without one."""
    columns = []
    for task in tasks:
        row, metric = task.row(method, label), _first_metric(task)
        if row is None:
            return None
        columns.append((task, metric, row.by_seed(label, metric)))
    seeds = sorted(set.intersection(*(set(values) for _, _, values in columns)))
    if not seeds:
        return None
    return np.stack(
        [
            normalized(
                np.array([values[seed] for seed in seeds]),
                task.reference_values.floor[metric],
                task.reference_values.bound[metric],
            )
            for task, metric, values in columns
        ],
        axis=1,
    )


def _records(tasks: Sequence[TaskRuns], label: str, method: str) -> tuple[str, ...]:
    rows = (task.row(method, label) for task in tasks)
    return tuple(record for row in rows if row is not None for record in row.records(label))


def _across_line(
    method: str, scores: Scores, records: tuple[str, ...], subject: Scores | None
) -> tuple[str | Entry, ...]:
    text = interval_text(iqm(scores), iqm_interval(scores, np.random.default_rng(0)), _PLACES)
    chance: str | Entry = NOTHING
    if subject is not None:
        share = improvement(subject, scores)
        interval = improvement_interval(subject, scores, np.random.default_rng(0))
        chance = Entry(text=interval_text(share, interval, _PLACES), records=records)
    number = Entry(text=text, records=records)
    return (title_of(method), str(len(scores)), number, chance)
