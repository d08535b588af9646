"""The rows of a table: method variants at one place, their runs side by side under each label."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from harness.cell import Cell
from harness.claims import When
from harness.result import WINDOW, RunResult, rounded
from harness.status import State
from harness.table import Run, written_fields
from methods import METHODS
from methods.reference import Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A method with its fields at one place, whatever the preset.

    Attributes:
        title: Name in tables and legends, e.g. ``fixed LToS, selfishness=0.3``.
        runs: Per label, the runs asked for under it.
    """

    title: str
    runs: Mapping[str, tuple[Run, ...]]

    @property
    def cell(self) -> Cell:
        """One of its cells: method, fields and place are alike in all."""
        return next(iter(self.runs.values()))[0].cell

    @property
    def learns(self) -> bool:
        """Whether it has a learning curve; a method not built yet counts as a learner."""
        return self.cell.method not in METHODS or METHODS[self.cell.method].learns

    def results(self, label: str) -> list[RunResult]:
        """Return the records of the done runs under a label."""
        return [run.result for run in self.runs.get(label, ()) if run.result is not None]

    def records(self, *labels: str) -> tuple[str, ...]:
        """Return the ids of the done runs under labels: where the numbers come from."""
        return tuple(result.cell.id for label in labels for result in self.results(label))

    def by_seed(self, label: str, metric: str, when: When = When.END) -> dict[int, float]:
        """Return a value of every done run that has the metric, by seed, with ten digits."""
        window = WINDOW if when is When.END else None
        found = {}
        for result in self.results(label):
            values = [row["metrics"].get(metric) for row in result.last(window)]
            if None not in values:
                found[result.cell.seed] = rounded(float(np.mean(values)))
        return found

    def finals(self, label: str, metric: str) -> Float[np.ndarray, "seeds"]:
        """Return the final value of every done run that has the metric."""
        return np.array([*self.by_seed(label, metric).values()], dtype=np.float64)

    @property
    def fixed(self) -> bool:
        """Whether it is a policy that neither learns nor draws."""
        method = METHODS.get(self.cell.method)
        return method is not None and issubclass(method, Reference)

    @property
    def plain(self) -> bool:
        """Whether it is a method as it is: nothing swept; references differ by their policy."""
        return not self.cell.fields or not self.learns

    def count(self, label: str, state: State) -> int:
        """Count the runs under a label of which this became."""
        return sum(run.state is state for run in self.runs.get(label, ()))


def variants(runs: Iterable[Run]) -> tuple[Variant, ...]:
    """Gather the runs of one place into the rows of its table, variants of a method together."""
    runs = tuple(runs)
    presets: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
    for run in runs:
        presets[run.cell.method, _title(run.cell), run.cell.label].add(run.cell.preset)
    mixed = {(method, title) for (method, title, _), found in presets.items() if len(found) > 1}
    rows: dict[tuple[str, str], dict[str, list[Run]]] = {}
    for run in runs:
        key = run.cell.method, _title(run.cell)
        if key in mixed:  # two presets under one label are two rows, never one mean
            key = run.cell.method, f"{key[1]} ({run.cell.preset})"
        rows.setdefault(key, {}).setdefault(run.cell.label, []).append(run)
    methods = list(dict.fromkeys(method for method, _ in rows))
    return tuple(
        Variant(title=title, runs={label: tuple(found) for label, found in columns.items()})
        for (_, title), columns in sorted(rows.items(), key=lambda row: methods.index(row[0][0]))
    )


def labels(rows: Iterable[Variant]) -> tuple[str, ...]:
    """Return the labels of a place, in order of appearance."""
    return tuple(dict.fromkeys(label for variant in rows for label in variant.runs))


def title_of(method: str) -> str:
    """Return a method's name in tables and legends."""
    return METHODS[method].title if method in METHODS else method


def _title(cell: Cell) -> str:
    method = METHODS.get(cell.method)
    if method is not None and issubclass(method, Reference):
        return f"{dict(cell.fields).get('policy', 'reference')} (reference)"
    return ", ".join([title_of(cell.method), *written_fields(cell)])
