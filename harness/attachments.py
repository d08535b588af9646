"""Files that go with a tracked run: its curve; the table and the figure of a variant's seeds."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Any

import numpy as np

from harness.plot import Curve, Plot
from harness.result import RunResult
from methods import METHODS
from scenarios import SCENARIOS

_COUNTS = ("evaluation", "episode", "step")


def seed_files(result: RunResult) -> dict[str, str]:
    """Return a run's curve as CSV: a row per evaluation, a column per metric."""
    metrics = list(result.curve[0]["metrics"])
    rows = (
        [row[k] for k in _COUNTS] + [row["metrics"][m] for m in metrics] for row in result.curve
    )
    return {"curve.csv": _csv([*_COUNTS, *metrics], rows)}


def variant_files(results: Sequence[RunResult]) -> dict[str, str]:
    """Return the final values of a variant's seeds as CSV and, if it learns, its curve as SVG."""
    rows = (
        [result.cell.seed, metric, result.final(metric)]
        for result in results
        for metric in result.curve[-1]["metrics"]
    )
    files = {"table.csv": _csv(["seed", "metric", "final"], rows)}
    if METHODS[results[0].cell.method].learns:
        from harness.figures import draw  # matplotlib takes its time

        files["curve.svg"] = draw(_plot(results)).decode()
    return files


def _plot(results: Sequence[RunResult]) -> Plot:
    """Plot the first headline metric of a variant's seeds."""
    cell = results[0].cell
    metric, info = next(iter(SCENARIOS[cell.scenario].metric_info.items()))
    rows = list(zip(*(result.curve for result in results), strict=True))
    values = [[row["metrics"][metric] for row in at] for at in rows]
    curve = Curve(
        name=f"{METHODS[cell.method].title}, {len(results)} seeds",
        method=cell.method,
        x=tuple(float(np.mean([row["episode"] for row in at])) for at in rows),
        mean=tuple(float(np.mean(at)) for at in values),
        least=tuple(map(min, values)),
        most=tuple(map(max, values)),
    )
    title, ylabel = f"{cell.place}, {cell.variant}", f"{metric} [{info.unit}]"
    return Plot(title=title, ylabel=ylabel, curves=(curve,), levels=(), by_method=True)


def _csv(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    file = StringIO()
    csv.writer(file, lineterminator="\n").writerows([head, *rows])
    return file.getvalue()
