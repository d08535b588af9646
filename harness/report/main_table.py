"""The main table: each method beside the papers' figures, a group of columns per label."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from harness.published.numbers import Published
from harness.report.document import Entry, Table
from harness.report.notes import COLLAPSED, about_method, about_runs, centralized, collapsed
from harness.report.numbers import NOTHING, mean_text, range_text, rough
from harness.report.rows import TaskRuns, Variant
from harness.results.index import State
from harness.results.result import RunResult
from harness.stats.intervals import summarize

_ABSENT = {State.DONE: "without this metric", State.MISSING: "not run"}


def main_table(task: TaskRuns, metric: str, *, whole: bool) -> Table:
    """Return the table of one metric.

    Args:
        task: Where the methods meet.
        metric: Which metric.
        whole: Whether to add what does not depend on the metric: hops and steps/s.
    """
    head = ["method", "papers"]
    ranks: dict[tuple[str, str], str] = {}  # of the learners as they are, by label and title
    for label in task.labels:
        head += [f"{label}: mean [95 %]", "min to max", "seeds", "rank"]
        learners = [row for row in task.rows if row.learns and row.plain]
        ran = [row for row in learners if row.finals(label, metric).size]
        for row, ends in zip(ran, task.ranks(metric, label, ran), strict=True):
            ranks[label, row.title] = range_of_ranks(ends)
    body: list[tuple[str | Entry, ...]] = []
    for row in task.rows:
        known = (about_method(task.task),) if centralized(row) else ()
        # The papers state one figure per method: at their own settings.
        stated = "" if row.cell.fields else papers(task.stated(metric, row.cell.method))
        line: list[str | Entry] = [Entry(text=row.title, notes=known), stated]
        for label in task.labels:
            line += _outcome(task, row, label, metric)
            rank = ranks.get((label, row.title), "")
            line.append(Entry(text=rank, records=row.records(label) if rank else ()))
        if whole:
            line += [each_label(row, task.labels, say) for say in _ONCE.values()]
        body.append(tuple(line))
    head += _ONCE if whole else []
    return Table(head=tuple(head), rows=tuple(body), left=2)


def each_label(
    row: Variant, columns: Sequence[str], say: Callable[[Sequence[RunResult]], str]
) -> Entry:
    """Say something of a variant under each label, once where it is the same everywhere."""
    said = [say(row.results(label)) if row.results(label) else NOTHING for label in columns]
    known = {text for text in said if text != NOTHING}
    if not known:
        return Entry(text=NOTHING)
    text = known.pop() if len(known) == 1 else " / ".join(said)
    return Entry(text=text, records=row.records(*columns))


def papers(entries: Sequence[Published]) -> str:
    """Write what the papers state: ``about 0.5 (000, 001)``."""
    by_text: defaultdict[str, list[str]] = defaultdict(list)
    for entry in entries:
        by_text[entry.shown].append(entry.paper)
    return "; ".join(
        f"{text} ({', '.join(dict.fromkeys(found))})" for text, found in by_text.items()
    )


def sources(entries: Sequence[Published]) -> str:
    """Write where the papers' figures stand, and how many runs they rest on."""
    found = dict.fromkeys(
        f"{entry.paper}, {entry.source}"
        + (f", {entry.runs} run{'s' if entry.runs > 1 else ''}" if entry.runs else "")
        for entry in entries
    )
    return f"Papers: {'; '.join(found)}." if found else ""


def range_of_ranks(ends: tuple[int, int]) -> str:
    """Write ranks that the runs do not set apart: ``2-5``."""
    return "-".join(str(end) for end in dict.fromkeys(ends))


def _outcome(task: TaskRuns, row: Variant, label: str, metric: str) -> list[str | Entry]:
    """Return mean with interval, range, and seeds done of seeds asked."""
    asked = Counter(run.state for run in row.runs.get(label, ()))
    if not asked:
        return ["", "", ""]
    values, places = row.finals(label, metric), task.places(metric)
    notes = (about_runs(task.task, row, label),)
    seeds = f"{len(values)}/{asked.total()}"
    if not len(values):
        states = [_ABSENT.get(state, state) for state in State if asked[state]]
        reasons = tuple(dict.fromkeys(run.reason for run in row.runs[label] if run.reason))
        return [
            Entry(text=", ".join(states), notes=reasons),
            NOTHING,
            Entry(text=seeds, notes=notes),
        ]
    faults = [f"{asked[s]} {s}" for s in (State.FAILED, State.DAMAGED, State.STALE) if asked[s]]
    mark = f" {COLLAPSED}" if collapsed(row.results(label)) else ""
    records, text = row.records(label), mean_text(summarize(values), places) + mark
    return [
        Entry(text=text, records=records),
        Entry(text=range_text(values, places), records=records),
        Entry(
            text=seeds + (f" ({', '.join(faults)})" if faults else ""), records=records, notes=notes
        ),
    ]


def _speed(results: Sequence[RunResult]) -> str:
    speeds = sorted(r.provenance["steps_per_s"] for r in results if r.provenance["steps_per_s"])
    return rough(speeds[len(speeds) // 2]) if speeds else NOTHING


_ONCE: dict[str, Callable[[Sequence[RunResult]], str]] = {  # columns that no metric changes
    "hops": lambda results: "/".join(map(str, sorted({r.method["hops"] for r in results}))),
    "steps/s": _speed,
}
