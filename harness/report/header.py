"""The top of a report: what it is, how far it is, how to read it."""

from collections import Counter
from collections.abc import Mapping, Sequence

from harness.config.grid import Grid
from harness.report.claims import Finding, tally
from harness.report.document import Block, Bullets, Code, Heading, Paragraph, Strong, Table, prose
from harness.report.numbers import sentence
from harness.results.index import Run, State
from harness.results.integrity import Fault, Kind
from harness.stats.decision import CLOSE, MARGIN
from harness.stats.paired import ALARM, LEAST_PAIRS, POWER

_READING = (
    """Tables of a metric: a run's final value is the mean of its last ten evaluations. `papers`:
    what the LToS papers (000, the first version, and 001, the later one) state, in words where they
    print no number. `mean [95 %]`: over the seeds done, with Student's t interval (one seed has
    none). `seeds`: done of asked. `rank`: among the learning methods; a range where these seeds do
    not set them apart. `hops`: how many edges away an agent's information may come from when it
    acts. `steps/s`: environment steps per second of training, median. Where labels differ in such a
    figure, it gives one each, in the order of the columns. ↑ higher is better, ↓ lower.""",
    f"""Against the papers: `match`, the printed number lies in our interval, and our mean within
    {100 * CLOSE:g} % of the way from floor to bound; `close`, the latter alone; `better`, `worse`,
    neither. Behind it our mean less theirs. `rank (papers)`: among the methods that the paper
    prints and that were run.""",
    f"""Claims: pair by pair, on the seeds that both have. `holds`: the 95 % interval of the
    advantage lies above zero, and the sign-flip test agrees (one-sided p at most {ALARM:g}). `does
    not hold`: likewise below {100 * MARGIN:g} % of the way from floor to bound, which is no
    difference in practice. `undecided`: neither, as always below {LEAST_PAIRS} seeds. In brackets
    the mean advantage with its interval, and how many seeds would decide it if more were like
    these.""",
    f"""LToS against each method: differences seed by seed; the same seed means the same evaluation
    episodes. `LToS better`: in how many pairs, equal ones counted half. `effect`: mean over
    standard deviation (Hedges). `p`: sign-flip test, two-sided; Holm's correction is over the
    table, bold where it leaves at most {ALARM:g}. `detectable`: the least difference that so many
    pairs show with probability {POWER:g}.""",
    """How all this is computed, and how often it errs: `docs/statistics.md`.""",
)


def header(grid: Grid, runs: Sequence[Run], faults: Sequence[Fault]) -> list[Block]:
    """Return what the report is, what makes it, how many runs became what, and how to read it."""
    counts = Counter(run.state for run in runs)
    said = ", ".join(f"{counts[state]} {state}" for state in State if counts[state])
    blocks: list[Block] = [
        Heading(1, grid.name),
        Paragraph(
            (
                f"{sentence(grid.description)} Made by ",
                Code(f"python -m harness report --grid {grid.name}"),
                "; do not edit.",
            )
        ),
        Paragraph((Strong(f"{len(runs)} runs: {said}."), *_soundness(counts, faults))),
    ]
    if not counts[State.DONE]:
        start = Code(f"python -m harness run --grid {grid.name}")
        blocks.append(Paragraph(("There is no result to report yet: ", start, " makes them.")))
    return [*blocks, Bullets((*map(prose, _READING),), folded="How to read this report")]


def overview(
    by_task: Mapping[str, Sequence[Run]], found: Mapping[str, Sequence[Finding]]
) -> list[Block]:
    """Return how far each task is and how the papers' claims stand there.

    Nothing for a single task, where the header says it.

    Args:
        by_task: Every task's runs.
        found: The findings on the claims of every task that has any.
    """
    if len(by_task) < 2:
        return []
    states = [s for s in State if any(run.state is s for runs in by_task.values() for run in runs)]
    counts = {task: Counter(run.state for run in runs) for task, runs in by_task.items()}
    labels = dict.fromkeys(f.label for findings in found.values() for f in findings)
    lines = [
        (
            task,
            *(str(counts[task][s]) for s in states),
            *(tally(found.get(task, ()), label) for label in labels),
        )
        for task in by_task
    ]
    head = ("runs", *states, *(f"claims, {label}" for label in labels))
    return [Table(head=head, rows=tuple(lines))]


def _soundness(counts: Mapping[State, int], faults: Sequence[Fault]) -> tuple[str | Strong, ...]:
    if faults:
        kinds = ", ".join(dict.fromkeys(fault.kind for fault in faults))
        number = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        return (" ", Strong(f"Integrity: {number} ({kinds}), named at the end."))
    return (f" Integrity: no fault in {counts[State.DONE]} records.",) if counts[State.DONE] else ()


_LOOKED_FOR = ", ".join(Kind)


def soundness(runs: Sequence[Run], faults: Sequence[Fault]) -> list[Block]:
    """Return the section on integrity; nothing without a record."""
    n_records = sum(run.state is State.DONE for run in runs)
    if not n_records and not faults:
        return []
    blocks: list[Block] = [
        Heading(2, "Integrity"),
        Paragraph(
            prose(
                f"{n_records} records were looked through for: {_LOOKED_FOR}. "
                f"{'Found:' if faults else 'Found: nothing.'}"
            )
        ),
    ]
    lines = [(str(fault.kind), fault.where, fault.detail) for fault in faults]
    head = ("fault", "where", "what was found")
    return [*blocks, Table(head=head, rows=tuple(lines), left=3)] if lines else blocks
