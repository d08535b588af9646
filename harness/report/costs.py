"""What methods cost: sizes and figures at a task; over the grid, time spent and time to come."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from harness.plotting.plot import Plot, Point, Scale
from harness.report.comparison import each_label
from harness.report.curves import level_of, name_of, seeds_of
from harness.report.document import (
    Block,
    Entry,
    Figure,
    Heading,
    Paragraph,
    Table,
    file_name,
    prose,
)
from harness.report.numbers import NOTHING, count_text, number, rough, significant
from harness.report.rows import Variant, labels, title_of
from harness.results.cost import Costs, duration
from harness.results.index import Run, State
from harness.results.result import RunResult
from harness.stats.rounding import drawn, size_of, stable
from methods import METHODS
from scenarios import SCENARIOS

_PARTS = ("act_s", "simulate_s", "learn_s", "evaluate_s")  # of a cell, without the harness
_HEAD = (
    "task", "method", "settings", "done", "a cell", "acting", "simulator", "learning",
    "evaluation", "harness", "to come",
)  # fmt: skip
_WORKERS = 2
_MINUTES_FROM_S = 100  # durations are written in minutes from here on


def costs_section(runs: Sequence[Run]) -> list[Block]:
    """Return what learning cells cost, by task, method and label; nothing without a record."""
    learners = {name for name, method in METHODS.items() if method.learns}
    available = (run for run in runs if run.state is not State.UNAVAILABLE)
    asked = [run for run in available if run.cell.method in learners]
    done = [run for run in asked if run.result is not None]
    left = [run.cell for run in asked if run.result is None]
    if not done:
        return []
    costs = Costs((run.cell, run.cpu_s) for run in done)
    groups: dict[tuple[str, str, str], list[Run]] = {}
    for run in asked:
        groups.setdefault((run.cell.task, run.cell.method, run.cell.label), []).append(run)
    n_guessed = sum(not costs.known(cell) for cell in left)
    spent_s = sum((run.cpu_s or 0.0 for run in done), 0.0)
    left_s = sum(map(costs.expected_s, left), 0.0)
    return [
        Heading(2, "Costs"),
        Paragraph(
            prose(
                f"Processor time of the {len(done)} learning cells that are done: "
                f"{duration(spent_s)}. To come, if cells cost what their like did: "
                f"{duration(left_s)}; the whole grid on {_WORKERS} cores: "
                f"{duration((spent_s + left_s) / _WORKERS)}. "
                f"{n_guessed} of the {len(left)} cells left (~) are of a method that has no "
                "result on its scenario yet: that figure is a guess. A cell's time is split, in %, "
                "as newer records have it; `harness` is all that is neither method nor simulator "
                "nor evaluation."
            )
        ),
        Table(head=_HEAD, rows=tuple(_row(group, costs) for group in groups.values()), left=3),
    ]


def _row(group: Sequence[Run], costs: Costs) -> tuple[str | Entry, ...]:
    cell, left = group[0].cell, [run.cell for run in group if run.result is None]
    found = [run.result.provenance for run in group if run.result is not None]
    mark = "" if costs.known(cell) else "~"
    each_s = float(np.mean([costs.expected_s(run.cell) for run in group]))
    left_s = sum(map(costs.expected_s, left), 0.0)
    return (
        cell.task,
        title_of(cell.method),
        cell.label,
        f"{len(found)}/{len(group)}",
        _duration(each_s, mark),
        *_shares(found),
        _duration(left_s, mark) if left else Entry(text=NOTHING, value=0.0),
    )


def _duration(seconds: float, mark: str) -> Entry:
    """Write a duration; it sorts by the seconds that it shows."""
    seconds = stable(seconds)
    unit = 1 if seconds < _MINUTES_FROM_S else 60
    return Entry(text=f"{mark}{duration(seconds)}", value=float(unit * round(seconds / unit)))


def _shares(provenances: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return which share of a cell's time each part takes, median over those that know it."""
    shares = []
    for known in provenances:
        if known.keys() >= {*_PARTS, "wall_s"}:
            parts = [known[name] for name in _PARTS]
            shares.append(np.array([*parts, known["wall_s"] - sum(parts)]) / known["wall_s"])
    if not shares:
        return [NOTHING] * (len(_PARTS) + 1)
    return [number(100 * share, 0) for share in np.median(shares, axis=0)]


_SIDE = "gray: fixed policies. Points at the same spot stand side by side."
_COSTS: tuple[tuple[str, str, str, Scale, str], ...] = (  # file, title, x axis, what it is over
    (
        "floats",
        "against floats communicated",
        "floats per edge and step",
        "symlog",
        "what is sent while acting, thin to the right while learning",
    ),
    ("hours", "against CPU hours", "CPU hours a run", "log", "the median CPU time of a run"),
)


def cost_plots(task: str, rows: Sequence[Variant]) -> tuple[Figure, ...]:
    """Return, per label, the figures of the methods as they are over what they take.

    They show the scenario's first headline metric, and only costs that differ between methods.
    """
    metric, info = next(iter(SCENARIOS[rows[0].cell.scenario].metric_info.items()))
    found = []
    for label in labels(rows):
        done = [row for row in rows if row.finals(label, metric).size]
        learners = [row for row in done if row.learns and row.plain]
        levels = tuple(level_of(row, label, metric) for row in done if not row.learns)
        for name, title, xlabel, xscale, over in _COSTS:
            points = [_point(row, label, metric, name) for row in learners]
            shown = tuple(point for point in points if point.x > 0 or xscale != "log")
            if len({(point.x, point.x_most) for point in shown}) < 2:
                continue
            plot = Plot(
                title=f"{task}, {label}: {metric} {title}",
                ylabel=f"{metric} [{info.unit}]",
                curves=(),
                points=shown,
                levels=levels,
                by_method=True,
                xlabel=xlabel,
                xscale=xscale,
            )
            seeds = seeds_of(((row, label) for row in learners), "line")
            caption = f"Final {metric}: {seeds}; over {over}; {_SIDE}"
            found.append(Figure(file_name(task, label, name), caption, plot))
    return tuple(found)


def _point(row: Variant, label: str, metric: str, cost: str) -> Point:
    """Put final values over what they take: floats sent, acting and learning, or CPU hours."""
    results, finals = row.results(label), row.finals(label, metric)
    if cost == "hours":
        x = x_most = _median(results, "provenance", "cpu_s") / 3600
    else:
        x = _median(results, "method", "floats_execution")
        x_most = _median(results, "method", "floats_training")
    mean, least, most = (drawn(f(finals), size_of(finals)) for f in (np.mean, np.min, np.max))
    return Point(
        name=name_of(row, label),
        method=row.cell.method,
        x=drawn(x),
        x_most=drawn(x_most),
        mean=mean,
        least=least,
        most=most,
    )


_SIZES: dict[str, Callable[[Sequence[RunResult]], str]] = {
    "parameters": lambda results: count_text(_median(results, "method", "parameters")),
    "floats per edge and step, acting": lambda results: significant(
        _median(results, "method", "floats_execution"), 3
    ),
    "learning": lambda results: significant(_median(results, "method", "floats_training"), 3),
    "CPU minutes a run": lambda results: rough(_median(results, "provenance", "cpu_s") / 60),
    "peak memory [MB]": lambda results: rough(_median(results, "provenance", "peak_memory_mb")),
}


def sizes(rows: Sequence[Variant]) -> list[Block]:
    """Return the table of sizes and costs; nothing where nothing has been run."""
    columns = labels(rows)
    lines: list[tuple[str | Entry, ...]] = [
        (row.title, *(each_label(row, columns, say) for say in _SIZES.values()))
        for row in rows
        if any(row.results(label) for label in columns)
    ]
    if not lines:
        return []
    order = f" Where labels differ: {' / '.join(columns)}." if len(columns) > 1 else ""
    return [
        Heading(3, "Size, communication and cost"),
        Paragraph(f"Medians over the runs.{order}"),
        Table(head=("method", *_SIZES), rows=tuple(lines)),
    ]


def _median(results: Sequence[RunResult], part: str, key: str) -> float:
    """Return the median of what runs record beside their curves."""
    return float(np.median([getattr(result, part)[key] for result in results]))
