"""Numbers in a report, each kind by one fixed rule; all are rounded by ``stats.rounding``."""

import math
from collections.abc import Sequence

import numpy as np

from harness.stats.intervals import Summary
from harness.stats.rounding import exponent, half_up

NOTHING = "-"


def decimals(*reference_values: float) -> int:
    """Return how many decimals suit a metric with these bound and floor.

    Three significant digits at least: 3 decimals below 10 (more below 0.1), 2 below 100, 1 below
    1000, else none; by the smaller of them, so the rule does not depend on the results.
    """
    sizes = [abs(x) for x in reference_values if x and math.isfinite(x)]
    power = exponent(min(sizes)) if sizes else 0
    return max(3 - power, 0) if power >= 0 else 2 - power


def number(value: float, places: int) -> str:
    """Write a number with so many decimals; a rounded zero carries no sign."""
    return f"{half_up(value, places):f}" if math.isfinite(value) else f"{value}"


def signed(value: float, places: int) -> str:
    """Write a difference with its sign; a rounded zero carries none."""
    text = number(value, places)
    return text if float(text) <= 0 else f"+{text}"


def mean_text(summary: Summary, places: int) -> str:
    """Write the mean of runs with its interval."""
    return interval_text(summary.mean, summary.interval, places)


def interval_text(mean: float, interval: tuple[float, float] | None, places: int) -> str:
    """Write ``mean [low, high]``, without an interval where one run allows none."""
    if interval is None:
        return number(mean, places)
    low, high = interval
    return f"{number(mean, places)} [{number(low, places)}, {number(high, places)}]"


def range_text(values: Sequence[float] | np.ndarray, places: int) -> str:
    """Write ``least to most``, or one number where they print alike."""
    ends = [number(float(end), places) for end in (np.min(values), np.max(values))]
    return " to ".join(dict.fromkeys(ends))


def rough(value: float, digits: int = 2) -> str:
    """Write a size or a speed to a few significant digits, e.g. 1,400 or 0.37."""
    if value == 0:
        return "0"
    places = digits - 1 - exponent(value)
    return f"{half_up(value, places):,.{max(places, 0)}f}"


def count_text(value: float) -> str:
    """Write how many there are of something: 12,345."""
    return f"{half_up(value, 0):,f}"


def significant(value: float, digits: int = 2) -> str:
    """Write a p value or an effect to a few significant digits, large ones without decimals."""
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    rounded = float(half_up(value, digits - 1 - exponent(value))) if value else 0.0
    return count_text(value) if abs(rounded) >= 10**digits else f"{rounded:.{digits}g}"


def sentence(text: str) -> str:
    """Return a description as a sentence: capital first, full stop last."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
