"""Two methods on the same seeds: their differences, and what these show."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy.special import nctdtrinc, stdtr, stdtrit
from scipy.stats import permutation_test

from harness.stats.intervals import LEVEL, mean_interval, spread
from harness.stats.rounding import DIGITS, size_of, stable, stable_mean

ALARM = 0.05  # false alarms that a test may give
LEAST_PAIRS = 5  # with fewer, not even differences of one sign are rare enough: 2 ** -4 > ALARM
POWER = 0.8  # chance to show a difference that is there
MOST_SEEDS = 1000  # nobody runs more; there are no more reporting seeds either
_RESAMPLES = 9_999  # sign patterns: all of them up to 13 pairs, random ones beyond

Alternative = Literal["two-sided", "less", "greater"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """What a table says of the differences between two methods.

    Attributes:
        n: Number of pairs.
        mean: Mean difference.
        interval: 95 % t interval of the mean difference; None of one pair.
        wins: Pairs with a difference above zero, equal pairs counted half.
        effect: Mean difference over its standard deviation, corrected for small n (Hedges);
            infinite where all pairs differ alike, None of one pair.
        p: Two-sided p value of the sign-flip test; None of one pair.
    """

    n: int
    mean: float
    interval: tuple[float, float] | None
    wins: float
    effect: float | None
    p: float | None


def pairing(differences: Float[np.ndarray, "pairs"], rng: np.random.Generator) -> Pairing:
    """Compare two methods by the differences of at least one pair of runs.

    Args:
        differences: One method's values less the other's, seed by seed.
        rng: Draws sign patterns where there are too many to try all.

    Raises:
        ValueError: There is no pair, or a difference is not finite.
    """
    n = len(differences)
    if not n:
        raise ValueError("pairing: no pairs; methods without a common seed cannot be compared")
    return Pairing(
        n=n,
        mean=stable_mean(differences),
        interval=mean_interval(differences),
        wins=float((differences > 0).sum() + (differences == 0).sum() / 2),
        effect=effect_size(differences) if n > 1 else None,
        p=sign_flip_p(differences, rng) if n > 1 else None,
    )


def effect_size(differences: Float[np.ndarray, "pairs"]) -> float:
    """Return Hedges' g of at least two pairs: their mean in units of their spread."""
    mean, sd = stable_mean(differences), spread(differences)
    if sd == 0:
        return float(np.sign(mean) * np.inf) if mean else 0.0
    return stable(mean / sd * (1 - 3 / (4 * len(differences) - 5)))


def sign_flip_p(
    differences: Float[np.ndarray, "pairs"],
    rng: np.random.Generator,
    alternative: Alternative = "two-sided",
) -> float:
    """Return the p value of the paired permutation test of the mean difference.

    Under the null hypothesis the methods are exchangeable, so every difference might as well have
    the other sign. Exact up to 13 pairs.
    """
    unit = differences / (size_of(differences) or 1.0)
    found = permutation_test(
        (unit, np.zeros_like(unit)),
        # At most 1; means that differ in their last bits only are equal.
        lambda a, b, axis: np.round(np.mean(a - b, axis=axis), DIGITS),
        permutation_type="samples",
        vectorized=True,
        n_resamples=_RESAMPLES,
        alternative=alternative,
        rng=rng,
    )
    return float(found.pvalue)


def t_test_p(differences: Float[np.ndarray, "pairs"]) -> float:
    """Return the two-sided p value of the paired t test; 1 for one pair, and where all are zero."""
    n, mean, sd = len(differences), stable_mean(differences), spread(differences)
    if n < 2 or mean == 0:
        return 1.0
    return stable(2 * stdtr(n - 1, -abs(mean) / sd * np.sqrt(n))) if sd else 0.0


def shows_above(
    differences: Float[np.ndarray, "pairs"], threshold: float, rng: np.random.Generator
) -> bool:
    """Say whether pairs show a mean difference above a threshold.

    The 95 % t interval must lie above it, and the one-sided sign-flip test must agree (p at most
    0.05): the interval alone would take two equal runs for certainty. So fewer than five pairs show
    nothing.

    Raises:
        ValueError: A difference is not finite.
    """
    interval = mean_interval(differences)
    if len(differences) < LEAST_PAIRS or interval is None:
        return False
    if stable(interval[0] - threshold, max(size_of(differences), abs(threshold))) <= 0:
        return False
    return sign_flip_p(differences - threshold, rng, "greater") <= ALARM


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p values so that the chance of any false alarm among them is held (Holm, 1979)."""
    p = np.array(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    factors = len(p) - np.arange(len(p))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0)
    return [*map(stable, adjusted.tolist())]


def detectable(spread: float, n: int) -> float | None:
    """Return the least mean difference that n pairs would show with probability 0.8.

    Args:
        spread: Standard deviation of the differences.
        n: Number of pairs.

    Returns:
        The difference, by the t interval of normal differences; None below five pairs, which
        show nothing.
    """
    if n < LEAST_PAIRS:
        return None
    edge = stdtrit(n - 1, (1 + LEVEL) / 2)
    return stable(nctdtrinc(n - 1, 1 - POWER, edge) * spread / np.sqrt(n))


def seeds_needed(difference: float, spread: float) -> int | None:
    """Return how many pairs show a mean difference with probability 0.8.

    Args:
        difference: What there is to show; its sign does not matter.
        spread: Standard deviation of the differences.

    Returns:
        At least five; None above a thousand, and for no difference at all.
    """
    for n in range(LEAST_PAIRS, MOST_SEEDS + 1):
        least = detectable(spread, n)
        if least is not None and difference and least <= stable(abs(difference)):
            return n
    return None
