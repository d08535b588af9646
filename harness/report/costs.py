"""The section on what the grid costs: spent so far, where the time goes, and what is to come."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from harness.plotting.plot import Plot, Point, Scale
from harness.report.curves import level_of, median, point_of, seeds_of
from harness.report.document import (
    Block,
    Entry,
    Heading,
    NamedPlot,
    Paragraph,
    Table,
    file_name,
    prose,
)
from harness.report.numbers import NOTHING, number
from harness.report.rows import Variant, labels, title_of
from harness.results.cost import Costs, duration
from harness.results.index import Run, State
from harness.stats.rounding import stable
from methods import METHODS
from scenarios import SCENARIOS

_PARTS = ("act_s", "simulate_s", "learn_s")  # of training, without the harness
_HEAD = (
    "task", "method", "settings", "done", "a cell", "acting", "simulator", "learning",
    "evaluation", "harness", "to come",
)  # fmt: skip
_WORKERS = 2
_MINUTES_FROM_S = 100  # durations are written in minutes from here on
_FINAL = "Final {metric}: {seeds}; "
_SIDE = "gray: fixed policies. Points at the same spot stand side by side."


def costs_section(runs: Sequence[Run]) -> list[Block]:
    """Return what learning cells cost, by task, method and label; nothing without a record."""
    asked = [run for run in runs if run.state is not State.UNAVAILABLE and _learns(run)]
    done = [run for run in asked if run.result is not None]
    if not done:
        return []
    costs = Costs((run.cell, _cpu_s(run)) for run in asked)
    groups: dict[tuple[str, str, str], list[Run]] = {}
    for run in asked:
        groups.setdefault((run.cell.task, run.cell.method, run.cell.label), []).append(run)
    left = [run for run in asked if run.result is None]
    guessed = [run for run in left if not costs.known(run.cell)]
    spent_s = sum((_cpu_s(run) or 0.0 for run in done), 0.0)
    left_s = sum((costs.expected_s(run.cell) for run in left), 0.0)
    return [
        Heading(2, "Costs"),
        Paragraph(
            prose(
                f"Processor time of the {len(done)} learning cells that are done: "
                f"{duration(spent_s)}. To come, if cells cost what their like did: "
                f"{duration(left_s)}; the whole grid on {_WORKERS} cores: "
                f"{duration((spent_s + left_s) / _WORKERS)}. "
                f"{len(guessed)} of the {len(left)} cells left (~) are of a method that has no "
                "result on its scenario yet: that figure is a guess. A cell's time is split, in %, "
                "as newer records have it; `harness` is all that is neither method nor simulator "
                "nor evaluation."
            )
        ),
        Table(head=_HEAD, rows=tuple(_row(group, costs) for group in groups.values()), left=3),
    ]


def _row(group: Sequence[Run], costs: Costs) -> tuple[str | Entry, ...]:
    cell, left = group[0].cell, [run.cell for run in group if run.result is None]
    found = [run.result for run in group if run.result is not None]
    mark = "" if costs.known(cell) else "~"
    each_s = float(np.mean([costs.expected_s(run.cell) for run in group]))
    left_s = sum((costs.expected_s(cell) for cell in left), 0.0)
    return (
        cell.task,
        title_of(cell.method),
        cell.label,
        f"{len(found)}/{len(group)}",
        _duration(each_s, mark),
        *_shares(result.provenance for result in found),
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
    for p in provenances:
        if p.keys() >= {*_PARTS, "evaluate_s", "wall_s"}:
            parts = [*(p[name] for name in _PARTS), p["evaluate_s"]]
            shares.append(np.array([*parts, p["wall_s"] - sum(parts)]) / p["wall_s"])
    if not shares:
        return [NOTHING] * (len(_PARTS) + 2)
    return [number(100 * share, 0) for share in np.median(shares, axis=0)]


def _learns(run: Run) -> bool:
    return run.cell.method in METHODS and METHODS[run.cell.method].learns


def _cpu_s(run: Run) -> float | None:
    cpu_s = None if run.result is None else run.result.provenance.get("cpu_s")
    return None if cpu_s is None else float(cpu_s)


class _Cost(NamedTuple):
    """What the points of a figure lie over."""

    name: str
    title: str
    xlabel: str
    scale: Scale
    caption: str


_FLOATS = _Cost(
    name="floats",
    title="against floats communicated",
    xlabel="floats per edge and step",
    scale="symlog",
    caption=f"{_FINAL}over what is sent while acting, thin to the right while learning; {_SIDE}",
)
_HOURS = _Cost(
    name="hours",
    title="against CPU hours",
    xlabel="CPU hours a run",
    scale="log",
    caption=f"{_FINAL}over the median CPU time of a run; {_SIDE}",
)


def cost_plots(task: str, rows: Sequence[Variant]) -> tuple[NamedPlot, ...]:
    """Return, per label, the figures of the methods as they are over what they take.

    They show the scenario's first headline metric, and only costs that differ between methods.
    """
    metric = next(iter(SCENARIOS[rows[0].cell.scenario].metric_info))
    found = []
    for label in labels(rows):
        done = [row for row in rows if row.finals(label, metric).size]
        learners = [row for row in done if row.learns and row.plain]
        fixed = [row for row in done if not row.learns]
        for cost, points in (
            (_FLOATS, [_over_floats(row, label, metric) for row in learners]),
            (_HOURS, [_over_hours(row, label, metric) for row in learners]),
        ):
            shown = tuple(point for point in points if point.x > 0 or cost.scale != "log")
            if len({(point.x, point.x_most) for point in shown}) > 1:
                found.append(_figure(cost, task, label, shown, learners, fixed))
    return tuple(found)


def _over_floats(row: Variant, label: str, metric: str) -> Point:
    kinds = ("floats_execution", "floats_training")
    acting, learning = (median(row.results(label), "method", kind) for kind in kinds)
    return point_of(row, label, metric, acting, learning)


def _over_hours(row: Variant, label: str, metric: str) -> Point:
    hours = median(row.results(label), "provenance", "cpu_s") / 3600
    return point_of(row, label, metric, hours, hours)


def _figure(
    cost: _Cost,
    task: str,
    label: str,
    points: tuple[Point, ...],
    learners: Sequence[Variant],
    fixed: Sequence[Variant],
) -> NamedPlot:
    metric, info = next(iter(SCENARIOS[learners[0].cell.scenario].metric_info.items()))
    plot = Plot(
        title=f"{task}, {label}: {metric} {cost.title}",
        ylabel=f"{metric} [{info.unit}]",
        curves=(),
        points=points,
        levels=tuple(level_of(row, label, metric) for row in fixed),
        by_method=True,
        xlabel=cost.xlabel,
        xscale=cost.scale,
    )
    seeds = seeds_of(((row, label) for row in learners), "line")
    caption = cost.caption.format(metric=metric, seeds=seeds)
    return NamedPlot(file_name(task, label, cost.name), caption, plot)
