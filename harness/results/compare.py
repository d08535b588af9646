"""Results of the same cells in two folders, metric by metric."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from jaxtyping import Float

from harness.errors import ConfigurationError
from harness.results.index import list_results
from harness.results.result import RunResult
from harness.stats.intervals import mean_interval
from harness.stats.paired import ALARM, holm, shows_above, t_test_p
from harness.stats.rounding import stable
from scenarios import SCENARIOS

Seeds = Mapping[int, RunResult]


class Outcome(StrEnum):
    """What became of a figure from one folder to the other."""

    WORSE = "worse"
    BETTER = "better"
    UNDECIDED = "undecided"
    EQUIVALENT = "equivalent"  # no difference beyond the margin
    EQUAL = "equal"  # the same final values, other curves
    IDENTICAL = "identical"  # bit for bit


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One headline metric of one variant, in both folders.

    Attributes:
        where: Path of its results, relative to both.
        metric: Which.
        n: Seeds that both have.
        differing: Those of them whose runs are not the same bit for bit.
        before: Mean final value in the first folder, over these seeds.
        after: The same in the second.
        interval: 95 % t interval of the mean difference; None of one seed.
        margin: Difference below which there is none in practice.
        outcome: What became of it.
    """

    where: str
    metric: str
    n: int
    differing: tuple[int, ...]
    before: float
    after: float
    interval: tuple[float, float] | None
    margin: float
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All that two folders of results say of each other.

    Attributes:
        changes: What both have, by name.
        lost: Results that only the first has.
        new: Results that only the second has.
    """

    changes: tuple[Change, ...]
    lost: tuple[str, ...]
    new: tuple[str, ...]


def compare(before: Path, after: Path, share: float) -> Comparison:
    """Compare results seed by seed.

    A metric is better or worse where the pairs show a difference (``shows_above``), where Holm's
    correction over all metrics that differ leaves the t test's p at most 0.05, and where the mean
    difference lies beyond the margin.

    Args:
        before: A folder of results, of one grid or several.
        after: Another of the same form.
        share: The margin, as a share of the way from floor to bound.

    Raises:
        ConfigurationError: A folder is not there or holds damaged records, or nothing is in both.
    """
    first, second = _by_variant(before), _by_variant(after)
    matches = [
        matched
        for where in sorted(first.keys() & second.keys())
        for matched in _match(where, first[where], second[where], share)
    ]
    if not matches:
        raise ConfigurationError(
            f"{before} and {after}: no result stands in both; give two folders of the same form, "
            "such as results and old/results"
        )
    adjusted = iter(holm([t_test_p(m.gaps) for m in matches if m.gaps.any()]))
    names = [{f"{where}/seed={n}" for where in x for n in x[where]} for x in (first, second)]
    return Comparison(
        changes=tuple(
            Change(
                where=m.where,
                metric=m.metric,
                n=len(m.gaps),
                differing=m.differing,
                before=float(m.before.mean()),
                after=float(m.after.mean()),
                interval=mean_interval(m.gaps),
                margin=m.margin,
                outcome=_outcome(m, next(adjusted) if m.gaps.any() else 1.0),
            )
            for m in matches
        ),
        lost=tuple(sorted(names[0] - names[1])),
        new=tuple(sorted(names[1] - names[0])),
    )


def _by_variant(folder: Path) -> Mapping[str, dict[int, RunResult]]:
    """Return the results under a folder by the path of their variant, then by seed."""
    found: defaultdict[str, dict[int, RunResult]] = defaultdict(dict)
    for path, result in list_results(folder):
        found[path.parent.relative_to(folder).as_posix()][result.cell.seed] = result
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Matched:
    """What a ``Change`` rests on: final values by seed; ``sign`` is 1 where higher is better."""

    where: str
    metric: str
    before: Float[np.ndarray, "seeds"]
    after: Float[np.ndarray, "seeds"]
    sign: int
    margin: float
    differing: tuple[int, ...]

    @property
    def gaps(self) -> Float[np.ndarray, "seeds"]:
        """What was added from the first folder to the second."""
        return self.after - self.before


def _match(where: str, before: Seeds, after: Seeds, share: float) -> Iterator[_Matched]:
    """Yield the headline metrics of a variant; nothing where no seed stands in both folders."""
    seeds = sorted(before.keys() & after.keys())
    if not seeds:
        return
    cell = before[seeds[0]].cell
    if cell.scenario not in SCENARIOS:
        raise ConfigurationError(f"{where}: results of an unknown scenario {cell.scenario!r}")
    pairs = ((seed, before[seed], after[seed]) for seed in seeds)
    differing = tuple(
        seed for seed, a, b in pairs if (a.curve, a.episodes) != (b.curve, b.episodes)
    )
    known, ends = SCENARIOS[cell.scenario].metric_info, cell.reference_values
    for metric in (name for name, info in known.items() if info.headline):
        yield _Matched(
            where=where,
            metric=metric,
            before=np.array([stable(before[seed].final(metric)) for seed in seeds]),
            after=np.array([stable(after[seed].final(metric)) for seed in seeds]),
            sign=1 if known[metric].higher_is_better else -1,
            margin=ends.share_of_way(metric, share),
            differing=differing,
        )


def _outcome(matched: _Matched, p: float) -> Outcome:
    """Judge a metric, given the corrected p value of its mean difference."""
    if not matched.gaps.any():
        return Outcome.EQUAL if matched.differing else Outcome.IDENTICAL
    gains, margin, rng = matched.sign * matched.gaps, matched.margin, np.random.default_rng(0)
    if shows_above(gains, -margin, rng) and shows_above(-gains, -margin, rng):
        return Outcome.EQUIVALENT
    if p <= ALARM and abs(gains.mean()) > margin:
        if shows_above(gains, 0.0, rng):
            return Outcome.BETTER
        if shows_above(-gains, 0.0, rng):
            return Outcome.WORSE
    return Outcome.UNDECIDED
