"""Which learning curves a report shows, and what they plot."""

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from harness.plot import Curve, Level, Plot
from harness.published import load_published
from harness.report.variants import Variant, labels
from harness.status import State
from harness.table import curve_table
from methods import METHODS
from scenarios import SCENARIOS


@dataclass(frozen=True, slots=True)
class NamedPlot:
    """A plot and where it goes.

    Attributes:
        file: Name of the file.
        caption: What the lines are and how many runs stand behind them.
        plot: What it shows.
    """

    file: str
    caption: str
    plot: Plot


class _Group(NamedTuple):
    """Learners that share a figure."""

    rows: Sequence[Variant]
    file: tuple[str, ...] = ()  # what follows place and label in the file's name ...
    title: tuple[str, ...] = ()  # ... and in the title
    by_method: bool = True


def plots(place: str, rows: Sequence[Variant]) -> tuple[NamedPlot, ...]:
    """Return the figures of a place: per label the methods, then each method's swept fields.

    They show the scenario's first headline metric. Where the papers compare some of the methods,
    these have a figure, and the others the next.
    """
    scenario = rows[0].cell.scenario
    metric, info = next(iter(SCENARIOS[scenario].metric_info.items()))
    compared = {entry.method for entry in load_published(scenario)}
    found = []
    for label in labels(rows):
        done = [row for row in rows if row.finals(label, metric).size]
        levels = tuple(_level(row, label, metric) for row in done if not row.learns)
        for group in _groups(done, compared):
            plot = Plot(
                title=", ".join([place, label, *group.title]),
                ylabel=f"{metric} [{info.unit}]",
                curves=tuple(_curve(row, label, metric) for row in group.rows),
                levels=levels,
                by_method=group.by_method,
            )
            file = file_name(place, label, *group.file)
            found.append(NamedPlot(file, _caption(group.rows, label, metric), plot))
    return tuple(found)


def file_name(*parts: str) -> str:
    """Return a name for a figure, different for different parts."""
    return "-".join(map(_safe, parts)) + ".svg"


def rounded(value: float) -> float:
    """Drop the digits in which machines may differ, so that the hash of the data does not."""
    return float(f"{value:.10g}")


def _groups(done: Sequence[Variant], compared: Collection[str]) -> Iterator[_Group]:
    """Yield the figures' learners: the papers' methods, the others, each method's variants.

    A method's only variant stands for it, whatever its fields.
    """
    learners = [row for row in done if row.learns]
    variants = Counter(row.cell.method for row in learners)
    plain = [row for row in learners if not row.cell.fields or variants[row.cell.method] == 1]
    theirs = [row for row in plain if row.cell.method in compared]
    if 0 < len(theirs) < len(plain):
        yield _Group(theirs)
        others = [row for row in plain if row.cell.method not in compared]
        yield _Group(others, ("others",), ("methods that the papers do not compare",))
    elif plain:
        yield _Group(plain)
    swept = [row.cell.method for row in learners if row.cell.fields]
    for method in dict.fromkeys(name for name in swept if variants[name] > 1):
        rows = [row for row in learners if row.cell.method == method]
        yield _Group(rows, (method,), (METHODS[method].title,), by_method=False)


def _level(row: Variant, label: str, metric: str) -> Level:
    return Level(name=row.title, value=rounded(row.finals(label, metric).mean()))


def _curve(row: Variant, label: str, metric: str) -> Curve:
    """Gather a variant's runs by evaluation; a run's episodes at an evaluation may differ."""
    table = curve_table(row.runs[label])
    points = table[table["metric"] == metric].groupby("evaluation")
    values = points["value"].agg(["mean", "min", "max"])
    done, asked = row.count(label, State.DONE), len(row.runs[label])
    return Curve(
        name=row.title if done == asked else f"{row.title} ({done}/{asked})",
        method=row.cell.method,
        x=_column(points["episode"].mean()),
        mean=_column(values["mean"]),
        least=_column(values["min"]),
        most=_column(values["max"]),
    )


def _caption(group: Sequence[Variant], label: str, metric: str) -> str:
    counts = sorted({row.count(label, State.DONE) for row in group})
    seeds = " to ".join(str(n) for n in dict.fromkeys((counts[0], counts[-1])))
    return (
        f"{metric}: mean over {seeds} seeds, band from their least to their most; gray: fixed "
        "policies. Seeds are put together evaluation by evaluation, each at the mean number of "
        "training episodes played by then."
    )


def _column(values: "pd.Series[float]") -> tuple[float, ...]:
    return tuple(rounded(value) for value in values)


def _safe(name: str) -> str:
    """Return a name that suits any file system and URL, still different for different names."""
    safe = re.sub(r"[^A-Za-z0-9._=,]", "_", name)
    return safe if safe == name else f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
