"""The lesser tables: what methods that share have learned to keep, and what each method takes."""

from collections.abc import Sequence

import numpy as np

from harness.report.comparison import each_label
from harness.report.document import Block, Entry, Heading, Paragraph, Table
from harness.report.lines import median
from harness.report.notes import collapsed, learned_shares
from harness.report.numbers import NOTHING, mean_text, range_text, rough
from harness.report.variants import Variant, labels
from harness.result import RunResult
from harness.stats.interval import summarize

_PLACES = 3
_TRACE = "selfishness"
_SHARING = """Self weight: the part of its reward an agent keeps; final means over agents, steps and
evaluation episodes. Agents: the lowest and the highest agent of each run, from the first episode of
the last evaluation."""
_SHARING_HEAD = (
    "method",
    "label",
    "self weight: mean [95 %]",
    "min to max of runs",
    "sd within a run",
    "lowest agent of each run",
    "highest agent of each run",
    "collapsed",
)
_SIZES_HEAD = (
    "method",
    "parameters",
    "floats per edge and step, acting",
    "learning",
    "CPU minutes a run",
    "peak memory [MB]",
)


def sharing(rows: Sequence[Variant]) -> list[Block]:
    """Return the table of self weights; nothing where no method has learned any."""
    lines: list[tuple[str | Entry, ...]] = []
    for row in rows:
        for label in row.runs:
            results = row.results(label)
            shares = learned_shares(results)
            if shares:
                numbers = [*_shares(results, shares), f"{collapsed(results)}/{len(shares)}"]
                records = row.records(label)
                entries = (Entry(text=text, records=records) for text in numbers)
                lines.append((row.title, label, *entries))
    if not lines:
        return []
    return [
        Heading(3, "Learned sharing"),
        Paragraph(_SHARING),
        Table(head=_SHARING_HEAD, rows=tuple(lines), left=2),
    ]


def sizes(rows: Sequence[Variant]) -> list[Block]:
    """Return the table of sizes and costs; nothing where nothing has been run."""
    columns = labels(rows)
    lines: list[tuple[str | Entry, ...]] = [
        (row.title, *(each_label(row, columns, say) for say in _SAYINGS))
        for row in rows
        if any(row.results(label) for label in columns)
    ]
    if not lines:
        return []
    order = f" Where labels differ: {' / '.join(columns)}." if len(columns) > 1 else ""
    return [
        Heading(3, "Size, communication and cost"),
        Paragraph(f"Medians over the runs.{order}"),
        Table(head=_SIZES_HEAD, rows=tuple(lines)),
    ]


def _shares(results: Sequence[RunResult], shares: Sequence[float]) -> list[str]:
    agents = [np.mean(r.traces[_TRACE], axis=0) for r in results if r.traces.get(_TRACE)]
    spread = float(np.mean([r.final(f"{_TRACE}_sd") for r in results]))
    return [
        mean_text(summarize(np.array(shares)), _PLACES),
        range_text(shares, _PLACES),
        f"{spread:.{_PLACES}f}",
        range_text([agent.min() for agent in agents], _PLACES) if agents else NOTHING,
        range_text([agent.max() for agent in agents], _PLACES) if agents else NOTHING,
    ]


_SAYINGS = (
    lambda results: f"{median(results, 'method', 'parameters'):,.0f}",
    lambda results: f"{median(results, 'method', 'floats_execution'):,.3g}",
    lambda results: f"{median(results, 'method', 'floats_training'):,.3g}",
    lambda results: rough(median(results, "provenance", "cpu_s") / 60),
    lambda results: rough(median(results, "provenance", "peak_memory_mb")),
)
