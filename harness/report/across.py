"""Methods over all scenarios: normalized scores, their middle, and who improves on whom."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from harness.report.baselines import SUBJECT
from harness.report.document import Block, Entry, Heading, Paragraph, Table, prose
from harness.report.numbers import NOTHING, interval_text
from harness.report.rows import TaskRuns, title_of
from harness.stats.aggregate import (
    improvement,
    improvement_interval,
    iqm,
    iqm_interval,
    normalized,
)

_PLACES = 3
_READING = """Each scenario's first metric, 0 at its floor and 1 at its bound. `IQM`: interquartile
mean over scenarios and the seeds done at all of them. `P(LToS better)`: the chance that a run of
LToS scores higher than one of the method, mean over scenarios. Intervals: bootstrap, resampled
within each scenario."""
Scores = Float[np.ndarray, "seeds scenarios"]


def across_scenarios(tasks: Sequence[TaskRuns]) -> list[Block]:
    """Return the aggregate tables, one per label; nothing for fewer than two scenarios."""
    blocks: list[Block] = []
    for label in dict.fromkeys(label for task in tasks for label in task.labels):
        blocks += _of_label(_scenarios(tasks, label), label)
    return [Heading(2, "Across scenarios"), Paragraph(prose(_READING)), *blocks] if blocks else []


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
    scores = {m: s for m in methods if (s := _scores(tasks, label, m)) is not None}
    left_out = [title_of(m) for m in methods if m not in scores]
    subject = scores.get(SUBJECT)
    records = {m: _records(tasks, label, m) for m in scores}
    lines = [
        _line(method, values, records[method], None if method == SUBJECT else subject)
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


def _scores(tasks: Sequence[TaskRuns], label: str, method: str) -> Scores | None:
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


def _line(
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
