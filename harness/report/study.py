"""Studies: final values over a numeric option of the scenario, where a grid sweeps it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float

from harness.config.cell import Cell
from harness.config.scenario import ReferenceValues
from harness.plotting.plot import Curve, Plot, Stated
from harness.published.numbers import BOUND, Published, find_published, load_published
from harness.report.comparison import papers, sources
from harness.report.document import (
    Block,
    Entry,
    Figure,
    Heading,
    NamedPlot,
    Paragraph,
    Table,
    file_name,
)
from harness.report.numbers import NOTHING, decimals, mean_text
from harness.report.rows import Variant, labels, stable_references
from harness.stats.intervals import summarize
from harness.stats.rounding import drawn, size_of
from scenarios import SCENARIOS

_READING = "Seeds: done of asked over all values."
_CAPTION = "Final values: mean over the seeds, band from their least to their most."


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """Tasks that differ in one numeric option and in nothing else.

    Attributes:
        task: What they share, e.g. ``jungle``.
        option: The option.
        rows: The method variants of each task, by value of the option, ascending.
    """

    task: str
    option: str
    rows: Mapping[float, Sequence[Variant]]

    @property
    def cells(self) -> dict[float, Cell]:
        """A cell of each task."""
        return {x: rows[0].cell for x, rows in self.rows.items()}

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of all tasks, in order of appearance."""
        return labels(row for rows in self.rows.values() for row in rows)

    @property
    def scenario(self) -> str:
        """The scenario's name."""
        return next(iter(self.cells.values())).scenario

    @property
    def metric(self) -> str:
        """The scenario's first headline metric, the one that is looked at."""
        return next(iter(SCENARIOS[self.scenario].metric_info))

    def references(self) -> dict[float, ReferenceValues]:
        """Return floor and bound of each task."""
        return {x: stable_references(cell) for x, cell in self.cells.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A variant, or the bound, over the values of the option.

    Attributes:
        title: Name in table and legend.
        method: A key of ``methods.METHODS``, or ``bound``.
        learns: Whether it has a place in a figure of learners.
        finals: The final values of the runs, at each value of the option where there are any.
        done: Runs with a result, over all values of the option.
        asked: Runs asked for; 0 for the bound, which no run makes.
        stated: What the papers state, at each value where they do.
        records: Ids of the runs with a result, at each value where there are any.
    """

    title: str
    method: str
    learns: bool
    finals: Mapping[float, Float[np.ndarray, "seeds"]]
    done: int
    asked: int
    stated: Mapping[float, Sequence[Published]]
    records: Mapping[float, tuple[str, ...]] = field(default_factory=dict)


def find_studies(tasks: Sequence[Sequence[Variant]]) -> tuple[Study, ...]:
    """Find the tasks that differ in one numeric option.

    Args:
        tasks: The method variants of every task.
    """
    found: defaultdict[tuple[str, str], dict[float, Sequence[Variant]]] = defaultdict(dict)
    for rows in tasks:
        cell = rows[0].cell
        for option, value in cell.all_options.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                others = tuple(pair for pair in cell.options if pair[0] != option)
                found[replace(cell, options=others).task, option][float(value)] = rows
    return tuple(
        Study(task=task, option=option, rows=dict(sorted(rows.items())))
        for (task, option), rows in found.items()
        if len(rows) > 1
    )


def variant_lines(study: Study, label: str) -> tuple[Line, ...]:
    """Return the variants that have results under a label at two values or more."""
    found: defaultdict[str, dict[float, Variant]] = defaultdict(dict)
    for x, rows in study.rows.items():
        for row in rows:
            if label in row.runs:
                found[row.title][x] = row
    lines = (_variant_line(study, label, title, rows) for title, rows in found.items())
    return tuple(line for line in lines if len(line.finals) > 1)


def bound_line(study: Study, references: Mapping[float, ReferenceValues]) -> Line:
    """Return the bound of each task; empty where none is known."""
    bounds = {x: values.bound for x, values in references.items()}
    known = {x: np.array([of[study.metric]]) for x, of in bounds.items() if study.metric in of}
    return Line(
        title="bound",
        method=BOUND,
        learns=False,
        finals=known,
        done=0,
        asked=0,
        stated=_stated(study, BOUND),
    )


def _variant_line(study: Study, label: str, title: str, rows: Mapping[float, Variant]) -> Line:
    finals = {x: row.finals(label, study.metric) for x, row in rows.items()}
    one = next(iter(rows.values()))
    return Line(
        title=title,
        method=one.cell.method,
        learns=one.learns,
        finals={x: values for x, values in finals.items() if values.size},
        done=sum(map(len, finals.values())),
        asked=sum(len(row.runs[label]) for row in rows.values()),
        stated={} if one.cell.fields else _stated(study, one.cell.method),  # at their settings
        records={x: row.records(label) for x, row in rows.items()},
    )


def _stated(study: Study, method: str) -> dict[float, Sequence[Published]]:
    entries = load_published(study.scenario)
    found = {
        x: find_published(entries, method, study.metric, cell.game_options)
        for x, cell in study.cells.items()
    }
    return {x: of for x, of in found.items() if of}


def study_section(study: Study) -> list[Block]:
    """Return a table and a figure per label.

    Nothing as long as no variant has results at two values of the option.
    """
    found = {label: lines for label in study.labels if (lines := variant_lines(study, label))}
    if not found:
        return []
    references, info = study.references(), SCENARIOS[study.scenario].metric_info[study.metric]
    bound = bound_line(study, references)
    one = next(iter(references.values()))
    places = decimals(*(marks.get(study.metric, 0.0) for marks in (one.bound, one.floor)))
    blocks: list[Block] = [
        Heading(2, f"{study.task} by {study.option}"),
        Paragraph(f"Final {study.metric} ({info.unit}) at each value. {_READING}"),
    ]
    for label, lines in found.items():
        lines = (*lines, bound)
        blocks += [Heading(3, label), _table(study, lines, places), *_sources(lines)]
        if any(line.learns for line in lines):
            blocks.append(Figure(_figure(study, label, lines), main=True))
    return blocks


def _table(study: Study, lines: Sequence[Line], places: int) -> Table:
    body: list[tuple[str | Entry, ...]] = []
    for line in lines:
        means = [_mean(line, x, places) for x in study.rows]
        if line.finals:
            body.append((line.title, *means, f"{line.done}/{line.asked}" if line.asked else ""))
        if line.stated:
            stated = (papers(line.stated.get(x, ())) for x in study.rows)
            body.append((f"{line.title}, papers", *stated, ""))
    heads = (f"{study.option} = {x:g}" for x in study.rows)
    return Table(head=("method", *heads, "seeds"), rows=tuple(body))


def _mean(line: Line, x: float, places: int) -> str | Entry:
    if x not in line.finals:
        return NOTHING
    text = mean_text(summarize(line.finals[x]), places)
    return Entry(text=text, records=line.records.get(x, ()))


def _sources(lines: Sequence[Line]) -> list[Block]:
    text = sources([entry for line in lines for of in line.stated.values() for entry in of])
    return [Paragraph(text)] if text else []


def _figure(study: Study, label: str, lines: Sequence[Line]) -> NamedPlot:
    """Plot the learners and the bound."""
    drawn = [line for line in lines if line.finals and (line.learns or not line.asked)]
    by_method = len({line.method for line in drawn}) == len(drawn)
    plot = Plot(
        title=f"{study.task} by {study.option}, {label}",
        ylabel=f"{study.metric} [{SCENARIOS[study.scenario].metric_info[study.metric].unit}]",
        curves=tuple(map(_curve, drawn)),
        levels=(),
        by_method=by_method,
        xlabel=study.option,
        ticks=tuple(study.rows),
        stated=tuple(point for line in drawn for point in _points(line)) if by_method else (),
    )
    return NamedPlot(file_name(study.task, label, "by", study.option), _CAPTION, plot)


def _curve(line: Line) -> Curve:
    finals = sorted(line.finals.items())
    partly = f" ({line.done}/{line.asked})" if line.done < line.asked else ""
    return Curve(
        name=line.title + partly,
        method=line.method,
        x=tuple(x for x, _ in finals),
        mean=tuple(drawn(values.mean(), size_of(values)) for _, values in finals),
        least=tuple(drawn(values.min()) for _, values in finals),
        most=tuple(drawn(values.max()) for _, values in finals),
    )


def _points(line: Line) -> list[Stated]:
    return [
        Stated(method=line.method, x=x, y=entry.value)
        for x, entries in line.stated.items()
        for entry in entries
        if entry.value is not None
    ]
