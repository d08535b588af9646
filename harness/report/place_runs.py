"""What a report knows of one place: its rows, its landmarks, the papers' numbers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from harness.cell import Value
from harness.landmarks import Landmarks, landmarks
from harness.place import game_options
from harness.published import Published, find_published, load_published
from harness.report.numbers import decimals
from harness.report.variants import Variant, labels, variants
from harness.stats.paired import shows_above
from harness.stats.ranks import rank_ranges
from harness.table import Run
from scenarios import SCENARIOS
from scenarios.base import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceRuns:
    """The runs of one place.

    Attributes:
        place: Scenario with its options.
        rows: Its method variants.
        landmarks: Its floor and bound.
        published: What the papers state for this scenario, under whatever options.
    """

    place: str
    rows: tuple[Variant, ...]
    landmarks: Landmarks
    published: tuple[Published, ...]

    @property
    def name(self) -> str:
        """The scenario's name."""
        return self.rows[0].cell.scenario

    @property
    def options(self) -> dict[str, Value]:
        """Options that make it another game than the scenario's defaults do."""
        return game_options(self.rows[0].cell)

    @property
    def labels(self) -> tuple[str, ...]:
        """Columns of its tables."""
        return labels(self.rows)

    @property
    def description(self) -> str:
        """What the scenario is."""
        return SCENARIOS[self.name].description

    @property
    def headline(self) -> dict[str, Metric]:
        """The metrics that have a table."""
        return {name: m for name, m in SCENARIOS[self.name].metric_info.items() if m.headline}

    def places(self, metric: str) -> int:
        """Return how many decimals suit a metric."""
        ends = self.landmarks.bound, self.landmarks.floor
        return decimals(*(end[metric] for end in ends if metric in end))

    def margin(self, metric: str, share: float) -> float:
        """Return a share of the way from floor to bound; 0 where one of them is not known."""
        return self.landmarks.share_of_way(metric, share)

    def stated(self, metric: str, method: str) -> tuple[Published, ...]:
        """Return what the papers state of a method at this place."""
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
    """Return one method's values less the other's, on every seed that both have."""
    shared = sorted(first.keys() & second.keys())
    return np.array([first[seed] - second[seed] for seed in shared], dtype=np.float64)


def gather(place: str, runs: Sequence[Run]) -> PlaceRuns:
    """Gather the runs of a place, none of which may be of a scenario that is only planned."""
    rows = variants(runs)
    cell = rows[0].cell
    return PlaceRuns(
        place=place,
        rows=rows,
        landmarks=landmarks(cell),
        published=load_published(cell.scenario),
    )
