"""What runs say of a claim, and of a number that a paper prints."""

from enum import StrEnum

import numpy as np
from jaxtyping import Float

from harness.stats.intervals import spread, summarize
from harness.stats.paired import seeds_needed, shows_above
from harness.stats.rounding import stable, stable_mean

MARGIN = 0.02  # of the way from floor to bound: less is no difference in practice
CLOSE = 0.05  # of the same way: as near as another implementation can be expected to come


class Relation(StrEnum):
    """What a claim says of one method against another."""

    BETTER = "better than"
    NOT_BETTER = "not better than"
    LIKE = "like"


class Decision(StrEnum):
    """What the runs say of a claim."""

    HOLDS = "holds"
    FAILS = "does not hold"
    UNDECIDED = "undecided"


class Verdict(StrEnum):
    """How a mean stands to a number that a paper prints."""

    MATCH = "match"
    CLOSE = "close"
    BETTER = "better"
    WORSE = "worse"
    ONE_RUN = "not comparable: one run has no interval"
    TOO_WIDE = "not comparable: the interval is too wide"


def decide(
    relation: Relation,
    advantage: Float[np.ndarray, "pairs"],
    margin: float,
    rng: np.random.Generator,
) -> Decision:
    """Say whether a claim holds.

    Args:
        relation: What is claimed.
        advantage: How much better the claimed method is, seed by seed; above zero is better.
        margin: Advantage below which there is no difference in practice.
        rng: For the sign-flip test.
    """
    above_zero = shows_above(advantage, 0.0, rng)
    below_margin = shows_above(-advantage, -margin, rng)
    if relation is Relation.LIKE:
        within = below_margin and shows_above(advantage, -margin, rng)
        beyond = shows_above(advantage, margin, rng) or shows_above(-advantage, margin, rng)
        return _decision(holds=within, fails=beyond)
    if relation is Relation.BETTER:
        return _decision(holds=above_zero, fails=below_margin)
    return _decision(holds=below_margin and not above_zero, fails=above_zero)


def seeds_to_decide(
    relation: Relation, advantage: Float[np.ndarray, "pairs"], margin: float
) -> int | None:
    """Return how many seeds would probably decide an undecided claim, all like those at hand.

    Returns:
        More than there are; None above a thousand, and where fewer than two pairs say nothing of
        their spread.
    """
    if len(advantage) < 2:
        return None
    mean = stable_mean(advantage)
    like = relation is Relation.LIKE
    distance = abs(margin - abs(mean)) if like else max(mean, margin - mean)
    needed = seeds_needed(distance, spread(advantage))
    return None if needed is None else max(needed, len(advantage) + 1)


def verdict(
    values: Float[np.ndarray, "seeds"],
    published: float,
    *,
    tolerance: float,
    margin: float,
    higher_is_better: bool,
) -> Verdict:
    """Say how at least one final value stands to a number that a paper prints.

    Args:
        values: Final values of the runs.
        published: The paper's number.
        tolerance: How far its true value may be off: its spread or its rounding.
        margin: Distance that still counts as close.
        higher_is_better: How to read the metric.
    """
    summary = summarize(values)
    if summary.interval is None:
        return Verdict.ONE_RUN
    low, high = summary.interval
    scale = max(abs(low), abs(high), abs(published))
    beyond = stable(abs(summary.mean - published) - tolerance, scale)
    near = beyond <= stable(margin, scale)
    outside = max(low - published, published - high) - tolerance
    covered = stable(outside, scale) <= 0
    if covered:
        return Verdict.MATCH if near else Verdict.TOO_WIDE
    if near:
        return Verdict.CLOSE
    return Verdict.BETTER if (summary.mean > published) == higher_is_better else Verdict.WORSE


def _decision(*, holds: bool, fails: bool) -> Decision:
    if holds:
        return Decision.HOLDS
    return Decision.FAILS if fails else Decision.UNDECIDED
