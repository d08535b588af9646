"""Whether settings are better than others, by paired runs on seeds that no choice rests on."""

from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy.stats import permutation_test

LEVEL = 0.05  # chance that equal settings are called better; another that they are called worse
_PATTERNS = 10_000  # of signs; all of them up to 13 seeds

Verdict = Literal["better", "worse", "no difference shown"]


def verdict(gains: Float[np.ndarray, "seeds"]) -> Verdict:
    """Return what gains say, one per seed."""
    if chance(gains) <= LEVEL:
        return "better"
    return "worse" if chance(-gains) <= LEVEL else "no difference shown"


def chance(gains: Float[np.ndarray, "seeds"]) -> float:
    """Return the chance of gains as large as these, in sum, between equally good settings.

    The paired permutation test: between equals, every gain might as well have the other sign.
    """
    if not np.any(gains):
        return 1.0
    if len(gains) == 1:
        return 0.5 if gains[0] > 0 else 1.0
    found = permutation_test(
        (gains, np.zeros_like(gains)),
        lambda a, b, axis: np.mean(a - b, axis=axis),
        permutation_type="samples",
        alternative="greater",
        n_resamples=_PATTERNS,
        vectorized=True,
        rng=np.random.default_rng(0),
    )
    return float(found.pvalue)
