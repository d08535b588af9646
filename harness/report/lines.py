"""From the runs of a variant to what figures draw of them: curves, levels, points."""

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from harness.place import game_options
from harness.plot import Curve, Level, Point
from harness.published import BOUND, find_published, load_published
from harness.report.variants import Variant
from harness.result import RunResult, rounded
from harness.status import State
from harness.table import curve_table
from scenarios import SCENARIOS


def curve_of(
    row: Variant,
    label: str,
    metric: str,
    *,
    along: Literal["episode", "step"] = "episode",
    name: str | None = None,
) -> Curve:
    """Gather a variant's runs by evaluation; how far a run is at an evaluation may differ."""
    table = curve_table(row.runs[label])
    points = table[table["metric"] == metric].groupby("evaluation")
    values = points["value"].agg(["mean", "min", "max"])
    return Curve(
        name=name or name_of(row, label),
        method=row.cell.method,
        x=_column(points[along].mean()),
        mean=_column(values["mean"]),
        least=_column(values["min"]),
        most=_column(values["max"]),
    )


def level_of(row: Variant, label: str, metric: str) -> Level:
    """Return where the runs of a policy that does not learn lie."""
    return Level(name=row.title, value=rounded(row.finals(label, metric).mean()))


def levels_of(rows: Sequence[Variant], label: str, metric: str) -> tuple[Level, ...]:
    """Return where policies that do not learn lie, and what the papers call a bound.

    What a logarithmic axis has no place for is left out.
    """
    found = [level_of(row, label, metric) for row in rows if not row.learns]
    for row in rows[:1]:
        published, options = load_published(row.cell.scenario), game_options(row.cell)
        found += [
            Level(name=f"papers' bound: {entry.shown}", value=entry.value)
            for entry in find_published(published, BOUND, metric, options)
            if entry.value is not None
        ]
        if SCENARIOS[row.cell.scenario].metric_info[metric].log:
            found = [level for level in found if level.value > 0]
    return tuple(dict.fromkeys(found))  # tables and figures of a paper may state the same bound


def point_of(row: Variant, label: str, metric: str, x: float, x_most: float) -> Point:
    """Put the final values of a variant beside what it takes."""
    finals = row.finals(label, metric)
    mean, least, most = (rounded(float(f(finals))) for f in (np.mean, np.min, np.max))
    return Point(
        name=name_of(row, label),
        method=row.cell.method,
        x=rounded(x),
        x_most=rounded(x_most),
        mean=mean,
        least=least,
        most=most,
    )


def name_of(row: Variant, label: str) -> str:
    """Return a variant's entry in a legend, with its runs where some are missing."""
    done, asked = row.count(label, State.DONE), len(row.runs[label])
    return row.title if done == asked else f"{row.title} ({done}/{asked})"


def seeds_of(shown: Iterable[tuple[Variant, str]], mark: str) -> str:
    """Write what a figure shows of its seeds.

    ``1 seed``, or ``mean over 3 to 5 seeds, band from their least to their most``.

    Args:
        shown: Variants with labels.
        mark: What goes from the least to the most.
    """
    counts = sorted({row.count(label, State.DONE) for row, label in shown})
    if counts[-1] == 1:
        return "1 seed"
    span = " to ".join(str(n) for n in dict.fromkeys((counts[0], counts[-1])))
    return f"mean over {span} seeds, {mark} from their least to their most"


def median(results: Sequence[RunResult], part: str, key: str) -> float:
    """Return the median of what runs record beside their curves."""
    return float(np.median([getattr(result, part)[key] for result in results]))


def _column(values: "pd.Series[float]") -> tuple[float, ...]:
    return tuple(rounded(value) for value in values)
