"""LToS against every other method: seed by seed at a task, and over all scenarios."""

from collections.abc import Sequence

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


def against_baselines(task: TaskRuns, metric: str, label: str) -> list[Block]:
    """Return the table of paired comparisons with LToS; nothing without both."""
    subject = task.row(SUBJECT, label)
    if subject is None:
        return []
    mine, rng = subject.by_seed(label, metric), np.random.default_rng(0)
    compared = [  # methods as they are: sweeps over fields are studies of their own
        (row, gaps, pairing(gaps, rng), _printed(task, metric, row))
        for row in task.rows
        if row is not subject and row.plain
        if len(gaps := differences(mine, task.values(row, label, metric, mine)))
    ]
    if not compared:
        return []
    title, places = subject.title, task.places(metric)
    head = ["method", "pairs", f"{title} less method [95 %]", f"{title} better", "effect"]
    head += ["p", "p (Holm)", "detectable"]
    any_printed = any(printed is not None for *_, printed in compared)
    head += ["papers' difference", "seeds it needs"] if any_printed else []
    adjusted = iter(holm([result.p for _, _, result, _ in compared if result.p is not None]))
    lines = []
    for row, gaps, result, printed in compared:
        p_holm = None if result.p is None else next(adjusted)
        records = subject.records(label) + row.records(label)
        line = [row.title, *_shown(gaps, result, p_holm, task.sign(metric), places, records)]
        lines.append((*line, *(_needed(printed, gaps, places) if any_printed else ())))
    return [
        Heading(3, f"{title} against each method: {metric}, {label}"),
        Table(head=tuple(head), rows=tuple(lines)),
    ]


def _printed(task: TaskRuns, metric: str, row: Variant) -> float | None:
    """Return LToS less the method as one of the papers prints them; the last of several."""
    if row.cell.fields:
        return None
    mine, theirs = (
        {e.paper: e.value for e in task.stated(metric, method) if e.value is not None}
        for method in (SUBJECT, row.cell.method)
    )
    found = [mine[paper] - value for paper, value in theirs.items() if paper in mine]
    return found[-1] if found else None


def _shown(
    gaps: Float[np.ndarray, "pairs"],
    result: Pairing,
    p_holm: float | None,
    sign: int,
    places: int,
    records: tuple[str, ...],
) -> list[str | Entry]:
    """Write what the differences from a method show, from their number to the least detectable."""
    wins = result.wins if sign > 0 else result.n - result.wins
    least = detectable(spread(gaps), result.n) if result.n > 1 else None
    figures = [
        f"{wins:g}",
        *(NOTHING if x is None else significant(x) for x in (result.effect, result.p, p_holm)),
        NOTHING if least is None else number(least, places),
    ]
    difference = Entry(
        text=interval_text(result.mean, result.interval, places),
        strong=p_holm is not None and p_holm <= ALARM,
        records=records,
    )
    return [str(result.n), difference, *(Entry(text=x, records=records) for x in figures)]


def _needed(
    printed: float | None, gaps: Float[np.ndarray, "pairs"], places: int
) -> tuple[str, str]:
    """Write the papers' difference, and how many seeds like ours would show it."""
    if printed is None:
        return "", ""
    if len(gaps) < 2:
        return signed(printed, places), NOTHING
    needed = seeds_needed(printed, spread(gaps))
    return signed(printed, places), f"over {MOST_SEEDS}" if needed is None else str(needed)


_PLACES = 3
_ACROSS = """Each scenario's first metric, 0 at its floor and 1 at its bound. `IQM`: interquartile
mean over scenarios and the seeds done at all of them. `P(LToS better)`: the chance that a run of
LToS scores higher than one of the method, mean over scenarios. Intervals: bootstrap, resampled
within each scenario."""


def across_scenarios(tasks: Sequence[TaskRuns]) -> list[Block]:
    """Return the aggregate tables, one per label; nothing for fewer than two scenarios.

    A scenario's first task with learners' runs and both reference values stands for it.
    """
    blocks: list[Block] = []
    for label in dict.fromkeys(label for task in tasks for label in task.labels):
        first: dict[str, TaskRuns] = {}
        for task in tasks:
            ran = any(row.learns and row.results(label) for row in task.rows)
            if ran and task.reference_values.share_of_way(_first_metric(task), 1.0):
                first.setdefault(task.name, task)
        if len(first) > 1:
            blocks += _normalized_scores([*first.values()], label)
    return [Heading(2, "Across scenarios"), Paragraph(prose(_ACROSS)), *blocks] if blocks else []


def _first_metric(task: TaskRuns) -> str:
    return next(iter(task.headline))


def _normalized_scores(tasks: Sequence[TaskRuns], label: str) -> list[Block]:
    methods = dict.fromkeys(
        row.cell.method for task in tasks for row in task.rows if row.learns and row.plain
    )
    scores = {m: s for m in methods if (s := _normalized(tasks, label, m)) is not None}
    subject, lines = scores.get(SUBJECT), list[tuple[str | Entry, ...]]()
    for method, values in scores.items():
        rows = (task.row(method, label) for task in tasks)
        records = tuple(name for row in rows if row is not None for name in row.records(label))
        interval = iqm_interval(values, np.random.default_rng(0))
        mean = Entry(text=interval_text(iqm(values), interval, _PLACES), records=records)
        chance: str | Entry = NOTHING
        if subject is not None and method != SUBJECT:
            interval = improvement_interval(subject, values, np.random.default_rng(0))
            text = interval_text(improvement(subject, values), interval, _PLACES)
            chance = Entry(text=text, records=records)
        lines.append((title_of(method), str(len(values)), mean, chance))
    where = ", ".join(f"{task.task} ({_first_metric(task)})" for task in tasks)
    left_out = ", ".join(title_of(m) for m in methods if m not in scores)
    missing = f" Not run at all of them: {left_out}." if left_out else ""
    head = ("method", "seeds", "IQM [95 %]", f"P({title_of(SUBJECT)} better) [95 %]")
    return [
        Heading(3, f"Normalized scores, {label}"),
        Paragraph(f"Over {where}.{missing}"),
        *([Table(head=head, rows=tuple(lines))] if lines else []),
    ]


def _normalized(
    tasks: Sequence[TaskRuns], label: str, method: str
) -> Float[np.ndarray, "seeds scenarios"] | None:
    """Return a method's scores on the seeds that it has at every task; None without one."""
    found = []
    for task in tasks:
        row = task.row(method, label)
        found.append({} if row is None else row.by_seed(label, _first_metric(task)))
    seeds = sorted(set.intersection(*map(set, found)))
    if not seeds:
        return None
    columns = []
    for task, values in zip(tasks, found, strict=True):
        metric, known = _first_metric(task), task.reference_values
        finals = np.array([values[seed] for seed in seeds])
        columns.append(normalized(finals, known.floor[metric], known.bound[metric]))
    return np.stack(columns, axis=1)
