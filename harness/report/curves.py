"""Which learning curves a report shows: over episodes and, where these differ, over steps."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from harness.plotting.plot import Curve, Level, Plot
from harness.published.numbers import BOUND, find_published, load_published
from harness.report.document import Figure, file_name
from harness.report.rows import Variant, labels
from harness.results.index import State, curve_table
from harness.stats.rounding import drawn, size_of
from methods import METHODS
from scenarios import SCENARIOS
from scenarios.base import Metric


def plots(task: str, rows: Sequence[Variant]) -> tuple[Figure, ...]:
    """Return the learning curves of a task: per label the methods, then each one's swept fields.

    They show the scenario's headline metrics. Where the papers compare some of the methods, these
    have a figure, and the others the next. Where the methods' episodes differ in length, sample
    efficiency has figures of its own, over environment steps.
    """
    scenario = rows[0].cell.scenario
    compared = {entry.method for entry in load_published(scenario)}
    infos = {name: m for name, m in SCENARIOS[scenario].metric_info.items() if m.headline}
    found = []
    for n, (metric, info) in enumerate(infos.items()):
        for label in labels(rows):
            done = [row for row in rows if row.finals(label, metric).size]
            where = _Where(
                task=task,
                label=label,
                metric=metric,
                info=info,
                file=(task, label, metric) if n else (task, label),
                levels=_levels(done, label, metric),
                length=_episode_length(done, label),
            )
            groups = [*_groups(done, compared)]
            found += [_figure(where, group, "episode") for group in groups]
            if where.length is None:
                found += [_figure(where, group, "step") for group in groups if group.by_method]
    return tuple(found)


class _Where(NamedTuple):
    """What the figures of a metric under a label have in common."""

    task: str
    label: str
    metric: str
    info: Metric
    file: tuple[str, ...]  # how the files' names begin
    levels: tuple[Level, ...]
    length: float | None  # steps of an episode, if it is always the same


class _Group(NamedTuple):
    """Learners that share a figure."""

    rows: Sequence[Variant]
    file: tuple[str, ...] = ()  # what follows task and label in the file's name ...
    title: tuple[str, ...] = ()  # ... and in the title
    by_method: bool = True


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


def _figure(where: _Where, group: _Group, along: Literal["episode", "step"]) -> Figure:
    """Plot the curves of a group over episodes, or its sample efficiency over steps."""
    label, metric, info = where.label, where.metric, where.info
    over_steps = along == "step"
    about = ("sample efficiency", *group.title) if over_steps else group.title
    plot = Plot(
        title=", ".join([where.task, label, *about]),
        ylabel=f"{metric} [{info.unit}]",
        curves=tuple(curve_of(row, label, metric, along=along) for row in group.rows),
        levels=where.levels,
        yscale="log" if info.log else "linear",
        by_method=group.by_method,
        xlabel="environment steps of training" if over_steps else "training episodes",
    )
    seeds = seeds_of(((row, label) for row in group.rows), "band")
    caption = f"{metric}: {seeds}; gray: fixed policies."
    if over_steps:
        return Figure(file_name(*where.file, *group.file, "steps"), caption, plot)
    caption += (
        " Seeds are put together evaluation by evaluation, each at the mean number of training "
        "episodes played by then."
    )
    if (steps := where.length) is not None:
        caption += f" An episode always has {steps:,g} steps: the axis shows sample efficiency."
    return Figure(file_name(*where.file, *group.file), caption, plot)


def _levels(rows: Sequence[Variant], label: str, metric: str) -> tuple[Level, ...]:
    """Return where policies that do not learn lie, and what the papers call a bound.

    What a logarithmic axis has no place for is left out.
    """
    found = [level_of(row, label, metric) for row in rows if not row.learns]
    if rows:
        cell = rows[0].cell
        stated = find_published(load_published(cell.scenario), BOUND, metric, cell.game_options)
        found += [
            Level(name=f"papers' bound: {entry.shown}", value=entry.value)
            for entry in stated
            if entry.value is not None
        ]
        if SCENARIOS[cell.scenario].metric_info[metric].log:
            found = [level for level in found if level.value > 0]
    return tuple(dict.fromkeys(found))  # tables and figures of a paper may state the same bound


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
