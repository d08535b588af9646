"""The top of a report: what it is, how far it is, how to read it."""

from collections import Counter
from collections.abc import Mapping, Sequence

from harness.grid import Grid
from harness.report.markdown import code, escape, sentence, table
from harness.status import State
from harness.table import Run

_READING = """\
A run's final value is the mean of its last ten evaluations. `papers`: what the LToS papers (000,
the first version, and 001, the later one) state, in words where they print no number.
`mean [95 %]`: over the seeds done, with Student's t interval (one seed has none). `seeds`: done
of asked. `hops`: how many edges away an agent's information may come from when it acts.
`steps/s`: environment steps per second of training, median. Where labels differ in such a figure,
it gives one each, in the order of the columns. ↑ higher is better, ↓ lower."""


def header(grid: Grid, runs: Sequence[Run]) -> str:
    """Write what the report is, what makes it and how many runs became what."""
    counts = Counter(run.state for run in runs)
    said = ", ".join(f"{counts[state]} {state}" for state in State if counts[state])
    command = f"python -m harness report --grid {grid.name}"
    parts = [
        f"# {escape(grid.name)}",
        f"{escape(sentence(grid.description))} Made by {code(command)}; do not edit.",
        f"**{len(runs)} runs: {said}.**",
    ]
    if not counts[State.DONE]:
        start = code(f"python -m harness run --grid {grid.name}")
        parts.append(f"There is no result to report yet: {start} makes them.")
    return "\n\n".join([*parts, _READING])


def overview(by_place: Mapping[str, Sequence[Run]]) -> str:
    """Write how far each place is; nothing for a single place, where the header says it."""
    if len(by_place) < 2:
        return ""
    states = [s for s in State if any(run.state is s for runs in by_place.values() for run in runs)]
    counts = {place: Counter(run.state for run in runs) for place, runs in by_place.items()}
    lines = [[escape(place), *(str(counts[place][s]) for s in states)] for place in by_place]
    return table(["runs", *states], lines)
