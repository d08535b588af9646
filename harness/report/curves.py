"""Which learning curves a report shows, and what they plot."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from harness.plot import Curve, Level, Plot
from harness.report.variants import Variant, labels
from harness.status import State
from harness.table import curve_table
from methods import METHODS
from scenarios import SCENARIOS


@dataclass(frozen=True, slots=True, kw_only=True)
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


def plots(place: str, rows: Sequence[Variant]) -> tuple[NamedPlot, ...]:
    """Return the figures of a place: per label the methods, then each method's swept fields.

    They show the scenario's first headline metric.
    """
    metric, info = next(iter(SCENARIOS[rows[0].cell.scenario].metric_info.items()))
    found = []
    for label in labels(rows):
        done = [row for row in rows if row.finals(label, metric).size]
        levels = tuple(_level(row, label, metric) for row in done if not row.learns)
        for swept, group in _groups(done).items():
            plot = Plot(
                title=", ".join([place, label, *swept[1:]]),
                ylabel=f"{metric} [{info.unit}]",
                curves=tuple(_curve(row, label, metric) for row in group),
                levels=levels,
                by_method=not swept,
            )
            file = "-".join(map(_safe, [place, label, *swept[:1]])) + ".svg"
            found.append(NamedPlot(file=file, caption=_caption(group, label, metric), plot=plot))
    return tuple(found)


def _groups(done: Sequence[Variant]) -> dict[tuple[str, ...], list[Variant]]:
    """Group learners by figure: methods as they are under (), sweeps under (method, title)."""
    learners = [row for row in done if row.learns]
    groups: defaultdict[tuple[str, ...], list[Variant]] = defaultdict(list)
    for row in learners:
        if not row.cell.fields:
            groups[()].append(row)
    swept = {row.cell.method for row in learners if row.cell.fields}
    for row in learners:
        if row.cell.method in swept:
            groups[row.cell.method, METHODS[row.cell.method].title].append(row)
    return groups


def _level(row: Variant, label: str, metric: str) -> Level:
    return Level(name=row.title, value=_rounded(row.finals(label, metric).mean()))


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
    return tuple(_rounded(value) for value in values)


def _rounded(value: float) -> float:
    """Drop the digits in which machines may differ, so that the hash of the data does not."""
    return float(f"{value:.10g}")


def _safe(name: str) -> str:
    """Return a name that suits any file system and URL, still different for different names."""
    safe = re.sub(r"[^A-Za-z0-9._=,]", "_", name)
    return safe if safe == name else f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
