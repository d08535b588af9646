"""LToS against every other method, seed by seed."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from harness.report.document import Block, Entry, Heading, Table
from harness.report.numbers import NOTHING, interval_text, number, signed, significant
from harness.report.rows import TaskRuns, Variant, differences
from harness.stats.intervals import spread
from harness.stats.paired import ALARM, MOST_SEEDS, Pairing, detectable, holm, pairing, seeds_needed

SUBJECT = "ltos"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rival:
    """A method beside LToS: their differences, seed by seed, and what these show."""

    row: Variant
    gaps: Float[np.ndarray, "pairs"]
    pairing: Pairing
    adjusted: float | None


def against_rivals(task: TaskRuns, metric: str, label: str) -> list[Block]:
    """Return the table of paired comparisons with LToS; nothing without both."""
    subject = task.row(SUBJECT, label)
    rivals = _rivals(task, metric, label, subject) if subject is not None else []
    if subject is None or not rivals:
        return []
    title = subject.title
    head = ["method", "pairs", f"{title} less method [95 %]", f"{title} better", "effect"]
    head += ["p", "p (Holm)", "detectable"]
    printed = any(_printed(task, metric, rival) is not None for rival in rivals)
    head += ["papers' difference", "seeds it needs"] if printed else []
    lines = [
        [
            rival.row.title,
            *_line(task, metric, rival, subject.records(label) + rival.row.records(label)),
            *(_claimed(task, metric, rival) if printed else []),
        ]
        for rival in rivals
    ]
    return [
        Heading(3, f"{title} against each method: {metric}, {label}"),
        Table(head=tuple(head), rows=tuple(map(tuple, lines))),
    ]


def _rivals(task: TaskRuns, metric: str, label: str, subject: Variant) -> list[_Rival]:
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
        _Rival(
            row=row,
            gaps=gaps,
            pairing=result,
            adjusted=None if result.p is None else next(adjusted),
        )
        for row, gaps, result in found
    ]


def _line(
    task: TaskRuns, metric: str, rival: _Rival, records: tuple[str, ...]
) -> list[str | Entry]:
    result, places = rival.pairing, task.places(metric)
    wins = result.wins if task.sign(metric) > 0 else result.n - result.wins
    least = detectable(spread(rival.gaps), result.n) if result.n > 1 else None
    difference = Entry(
        text=interval_text(result.mean, result.interval, places),
        strong=rival.adjusted is not None and rival.adjusted <= ALARM,
        records=records,
    )
    figures = [
        f"{wins:g}",
        *(NOTHING if x is None else significant(x) for x in (result.effect, result.p)),
        NOTHING if rival.adjusted is None else significant(rival.adjusted),
        NOTHING if least is None else number(least, places),
    ]
    return [str(result.n), difference, *(Entry(text=x, records=records) for x in figures)]


def _claimed(task: TaskRuns, metric: str, rival: _Rival) -> list[str | Entry]:
    """Write the papers' difference, and how many seeds like ours would show it."""
    difference = _printed(task, metric, rival)
    if difference is None:
        return ["", ""]
    if rival.pairing.n < 2:
        return [signed(difference, task.places(metric)), NOTHING]
    needed = seeds_needed(difference, spread(rival.gaps))
    text = f"over {MOST_SEEDS}" if needed is None else str(needed)
    return [signed(difference, task.places(metric)), text]


def _printed(task: TaskRuns, metric: str, rival: _Rival) -> float | None:
    """Return LToS less the method as one of the papers prints them; the last of several."""
    if rival.row.cell.fields:
        return None
    mine = _by_paper(task, metric, SUBJECT)
    theirs = _by_paper(task, metric, rival.row.cell.method)
    found = [mine[paper] - value for paper, value in theirs.items() if paper in mine]
    return found[-1] if found else None


def _by_paper(task: TaskRuns, metric: str, method: str) -> dict[str, float]:
    return {e.paper: e.value for e in task.stated(metric, method) if e.value is not None}
