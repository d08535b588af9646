"""Kills a run at random moments: ``python tests/kill_runs.py [KILLS] [SEED]``.

Exits with 0 if at least half of the kills left a cell to be resumed and the final results equal an
uninterrupted run's bit for bit, with nothing left over.
"""

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from support.kills import kill_and_resume


def main() -> int:
    n_kills, seed = map(int, [*sys.argv[1:], *("20", "0")[len(sys.argv) - 1 :]])
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        kills, different = kill_and_resume(
            Path(folder), n_kills, 1.0, episodes=1600, evaluations=800, seed=seed
        )
    for number, kill in enumerate(kills, 1):
        print(f"{number:3} {kill.victim:6} inside: {', '.join(kill.inside) or 'none'}")
    n_inside = sum(bool(kill.inside) for kill in kills)
    victims = ", ".join(f"{n} {who}" for who, n in Counter(k.victim for k in kills).items())
    print(f"{len(kills)} kills ({victims}) in {time.monotonic() - begun:.0f} s")
    print(f"{n_inside} of them inside a cell after a checkpoint")
    print(f"different from an uninterrupted run, or left over: {different or 'nothing'}")
    return 0 if len(kills) == n_kills and 2 * n_inside >= n_kills and not different else 1


if __name__ == "__main__":
    sys.exit(main())
