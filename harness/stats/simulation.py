"""How often the intervals cover and the tests raise a false alarm, by simulation.

``python -m harness.stats.simulation`` writes the table of ``docs/statistics.md``; with ``--write
docs/statistics.md`` it puts it there.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from harness.atomic import write_text
from harness.stats.trials import DISTRIBUTIONS, TRIALS

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


if __name__ == "__main__":
    main()
