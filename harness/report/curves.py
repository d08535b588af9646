"""Which learning curves a report shows: over episodes and, where these differ, over steps."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np

from harness.plotting.plot import Curve, Level, Plot, Point
from harness.published.numbers import BOUND, find_published, load_published
from harness.report.document import NamedPlot, file_name
from harness.report.rows import Variant, labels
from harness.results.index import State, curve_table
from harness.results.result import RunResult
from harness.stats.rounding import drawn, size_of
from methods import METHODS
from scenarios import SCENARIOS
from scenarios.base import Metric


class _Group(NamedTuple):
    """Learners that share a figure."""

    rows: Sequence[Variant]
    file: tuple[str, ...] = ()  # what follows task and label in the file's name ...
    title: tuple[str, ...] = ()  # ... and in the title
    by_method: bool = True


class _Where(NamedTuple):
    """What the figures of a label have in common."""

    task: str
    label: str
    metric: str
    info: Metric
    first: bool  # of the headline metrics

    def file(self, *more: str) -> str:
        """Return the name of a figure's file."""
        return file_name(self.task, self.label, *([] if self.first else [self.metric]), *more)

    @property
    def ylabel(self) -> str:
        """Metric with unit."""
        return f"{self.metric} [{self.info.unit}]"


def plots(task: str, rows: Sequence[Variant]) -> tuple[NamedPlot, ...]:
    """Return the learning curves of a task: per label the methods, then each one's swept fields.

    They show the scenario's headline metrics. Where the papers compare some of the methods, these
    have a figure, and the others the next. Where the methods' episodes differ in length, sample
    efficiency has figures of its own, over environment steps.
    """
    infos = SCENARIOS[rows[0].cell.scenario].metric_info
    headline = [metric for metric, info in infos.items() if info.headline]
    return tuple(
        plot
        for n, metric in enumerate(headline)
        for label in labels(rows)
        for plot in _plots(_Where(task, label, metric, infos[metric], first=n == 0), rows)
    )


def _plots(where: _Where, rows: Sequence[Variant]) -> list[NamedPlot]:
    compared = {entry.method for entry in load_published(rows[0].cell.scenario)}
    done = [row for row in rows if row.finals(where.label, where.metric).size]
    groups, length = [*_groups(done, compared)], _episode_length(done, where.label)
    levels = levels_of(done, where.label, where.metric)
    found = [_over_episodes(where, group, levels, length) for group in groups]
    if length is None:
        found += [_over_steps(where, group, levels) for group in groups if group.by_method]
    return found


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


def _over_episodes(
    where: _Where, group: _Group, levels: tuple[Level, ...], length: float | None
) -> NamedPlot:
    plot = Plot(
        title=", ".join([where.task, where.label, *group.title]),
        ylabel=where.ylabel,
        curves=tuple(curve_of(row, where.label, where.metric) for row in group.rows),
        levels=levels,
        yscale="log" if where.info.log else "linear",
        by_method=group.by_method,
    )
    caption = (
        f"{_mean_and_band(where, group)} Seeds are put together evaluation by evaluation, each at "
        "the mean number of training episodes played by then."
    )
    if length is not None:
        caption += f" An episode always has {length:,g} steps: the axis shows sample efficiency."
    return NamedPlot(where.file(*group.file), caption, plot)


def _over_steps(where: _Where, group: _Group, levels: tuple[Level, ...]) -> NamedPlot:
    curves = (curve_of(row, where.label, where.metric, along="step") for row in group.rows)
    plot = Plot(
        title=", ".join([where.task, where.label, "sample efficiency", *group.title]),
        ylabel=where.ylabel,
        curves=tuple(curves),
        levels=levels,
        yscale="log" if where.info.log else "linear",
        by_method=group.by_method,
        xlabel="environment steps of training",
    )
    return NamedPlot(where.file(*group.file, "steps"), _mean_and_band(where, group), plot)


def _mean_and_band(where: _Where, group: _Group) -> str:
    seeds = seeds_of(((row, where.label) for row in group.rows), "band")
    return f"{where.metric}: {seeds}; gray: fixed policies."


def _episode_length(rows: Sequence[Variant], label: str) -> float | None:
    """Return how many steps an episode of training had on average, if all runs always agree."""
    lengths = {
        point["step"] / point["episode"]
        for row in rows
        for result in row.results(label)
        for point in result.curve
        if row.learns and point["episode"]
    }
    return lengths.pop() if len(lengths) == 1 else None


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
    scales = values[["min", "max"]].abs().max(axis=1)
    return Curve(
        name=name or name_of(row, label),
        method=row.cell.method,
        x=tuple(map(drawn, points[along].mean())),
        mean=tuple(map(drawn, values["mean"], scales)),
        least=tuple(map(drawn, values["min"])),
        most=tuple(map(drawn, values["max"])),
    )


def level_of(row: Variant, label: str, metric: str) -> Level:
    """Return where the runs of a policy that does not learn lie."""
    finals = row.finals(label, metric)
    return Level(name=row.title, value=drawn(finals.mean(), size_of(finals)))


def levels_of(rows: Sequence[Variant], label: str, metric: str) -> tuple[Level, ...]:
    """Return where policies that do not learn lie, and what the papers call a bound.

    What a logarithmic axis has no place for is left out.
    """
    found = [level_of(row, label, metric) for row in rows if not row.learns]
    for row in rows[:1]:
        published, options = load_published(row.cell.scenario), row.cell.game_options
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
