"""The command ``compare``: what changed from one folder of results to another."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path

from rich.table import Table

from harness.commands.request import CHECK_FAILED, OK, console, print_json
from harness.report.numbers import decimals, interval_text, number
from harness.results.compare import Change, Comparison, Outcome, compare

_SHOWN = (Outcome.WORSE, Outcome.BETTER, Outcome.UNDECIDED, Outcome.EQUIVALENT)


def compare_results(before: Path, after: Path, *, share: float, fail: bool, as_json: bool) -> int:
    """Compare two folders of results; fail, if asked to, where something got worse."""
    found = compare(before, after, share)
    worse = any(change.outcome is Outcome.WORSE for change in found.changes)
    if as_json:
        print_json(asdict(found))
    else:
        _print(found, share)
    return CHECK_FAILED if fail and worse else OK


def _print(found: Comparison, share: float) -> None:
    out = console()
    differing = [change for change in found.changes if change.outcome in _SHOWN]
    if differing:
        heads = (
            "results",
            "metric",
            "seeds",
            "differ",
            "before",
            "after",
            "change [95 %]",
            "margin",
            "",
        )
        table = Table(*heads, box=None, pad_edge=False)
        for change in sorted(differing, key=lambda change: _SHOWN.index(change.outcome)):
            table.add_row(*_cells(change))
        out.print(table)
    counts = Counter(change.outcome for change in found.changes)
    said = ", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome if counts[outcome])
    out.print(
        f"\n{len(found.changes)} metrics in both: {said}; margin {100 * share:g} % of the way from "
        "floor to bound",
        soft_wrap=True,
    )
    if found.lost or found.new:
        out.print(
            f"{len(found.lost)} results only before, {len(found.new)} only after", soft_wrap=True
        )


def _cells(change: Change) -> tuple[str, ...]:
    places = decimals(change.before, change.after)
    gap = change.after - change.before
    return (
        change.where,
        change.metric,
        str(change.n),
        str(len(change.differing)),
        number(change.before, places),
        number(change.after, places),
        interval_text(gap, change.interval, places),
        number(change.margin, places),
        change.outcome,
    )
