"""The rows of a table: method variants at one task, their runs side by side under each label."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from harness.config.cell import Cell
from harness.config.scenario import ReferenceValues
from harness.config.toml import Value
from harness.published.claims import When
from harness.published.numbers import Published, find_published, load_published
from harness.report.numbers import decimals
from harness.results.index import Run, State, written_fields
from harness.results.result import WINDOW, RunResult
from harness.stats.intervals import rank_ranges
from harness.stats.paired import shows_above
from harness.stats.rounding import stable
from methods import METHODS
from methods.reference import Reference
from scenarios import SCENARIOS
from scenarios.base import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A method with its fields at one task, whatever the preset.

    Attributes:
        title: Name in tables and legends, e.g. ``fixed LToS, selfishness=0.3``.
        runs: Per label, the runs asked for under it.
    """

    title: str
    runs: Mapping[str, tuple[Run, ...]]

    @property
    def cell(self) -> Cell:
        """One of its cells: method, fields and task are alike in all."""
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
                found[result.cell.seed] = stable(np.mean(values))
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
    """Gather the runs of one task into the rows of its table, variants of a method together."""
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
    """Return the labels of a task, in order of appearance."""
    return tuple(dict.fromkeys(label for variant in rows for label in variant.runs))


def title_of(method: str) -> str:
    """Return a method's name in tables and legends."""
    return METHODS[method].title if method in METHODS else method


def _title(cell: Cell) -> str:
    method = METHODS.get(cell.method)
    if method is not None and issubclass(method, Reference):
        return f"{dict(cell.fields).get('policy', 'reference')} (reference)"
    return ", ".join([title_of(cell.method), *written_fields(cell)])


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRuns:
    """The runs of one task.

    Attributes:
        task: Scenario with its options.
        rows: Its method variants.
        reference_values: Its floor and bound.
        published: What the papers state for this scenario, under whatever options.
    """

    task: str
    rows: tuple[Variant, ...]
    reference_values: ReferenceValues
    published: tuple[Published, ...]

    @property
    def name(self) -> str:
        """The scenario's name."""
        return self.rows[0].cell.scenario

    @property
    def options(self) -> Mapping[str, Value]:
        """Options that make it another game than the scenario's defaults do."""
        return self.rows[0].cell.game_options

    @property
    def labels(self) -> tuple[str, ...]:
        """Columns of its tables."""
        return labels(self.rows)

    @property
    def headline(self) -> dict[str, Metric]:
        """The metrics that have a table."""
        return {name: m for name, m in SCENARIOS[self.name].metric_info.items() if m.headline}

    def places(self, metric: str) -> int:
        """Return how many decimals suit a metric."""
        ends = self.reference_values.bound, self.reference_values.floor
        return decimals(*(end[metric] for end in ends if metric in end))

    def stated(self, metric: str, method: str) -> tuple[Published, ...]:
        """Return what the papers state of a method at this task."""
        return find_published(self.published, method, metric, self.options)

    def row(self, method: str, label: str) -> Variant | None:
        """Return the row of a method as it is under a label; None without done runs."""
        found = (
            row
            for row in self.rows
            if row.cell.method == method and not row.cell.fields and row.results(label)
        )
        return next(found, None)

    def values(
        self, row: Variant, label: str, metric: str, seeds: Iterable[int]
    ) -> dict[int, float]:
        """Return final values by seed: a fixed policy's one value where nothing is ever drawn."""
        found = row.by_seed(label, metric)
        if found and row.fixed and SCENARIOS[self.name].deterministic:
            return dict.fromkeys(seeds, next(iter(found.values())))
        return found

    def sign(self, metric: str) -> int:
        """Return 1 where higher is better, else -1."""
        return 1 if self.headline[metric].higher_is_better else -1

    def ranks(self, metric: str, label: str, rows: Sequence[Variant]) -> list[tuple[int, int]]:
        """Return the range of ranks of each row among them, by pairs of runs on shared seeds."""
        values = [row.by_seed(label, metric) for row in rows]
        rng = np.random.default_rng(0)
        ahead = np.zeros((len(rows), len(rows)), np.bool_)
        for i, j in np.ndindex(ahead.shape):
            gaps = self.sign(metric) * differences(values[i], values[j])
            ahead[i, j] = shows_above(gaps, 0.0, rng)
        return rank_ranges(ahead)


def differences(
    first: Mapping[int, float], second: Mapping[int, float]
) -> Float[np.ndarray, "pairs"]:
    """Return one method's values less the other's, on every seed that both have, in ten digits."""
    pairs = [(first[seed], second[seed]) for seed in sorted(first.keys() & second.keys())]
    return np.array([stable(x - y, max(abs(x), abs(y))) for x, y in pairs], dtype=np.float64)


def gather(task: str, runs: Sequence[Run]) -> TaskRuns:
    """Gather the runs of a task, some of which can be run."""
    rows = variants(runs)
    cell = rows[0].cell
    return TaskRuns(
        task=task,
        rows=rows,
        reference_values=stable_references(cell),
        published=load_published(cell.scenario),
    )


def stable_references(cell: Cell) -> ReferenceValues:
    """Return floor and bound of a cell's scenario, which it works out, with ten digits."""
    known = cell.reference_values
    floor, bound = (
        {metric: stable(value) for metric, value in ends.items()}
        for ends in (known.floor, known.bound)
    )
    return ReferenceValues(floor, bound)
