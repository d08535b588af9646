"""Footnotes: runs that are in no mean, and runs to look at twice."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from harness.config.seeding import seeds_text
from harness.report.document import Note, Text, prose
from harness.report.rows import Variant
from harness.results.index import Run, State
from harness.results.result import RunResult
from harness.stats.rounding import stable
from harness.training.worker import COLLAPSE

# Reported by methods that learn how much of its reward an agent keeps.
SHARE, SPREAD = "selfishness_mean", "selfishness_sd"
COLLAPSED = "†"
_LEFT_OUT = {
    State.FAILED: prose("failed"),
    State.DAMAGED: prose("damaged"),
    State.STALE: prose(
        "stale: computed with other settings or versions; `run --rerun stale` renews it"
    ),
    State.MISSING: prose("not run yet"),
}


def learned_shares(results: Iterable[RunResult]) -> list[float]:
    """Return the final mean self weight of each run that has learned one."""
    return [stable(r.final(SHARE)) for r in results if SHARE in r.curve[-1]["metrics"]]


def collapsed(results: Iterable[RunResult]) -> int:
    """Count the runs at whose end the agents keep almost nothing of their own reward."""
    return sum(share < COLLAPSE for share in learned_shares(results))


def notes(task: str, rows: Sequence[Variant]) -> list[Note]:
    """Write what a reader must know of a task's runs.

    One note for what is centralized, one per collapse and per reason why runs are in no mean.
    """
    found = [Note(about_method(task), text) for text in _centralized_notes(rows)]
    for write in (_collapse_notes, _left_out_notes):
        found += [
            Note(about_runs(task, row, label), text)
            for row in rows
            for label in row.runs
            for text in write(row, label)
        ]
    return found


def centralized(row: Variant) -> bool:
    """Say whether acting or learning needs more than neighbors exchange."""
    return any(result.method["centralized"] for x in row.runs for result in row.results(x))


def about_method(task: str) -> str:
    """Name the notes on what the methods at a task know."""
    return f"{task}: centralized"


def about_runs(task: str, row: Variant, label: str) -> str:
    """Name the notes on a variant's runs."""
    return f"{task}: {_named(row, label)}"


def unavailable_notes(runs: Iterable[Run]) -> list[Note]:
    """Write one note per reason why cells cannot be run, with the cells it stands for.

    A note has its reason for a name.
    """
    methods: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    counts: defaultdict[str, int] = defaultdict(int)
    for run in runs:
        if run.state is State.UNAVAILABLE:
            methods[run.reason][run.cell.task].append(run.cell.method)
            counts[run.reason] += 1
    return [
        Note(reason, f"{reason} ({counts[reason]} runs): {_gathered(tasks)}")
        for reason, tasks in methods.items()
    ]


def _gathered(methods: dict[str, list[str]]) -> str:
    """Write tasks that miss the same methods together: ``jungle, routing (dqn, dgn)``."""
    tasks: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for task, names in methods.items():
        tasks[tuple(dict.fromkeys(names))].append(task)
    return "; ".join(f"{', '.join(where)} ({', '.join(names)})" for names, where in tasks.items())


def _centralized_notes(rows: Sequence[Variant]) -> list[Text]:
    titles = ", ".join(row.title for row in rows if centralized(row))
    return [f"{titles}: acting or learning needs more than neighbors exchange"] if titles else []


def _collapse_notes(row: Variant, label: str) -> list[Text]:
    count = collapsed(row.results(label))
    if not count:
        return []
    return [
        f"{COLLAPSED} {_named(row, label)}: sharing collapsed (final mean self weight below "
        f"{COLLAPSE}) in {count} of {row.count(label, State.DONE)} runs"
    ]


def _left_out_notes(row: Variant, label: str) -> list[Text]:
    runs, seeds = row.runs[label], defaultdict[tuple[State, str], list[int]](list)
    for run in runs:
        if run.state in _LEFT_OUT and not (
            run.state is State.MISSING and row.count(label, State.MISSING) == len(runs)
        ):  # a variant that was never run says so in the table
            seeds[run.state, run.reason].append(run.cell.seed)
    return [
        (
            f"{_named(row, label)}, {seeds_text(found)}: ",
            *_LEFT_OUT[state],
            f" ({reason})" if reason else "",
        )
        for (state, reason), found in seeds.items()
    ]


def _named(row: Variant, label: str) -> str:
    return f"{row.title} ({label})"
