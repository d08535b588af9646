"""What scores take: figures of final values against floats communicated and CPU hours."""

from collections.abc import Sequence
from typing import NamedTuple

from harness.plot import Plot, Point, Scale
from harness.report.lines import level_of, median, point_of, seeds_of
from harness.report.named_plot import NamedPlot, file_name
from harness.report.variants import Variant, labels
from scenarios import SCENARIOS

_FINAL = "Final {metric}: {seeds}; "
_SIDE = "gray: fixed policies. Points at the same spot stand side by side."


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


def cost_plots(place: str, rows: Sequence[Variant]) -> tuple[NamedPlot, ...]:
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
                found.append(_figure(cost, place, label, shown, learners, fixed))
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
    place: str,
    label: str,
    points: tuple[Point, ...],
    learners: Sequence[Variant],
    fixed: Sequence[Variant],
) -> NamedPlot:
    metric, info = next(iter(SCENARIOS[learners[0].cell.scenario].metric_info.items()))
    plot = Plot(
        title=f"{place}, {label}: {metric} {cost.title}",
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
    return NamedPlot(file_name(place, label, cost.name), caption, plot)
