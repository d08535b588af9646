"""How often the intervals cover and the tests raise a false alarm, by simulation.

``PYTHONPATH=. python tests/error_rates.py`` in the repository root writes the table of
``docs/statistics.md``; with ``--write docs/statistics.md`` it puts it there.
"""

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float

from harness.results.files import write_text
from harness.stats.aggregate import improvement_interval, iqm, iqm_interval
from harness.stats.intervals import mean_interval
from harness.stats.paired import ALARM, detectable, holm, shows_above, sign_flip_p, t_test_p

SIZES = (3, 5, 10)  # runs of a method
_MARKS = re.compile(r"(?<=<!-- simulated -->\n).*(?=<!-- /simulated -->)", re.DOTALL)


def rate(name: str, distribution: str, n: int, repeats: int) -> float:
    """Return how often a trial of ``TRIALS`` comes true."""
    rng, trial = np.random.default_rng([n, repeats]), TRIALS[name][1]
    return sum(trial(DISTRIBUTIONS[distribution], n, rng) for _ in range(repeats)) / repeats


def table(repeats: int) -> str:
    """Write all rates [%] as a Markdown table."""
    head = [f"{distribution}, n = {n}" for distribution in DISTRIBUTIONS for n in SIZES]
    lines = [["", "should be", *head], [":--", ":--", *["--:"] * len(head)]]
    for name, (promise, _) in TRIALS.items():
        rates = [rate(name, dist, n, repeats) for dist in DISTRIBUTIONS for n in SIZES]
        lines.append([name, promise, *(f"{100 * share:.1f}" for share in rates)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the table to standard output or into a page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=4_000, help="trials per rate")
    parser.add_argument("--write", type=Path, help="a page with the marks of the table")
    asked = parser.parse_args(arguments)
    text = f"{table(asked.repeats)}\n\n{asked.repeats} trials per rate.\n"
    if asked.write is None:
        sys.stdout.write(text)
    else:
        write_text(asked.write, _MARKS.sub(lambda _: text, asked.write.read_text()))


Draw = Callable[[np.random.Generator, tuple[int, ...]], Float[np.ndarray, "*shape"]]
Trial = Callable[[Draw, int, np.random.Generator], bool]

DISTRIBUTIONS: dict[str, Draw] = {  # of the final values of a method's runs, mean 0
    "normal": lambda rng, shape: rng.normal(size=shape),
    "skewed": lambda rng, shape: rng.exponential(size=shape) - 1,
    # four runs in five learn to cooperate, one does not: prisoner
    "bimodal": lambda rng, shape: np.where(rng.random(shape) < 0.8, 0.1, -0.4),
}
_SCENARIOS = 3
_RIVALS = 8
_RESAMPLES = 999
_LARGE = 1_000_000
_SLACK = 1e-9  # rounding


@cache
def _true_iqm(draw: Draw) -> float:
    return iqm(draw(np.random.default_rng(0), (_LARGE, 1)))


@cache
def _true_spread(draw: Draw) -> float:
    return float(draw(np.random.default_rng(0), (_LARGE,)).std())


def _inside(interval: tuple[float, float] | None, truth: float) -> bool:
    return interval is not None and interval[0] - _SLACK <= truth <= interval[1] + _SLACK


def _difference(draw: Draw, n: int, rng: np.random.Generator) -> Float[np.ndarray, "pairs"]:
    first, second = draw(rng, (2, n))
    return first - second


def _mean_is_covered(draw: Draw, n: int, rng: np.random.Generator) -> bool:
    return _inside(mean_interval(draw(rng, (n,))), 0.0)


def _iqm_is_covered(draw: Draw, n: int, rng: np.random.Generator) -> bool:
    interval = iqm_interval(draw(rng, (n, _SCENARIOS)), rng, _RESAMPLES)
    return _inside(interval, _true_iqm(draw))


def _improvement_is_covered(draw: Draw, n: int, rng: np.random.Generator) -> bool:
    scores, others = draw(rng, (2, n, _SCENARIOS))
    return _inside(improvement_interval(scores, others, rng, _RESAMPLES), 0.5)


def _equals_differ(draw: Draw, n: int, rng: np.random.Generator) -> bool:
    return sign_flip_p(_difference(draw, n, rng), rng) <= ALARM


def _constant_differs(draw: Draw, n: int, rng: np.random.Generator) -> bool:
    return sign_flip_p(draw(rng, (n,)), rng) <= ALARM


def _one_of_many_differs(draw: Draw, n: int, rng: np.random.Generator) -> bool:
    differences = draw(rng, (n,)) - draw(rng, (_RIVALS, n))
    return min(holm([sign_flip_p(d, rng) for d in differences])) <= ALARM


def _one_of_many_changes(draw: Draw, n: int, rng: np.random.Generator) -> bool:
    gaps = draw(rng, (_RIVALS, n)) - draw(rng, (_RIVALS, n))
    adjusted = holm([t_test_p(d) for d in gaps])
    return any(
        p <= ALARM and (shows_above(d, 0.0, rng) or shows_above(-d, 0.0, rng))
        for p, d in zip(adjusted, gaps, strict=True)
    )


def _equal_is_shown_above(draw: Draw, n: int, rng: np.random.Generator) -> bool:
    return shows_above(_difference(draw, n, rng), 0.0, rng)


def _constant_is_shown_above(draw: Draw, n: int, rng: np.random.Generator) -> bool:
    return shows_above(-draw(rng, (n,)), 0.0, rng)


def _detectable_is_shown(draw: Draw, n: int, rng: np.random.Generator) -> bool:
    sd = _true_spread(draw) * float(np.sqrt(2))
    return shows_above(_difference(draw, n, rng) + (detectable(sd, n) or 0.0), 0.0, rng)


TRIALS: dict[str, tuple[str, Trial]] = {
    "t interval of the mean covers it": ("95 %", _mean_is_covered),
    "bootstrap interval of the IQM of three scenarios covers it": ("95 %", _iqm_is_covered),
    "bootstrap interval of P(improvement) covers it, equal methods": (
        "95 %",
        _improvement_is_covered,
    ),
    "sign-flip test, equal methods: p at most 0.05": ("at most 5 %", _equals_differ),
    "sign-flip test, method against a constant of its mean: p at most 0.05": (
        "5 %",
        _constant_differs,
    ),
    "sign-flip tests against eight equal methods, Holm: any p at most 0.05": (
        "at most 5 %",
        _one_of_many_differs,
    ),
    "decision: a method is shown to be better than its equal": (
        "at most 2.5 %",
        _equal_is_shown_above,
    ),
    "decision: a constant is shown to be better than a method of its mean": (
        "2.5 %",
        _constant_is_shown_above,
    ),
    "compare: any of eight metrics without a change is called better or worse": (
        "at most 5 %",
        _one_of_many_changes,
    ),
    "decision: the detectable difference is shown": ("80 %", _detectable_is_shown),
}


if __name__ == "__main__":
    main()
