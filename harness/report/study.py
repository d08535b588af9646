"""Studies: final values over a numeric option of the scenario, where a grid sweeps it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float

from harness.cell import Cell
from harness.published import BOUND, Published, find_published, load_published
from harness.report.variants import Variant, labels
from harness.result import all_options
from scenarios import SCENARIOS
from scenarios.base import Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """Places that differ in one numeric option and in nothing else.

    Attributes:
        place: What they share, e.g. ``jungle``.
        option: The option.
        rows: The method variants of each place, by value of the option, ascending.
    """

    place: str
    option: str
    rows: Mapping[float, Sequence[Variant]]

    @property
    def cells(self) -> dict[float, Cell]:
        """A cell of each place."""
        return {x: rows[0].cell for x, rows in self.rows.items()}

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of all places, in order of appearance."""
        return labels(row for rows in self.rows.values() for row in rows)

    @property
    def scenario(self) -> str:
        """The scenario's name."""
        return next(iter(self.cells.values())).scenario

    @property
    def metric(self) -> str:
        """The scenario's first headline metric, the one that is looked at."""
        return next(iter(SCENARIOS[self.scenario].metric_info))

    def built(self) -> dict[float, Scenario]:
        """Build the scenario of each place."""
        return {x: SCENARIOS[c.scenario](**dict(c.options)) for x, c in self.cells.items()}


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


def find_studies(places: Sequence[Sequence[Variant]]) -> tuple[Study, ...]:
    """Find the places that differ in one numeric option.

    Args:
        places: The method variants of every place.
    """
    found: defaultdict[tuple[str, str], dict[float, Sequence[Variant]]] = defaultdict(dict)
    for rows in places:
        cell = rows[0].cell
        for option, value in all_options(cell).items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                others = tuple(pair for pair in cell.options if pair[0] != option)
                found[replace(cell, options=others).place, option][float(value)] = rows
    return tuple(
        Study(place=place, option=option, rows=dict(sorted(rows.items())))
        for (place, option), rows in found.items()
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


def bound_line(study: Study, built: Mapping[float, Scenario]) -> Line:
    """Return the bound of each place's scenario; empty where none is known."""
    bounds = {x: scenario.bound for x, scenario in built.items()}
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
        x: find_published(entries, method, study.metric, dict(cell.options))
        for x, cell in study.cells.items()
    }
    return {x: of for x, of in found.items() if of}
