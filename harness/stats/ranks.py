"""Ranks that set apart only what the runs set apart."""

import numpy as np
from jaxtyping import Bool


def rank_ranges(ahead: Bool[np.ndarray, "methods methods"]) -> list[tuple[int, int]]:
    """Return the best and the worst rank that each method may have.

    Args:
        ahead: Whether the runs show that the row's method is better than the column's.
    """
    n = len(ahead)
    behind, before = ahead.sum(axis=1), ahead.sum(axis=0)
    return [(int(1 + before[i]), int(n - behind[i])) for i in range(n)]
