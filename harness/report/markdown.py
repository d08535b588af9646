"""Pieces of Markdown: escaped text, tables and numbers by one fixed rule."""

import math
import re
from collections.abc import Iterable, Sequence

import numpy as np

from harness.stats import Summary

NOTHING = "-"


def escape(text: str) -> str:
    """Return text that Markdown shows as it is, also inside a table and with HTML in it.

    Underscores inside a word mean nothing to Markdown and stay readable.
    """
    text = " ".join(text.split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"([\\`*\[\]|~#$!])", r"\\\1", text)
    return re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\_", text)


def code(text: str) -> str:
    """Return text in a code span, or escaped where a code span could not hold it."""
    return escape(text) if re.search(r"[`|\n]", text) else f"`{text}`"


def sentence(text: str) -> str:
    """Return a description as a sentence: capital first, full stop last."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def table(head: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """Write a table; the first ``left`` columns are text, the others numbers set to the right.

    Args:
        head: One title per column.
        rows: Finished cells: escaped where they hold names.
        left: Number of text columns.
    """
    rule = [":--" if n < left else "--:" for n in range(len(head))]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, rule, *rows])


def decimals(*landmarks: float) -> int:
    """Return how many decimals suit a metric with these bound and floor.

    Three significant digits at least: 3 decimals below 10 (more below 0.1), 2 below 100, 1 below
    1000, else none; by the smaller landmark, so the rule does not depend on the results.
    """
    sizes = [abs(x) for x in landmarks if x and math.isfinite(x)]
    exponent = math.floor(math.log10(min(sizes))) if sizes else 0
    return max(3 - exponent, 0) if exponent >= 0 else 2 - exponent


def number(value: float, places: int) -> str:
    """Write a number with so many decimals; a rounded zero carries no sign."""
    text = f"{value:.{places}f}"
    return text.lstrip("-") if float(text) == 0 else text


def mean_text(summary: Summary, places: int) -> str:
    """Write ``mean [low, high]``, without an interval where one run allows none."""
    mean = number(summary.mean, places)
    if summary.interval is None:
        return mean
    low, high = summary.interval
    return f"{mean} [{number(low, places)}, {number(high, places)}]"


def range_text(values: Sequence[float] | np.ndarray, places: int) -> str:
    """Write ``least to most``, or one number where they print alike."""
    ends = [number(float(end), places) for end in (np.min(values), np.max(values))]
    return " to ".join(dict.fromkeys(ends))


def rough(value: float) -> str:
    """Write a size or a speed to two significant digits, e.g. 1,400 or 0.37."""
    if value == 0:
        return "0"
    places = 1 - math.floor(math.log10(abs(value)))
    return f"{round(value, places):,.{max(places, 0)}f}"


def seeds_text(seeds: Iterable[int]) -> str:
    """Write seeds shortly: ``0-4, 7``."""
    runs: list[list[int]] = []
    for seed in sorted(seeds):
        if runs and seed == runs[-1][-1] + 1:
            runs[-1].append(seed)
        else:
            runs.append([seed])
    return ", ".join(f"{r[0]}-{r[-1]}" if len(r) > 1 else f"{r[0]}" for r in runs)
