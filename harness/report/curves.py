"""Which learning curves a report shows: over episodes and, where these differ, over steps."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from harness.plot import Level, Plot
from harness.published import load_published
from harness.report.lines import curve_of, levels_of, seeds_of
from harness.report.named_plot import NamedPlot, file_name
from harness.report.variants import Variant, labels
from methods import METHODS
from scenarios import SCENARIOS
from scenarios.base import Metric


class _Group(NamedTuple):
    """Learners that share a figure."""

    rows: Sequence[Variant]
    file: tuple[str, ...] = ()  # what follows place and label in the file's name ...
    title: tuple[str, ...] = ()  # ... and in the title
    by_method: bool = True


class _Where(NamedTuple):
    """What the figures of a label have in common."""

    place: str
    label: str
    metric: str
    info: Metric
    first: bool  # of the headline metrics

    def file(self, *more: str) -> str:
        """Return the name of a figure's file."""
        return file_name(self.place, self.label, *([] if self.first else [self.metric]), *more)

    @property
    def ylabel(self) -> str:
        """Metric with unit."""
        return f"{self.metric} [{self.info.unit}]"


def plots(place: str, rows: Sequence[Variant]) -> tuple[NamedPlot, ...]:
    """Return the learning curves of a place: per label the methods, then each one's swept fields.

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
        for plot in _plots(_Where(place, label, metric, infos[metric], first=n == 0), rows)
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
        title=", ".join([where.place, where.label, *group.title]),
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
        title=", ".join([where.place, where.label, "sample efficiency", *group.title]),
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
