"""Kills a run twenty times at random moments: ``python tests/kill_twenty.py [SEED]``.

Exits with 0 if at least fifteen of the kills left a cell to be resumed and the final results
equal an uninterrupted run's bit for bit.
"""

import sys
import tempfile
from pathlib import Path

from support.kills import kill_and_resume

N_KILLS, N_INSIDE = 20, 15


def main() -> int:
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    with tempfile.TemporaryDirectory() as folder:
        sessions, different = kill_and_resume(
            Path(folder), N_KILLS, 1.0, episodes=1600, evaluations=800, seed=seed
        )
    for number, session in enumerate(sessions, 1):
        end = "killed" if session.killed else "ended"
        print(f"{number:2} {end}  inside: {', '.join(session.inside) or 'none'}")
    n_killed = sum(session.killed for session in sessions)
    n_inside = sum(session.killed and bool(session.inside) for session in sessions)
    print(f"{n_killed} kills, {n_inside} of them resumed inside a cell")
    print(f"results that differ from an uninterrupted run: {different or 'none'}")
    return 0 if n_killed == N_KILLS and n_inside >= N_INSIDE and not different else 1


if __name__ == "__main__":
    sys.exit(main())
