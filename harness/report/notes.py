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
    shown = [(row, label, about_runs(task, row, label)) for row in rows for label in row.runs]
    found = []
    if titles := ", ".join(row.title for row in rows if centralized(row)):
        text = f"{titles}: acting or learning needs more than neighbors exchange"
        found.append(Note(about_method(task), text))
    for row, label, name in shown:
        if count := collapsed(row.results(label)):
            text = (
                f"{COLLAPSED} {row.title} ({label}): sharing collapsed (final mean self weight "
                f"below {COLLAPSE}) in {count} of {row.count(label, State.DONE)} runs"
            )
            found.append(Note(name, text))
    for row, label, name in shown:
        found += [Note(name, text) for text in _left_out(row, label)]
    return found


def _left_out(row: Variant, label: str) -> list[Text]:
    """Write which runs are in no mean; a variant that was never run says so in the table."""
    seeds: defaultdict[tuple[State, str], list[int]] = defaultdict(list)
    untouched = row.count(label, State.MISSING) == len(row.runs[label])
    for run in row.runs[label]:
        if run.state in _LEFT_OUT and not untouched:
            seeds[run.state, run.reason].append(run.cell.seed)
    return [
        (
            f"{row.title} ({label}), {seeds_text(found)}: ",
            *_LEFT_OUT[state],
            f" ({reason})" if reason else "",
        )
        for (state, reason), found in seeds.items()
    ]


def centralized(row: Variant) -> bool:
    """Say whether acting or learning needs more than neighbors exchange."""
    return any(result.method["centralized"] for x in row.runs for result in row.results(x))


def about_method(task: str) -> str:
    """Name the notes on what the methods at a task know."""
    return f"{task}: centralized"


def about_runs(task: str, row: Variant, label: str) -> str:
    """Name the notes on a variant's runs."""
    return f"{task}: {row.title} ({label})"


def unavailable_notes(runs: Iterable[Run]) -> list[Note]:
    """Write one note per reason why cells cannot be run, with the cells it stands for.

    A note has its reason for a name; tasks that miss the same methods stand together in it:
    ``jungle, routing (dqn, dgn)``.
    """
    missed: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        if run.state is State.UNAVAILABLE:
            missed[run.reason][run.cell.task].append(run.cell.method)
    found = []
    for reason, by_task in missed.items():
        tasks: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
        for task, methods in by_task.items():
            tasks[tuple(dict.fromkeys(methods))].append(task)
        cells = "; ".join(f"{', '.join(of)} ({', '.join(names)})" for names, of in tasks.items())
        n_runs = sum(map(len, by_task.values()))
        found.append(Note(reason, f"{reason} ({n_runs} runs): {cells}"))
    return found
