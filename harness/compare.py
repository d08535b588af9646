"""Two folders of results beside each other: what changed beyond noise."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from harness.errors import ConfigurationError
from harness.matched import Matched, load_results, match
from harness.stats.interval import mean_interval
from harness.stats.paired import ALARM, holm, shows_above, t_test_p


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
    first, second = load_results(before), load_results(after)
    matches = [
        matched
        for where in sorted(first.keys() & second.keys())
        for matched in match(where, first[where], second[where], share)
    ]
    if not matches:
        raise ConfigurationError(
            f"{before} and {after}: no result stands in both; give two folders of the same form, "
            "such as results and old/results"
        )
    adjusted = iter(holm([t_test_p(m.gaps) for m in matches if m.gaps.any()]))
    names = [{f"{where}/seed={n}" for where in x for n in x[where]} for x in (first, second)]
    return Comparison(
        changes=tuple(_change(m, next(adjusted) if m.gaps.any() else 1.0) for m in matches),
        lost=tuple(sorted(names[0] - names[1])),
        new=tuple(sorted(names[1] - names[0])),
    )


def _change(matched: Matched, p: float) -> Change:
    return Change(
        where=matched.where,
        metric=matched.metric,
        n=len(matched.gaps),
        differing=matched.differing,
        before=float(matched.before.mean()),
        after=float(matched.after.mean()),
        interval=mean_interval(matched.gaps),
        margin=matched.margin,
        outcome=_outcome(matched, p),
    )


def _outcome(matched: Matched, p: float) -> Outcome:
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
