"""Studies: final values over a numeric option of the scenario, where a grid sweeps it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float

from harness.config.cell import Cell
from harness.plotting.plot import Curve, Plot, Stated
from harness.published.numbers import BOUND, Published, find_published, load_published
from harness.report.comparison import papers, sources
from harness.report.document import (
    Block,
    Entry,
    Figure,
    Heading,
    Paragraph,
    Table,
    file_name,
)
from harness.report.numbers import NOTHING, decimals, mean_text
from harness.report.rows import Variant, labels, stable_references
from harness.stats.intervals import summarize
from harness.stats.rounding import drawn, size_of
from scenarios import SCENARIOS


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
    def scenario(self) -> str:
        """The scenario's name."""
        return next(iter(self.cells.values())).scenario

    @property
    def metric(self) -> str:
        """The scenario's first headline metric, the one that is looked at."""
        return next(iter(SCENARIOS[self.scenario].metric_info))

    @property
    def unit(self) -> str:
        """The metric's unit."""
        return SCENARIOS[self.scenario].metric_info[self.metric].unit


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


_READING = "Seeds: done of asked over all values."
_CAPTION = "Final values: mean over the seeds, band from their least to their most."


def study_section(study: Study) -> list[Block]:
    """Return a table and a figure per label.

    Nothing as long as no variant has results at two values of the option.
    """
    columns = labels(row for rows in study.rows.values() for row in rows)
    found = {label: variants for label in columns if (variants := _variants(study, label))}
    if not found:
        return []
    references = {x: stable_references(cell) for x, cell in study.cells.items()}
    bounds = {x: known.bound for x, known in references.items()}
    bound = _Line(
        title="bound",
        method=BOUND,
        learns=False,
        finals={x: np.array([of[study.metric]]) for x, of in bounds.items() if study.metric in of},
        stated=_stated(study, BOUND),
    )
    one = next(iter(references.values()))
    places = decimals(*(ends.get(study.metric, 0.0) for ends in (one.bound, one.floor)))
    blocks: list[Block] = [
        Heading(2, f"{study.task} by {study.option}"),
        Paragraph(f"Final {study.metric} ({study.unit}) at each value. {_READING}"),
    ]
    for label, variants in found.items():
        lines = (*variants, bound)
        blocks += [Heading(3, label), _table(study, lines, places)]
        stated = [entry for line in lines for of in line.stated.values() for entry in of]
        blocks += [Paragraph(sources(stated))] if stated else []
        if any(line.learns for line in lines):
            blocks.append(_figure(study, label, lines))
    return blocks


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A variant, or the bound, over the values of the option.

    Attributes:
        title: Name in table and legend.
        method: A key of ``methods.METHODS``, or ``bound``.
        learns: Whether it has a place in a figure of learners.
        finals: The final values of the runs, at each value of the option where there are any.
        stated: What the papers state, at each value where they do.
        done: Runs with a result, over all values of the option.
        asked: Runs asked for; 0 for the bound, which no run makes.
        records: Ids of the runs with a result, at each value where there are any.
    """

    title: str
    method: str
    learns: bool
    finals: Mapping[float, Float[np.ndarray, "seeds"]]
    stated: Mapping[float, Sequence[Published]]
    done: int = 0
    asked: int = 0
    records: Mapping[float, tuple[str, ...]] = field(default_factory=dict)


def _variants(study: Study, label: str) -> list[_Line]:
    """Return the variants that have results under a label at two values or more."""
    by_title: defaultdict[str, dict[float, Variant]] = defaultdict(dict)
    for x, of_task in study.rows.items():
        for row in of_task:
            if label in row.runs:
                by_title[row.title][x] = row
    lines = []
    for title, rows in by_title.items():
        finals = {x: row.finals(label, study.metric) for x, row in rows.items()}
        one = next(iter(rows.values()))
        line = _Line(
            title=title,
            method=one.cell.method,
            learns=one.learns,
            finals={x: values for x, values in finals.items() if values.size},
            stated={} if one.cell.fields else _stated(study, one.cell.method),  # at their settings
            done=sum(map(len, finals.values())),
            asked=sum(len(row.runs[label]) for row in rows.values()),
            records={x: row.records(label) for x, row in rows.items()},
        )
        if len(line.finals) > 1:
            lines.append(line)
    return lines


def _stated(study: Study, method: str) -> dict[float, Sequence[Published]]:
    entries = load_published(study.scenario)
    found = {
        x: find_published(entries, method, study.metric, cell.game_options)
        for x, cell in study.cells.items()
    }
    return {x: of for x, of in found.items() if of}


def _table(study: Study, lines: Sequence[_Line], places: int) -> Table:
    body: list[tuple[str | Entry, ...]] = []
    for line in lines:
        means = {
            x: Entry(text=mean_text(summarize(finals), places), records=line.records.get(x, ()))
            for x, finals in line.finals.items()
        }
        if means:
            seeds = f"{line.done}/{line.asked}" if line.asked else ""
            body.append((line.title, *(means.get(x, NOTHING) for x in study.rows), seeds))
        if line.stated:
            stated = (papers(line.stated.get(x, ())) for x in study.rows)
            body.append((f"{line.title}, papers", *stated, ""))
    heads = (f"{study.option} = {x:g}" for x in study.rows)
    return Table(head=("method", *heads, "seeds"), rows=tuple(body))


def _figure(study: Study, label: str, lines: Sequence[_Line]) -> Figure:
    """Plot the learners and the bound."""
    shown = [line for line in lines if line.finals and (line.learns or not line.asked)]
    by_method = len({line.method for line in shown}) == len(shown)
    curves, stated = list[Curve](), list[Stated]()
    for line in shown:
        finals = sorted(line.finals.items())
        partly = f" ({line.done}/{line.asked})" if line.done < line.asked else ""
        curve = Curve(
            name=line.title + partly,
            method=line.method,
            x=tuple(x for x, _ in finals),
            mean=tuple(drawn(values.mean(), size_of(values)) for _, values in finals),
            least=tuple(drawn(values.min()) for _, values in finals),
            most=tuple(drawn(values.max()) for _, values in finals),
        )
        curves.append(curve)
        stated += [
            Stated(method=line.method, x=x, y=entry.value)
            for x, entries in line.stated.items()
            for entry in entries
            if entry.value is not None and by_method
        ]
    plot = Plot(
        title=f"{study.task} by {study.option}, {label}",
        ylabel=f"{study.metric} [{study.unit}]",
        curves=tuple(curves),
        levels=(),
        by_method=by_method,
        xlabel=study.option,
        ticks=tuple(study.rows),
        stated=tuple(stated),
    )
    file = file_name(study.task, label, "by", study.option)
    return Figure(file, _CAPTION, plot, main=True)
