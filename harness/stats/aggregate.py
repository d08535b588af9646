"""Methods over several scenarios: scores on a common scale, their middle, who improves on whom."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr, stdtrit
from scipy.stats import bootstrap, trim_mean

from harness.stats.intervals import LEVEL, check_finite

RESAMPLES = 10_000
_CUT = 0.25  # the interquartile mean leaves out a quarter at each end

Scores = Float[np.ndarray, "runs scenarios"]
OtherScores = Float[np.ndarray, "other_runs scenarios"]


def normalized(
    values: Float[np.ndarray, "*shape"], floor: float, bound: float
) -> Float[np.ndarray, "*shape"]:
    """Return values on the scale on which a scenario's floor is 0 and its bound 1.

    Both are fixed references, so a score never depends on who else is compared.
    """
    return (values - floor) / (bound - floor)


def iqm(scores: Scores) -> float:
    """Return the interquartile mean: the mean of the middle half of all runs.

    Raises:
        ValueError: A score is not finite.
    """
    check_finite(scores)
    return float(trim_mean(scores, _CUT, axis=None))


def iqm_interval(
    scores: Scores, rng: np.random.Generator, n_resamples: int = RESAMPLES
) -> tuple[float, float] | None:
    """Return the 95 % bootstrap interval of the interquartile mean, resampled per scenario.

    Returns:
        Lower and upper end; None for fewer than two runs.

    Raises:
        ValueError: A score is not finite.
    """
    check_finite(scores)
    return _interval(
        [*scores.T],
        lambda *samples, axis: trim_mean(np.concatenate(samples, axis=axis), _CUT, axis=axis),
        rng,
        n_resamples,
    )


def improvement(scores: Scores, others: OtherScores) -> float:
    """Return the probability of improvement, averaged over the scenarios.

    The chance that a run scores higher than a run of the other method; equal runs count half.

    Raises:
        ValueError: A score is not finite.
    """
    check_finite(scores)
    check_finite(others)
    return float(_improvement_of_samples(*scores.T, *others.T))


def improvement_interval(
    scores: Scores, others: OtherScores, rng: np.random.Generator, n_resamples: int = RESAMPLES
) -> tuple[float, float] | None:
    """Return the 95 % bootstrap interval of ``improvement``, resampled per scenario and method.

    Returns:
        Lower and upper end; None if either method has fewer than two runs.

    Raises:
        ValueError: A score is not finite.
    """
    check_finite(scores)
    check_finite(others)
    return _interval([*scores.T, *others.T], _improvement_of_samples, rng, n_resamples)


def _interval(
    samples: list[Float[np.ndarray, "runs"]],
    statistic: Callable[..., Float[np.ndarray, "*resamples"]],
    rng: np.random.Generator,
    n_resamples: int,
) -> tuple[float, float] | None:
    """Bootstrap with each sample resampled by itself: one sample per scenario is stratified.

    Resampling n runs shows a spread too small by sqrt((n - 1) / n), and takes no account of its
    being estimated: both are put right in the level (Hesterberg, 2015, Section 3.3).
    """
    n = min(map(len, samples))
    if n < 2:
        return None
    quantile = stdtrit(len(samples) * (n - 1), (1 + LEVEL) / 2) * np.sqrt(n / (n - 1))
    found = bootstrap(
        samples,
        statistic,
        n_resamples=n_resamples,
        confidence_level=float(2 * ndtr(quantile) - 1),
        method="percentile",
        vectorized=True,
        batch=max(1, 2_000_000 // n**2),  # what the pairs of runs take in memory
        rng=rng,
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def _improvement_of_samples(
    *samples: Float[np.ndarray, "*resamples _runs"], axis: int = -1
) -> Float[np.ndarray, "*resamples"]:
    """Compare the first half of the samples, a method's, with the second, the other's."""
    half = len(samples) // 2
    chances = []
    for mine, theirs in zip(samples[:half], samples[half:], strict=True):
        gap = mine[..., :, None] - theirs[..., None, :]
        chances.append(np.mean((np.sign(gap) + 1) / 2, axis=(-2, -1)))
    return np.asarray(np.mean(chances, axis=0))
