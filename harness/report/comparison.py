"""The main table: each method beside the papers' figures, a group of columns per label."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from harness.published import Published, find_published
from harness.report.markdown import NOTHING, escape, mean_text, range_text, rough, table
from harness.report.notes import COLLAPSED, collapsed
from harness.report.variants import Variant, labels
from harness.result import RunResult
from harness.stats import summarize
from harness.status import State

_ABSENT = {State.DONE: "without this metric", State.MISSING: "not run"}


def comparison(
    rows: Sequence[Variant],
    metric: str,
    places: int,
    published: Sequence[Published],
    *,
    whole: bool,
) -> str:
    """Write the table of one metric.

    Args:
        rows: The method variants of a place.
        metric: Which metric.
        places: Decimals of its values.
        published: What the papers state.
        whole: Whether to add what does not depend on the metric: hops and steps/s.
    """
    columns = labels(rows)
    head = ["method", "papers"]
    for label in columns:
        head += [f"{escape(label)}: mean [95 %]", "min to max", "seeds"]
    body = [[escape(row.title), _stated(row, metric, published)] for row in rows]
    for row, line in zip(rows, body, strict=True):
        for label in columns:
            line += _outcome(row, label, metric, places)
        if whole:
            line += [each_label(row, columns, _hops), each_label(row, columns, _speed)]
    return table([*head, *(["hops", "steps/s"] if whole else [])], body, left=2)


def each_label(
    row: Variant, columns: Sequence[str], say: Callable[[Sequence[RunResult]], str]
) -> str:
    """Say something of a variant under each label, once where it is the same everywhere."""
    said = [say(row.results(label)) if row.results(label) else NOTHING for label in columns]
    known = {text for text in said if text != NOTHING}
    return known.pop() if len(known) == 1 else " / ".join(said) if known else NOTHING


def papers(entries: Sequence[Published]) -> str:
    """Write what the papers state: ``about 0.5 (000, 001)``."""
    by_text: defaultdict[str, list[str]] = defaultdict(list)
    for entry in entries:
        by_text[entry.shown].append(entry.paper)
    return "; ".join(
        f"{escape(text)} ({escape(', '.join(found))})" for text, found in by_text.items()
    )


def sources(entries: Sequence[Published]) -> str:
    """Write where the papers' figures stand, and how many runs they rest on."""
    found = dict.fromkeys(
        f"{entry.paper}, {entry.source}" + (f", {entry.runs} runs" if entry.runs else "")
        for entry in entries
    )
    return f"Papers: {escape('; '.join(found))}." if found else ""


def _stated(row: Variant, metric: str, published: Sequence[Published]) -> str:
    cell = row.cell
    if cell.fields:  # the papers state one figure per method: at their own settings
        return ""
    return papers(find_published(published, cell.method, metric, dict(cell.options)))


def _outcome(row: Variant, label: str, metric: str, places: int) -> list[str]:
    """Return mean with interval, range, and seeds done of seeds asked."""
    asked = Counter(run.state for run in row.runs.get(label, ()))
    if not asked:
        return ["", "", ""]
    values = row.finals(label, metric)
    seeds = f"{len(values)}/{asked.total()}"
    if not len(values):
        states = [_ABSENT.get(state, state) for state in State if asked[state]]
        return [", ".join(states), NOTHING, seeds]
    faults = [f"{asked[s]} {s}" for s in (State.FAILED, State.DAMAGED, State.STALE) if asked[s]]
    mark = f" {COLLAPSED}" if collapsed(row.results(label)) else ""
    return [
        mean_text(summarize(values), places) + mark,
        range_text(values, places),
        seeds + (f" ({', '.join(faults)})" if faults else ""),
    ]


def _hops(results: Sequence[RunResult]) -> str:
    return "/".join(str(n) for n in sorted({result.method["hops"] for result in results}))


def _speed(results: Sequence[RunResult]) -> str:
    speeds = sorted(r.provenance["steps_per_s"] for r in results if r.provenance["steps_per_s"])
    return rough(speeds[len(speeds) // 2]) if speeds else NOTHING
