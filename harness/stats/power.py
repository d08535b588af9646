"""What a number of seeds can show, and how many a difference needs."""

import numpy as np
from scipy.special import nctdtrinc, stdtrit

from harness.stats.interval import LEVEL
from harness.stats.paired import LEAST_PAIRS

POWER = 0.8  # chance to show a difference that is there
MOST_SEEDS = 1000  # nobody runs more; there are no more reporting seeds either


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
    return float(nctdtrinc(n - 1, 1 - POWER, edge) * spread / np.sqrt(n))


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
        if least is not None and difference and least <= abs(difference):
            return n
    return None
