"""Kills `tune` ten times at random moments: ``python tests/kill_ten_studies.py [SEED]``.

Exits with 0 if the studies hold the same trials, values and costs as without an interruption, and
at least seven of the kills left a trial to be gone on with.
"""

import sys
import tempfile
from pathlib import Path

from support.study_kills import kill_and_resume

N_KILLS, N_INSIDE = 10, 7
METHODS = ("dgn", "fixed_ltos", "coco_q")  # an heir among them


def main() -> int:
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    with tempfile.TemporaryDirectory() as folder:
        sessions, same = kill_and_resume(
            Path(folder), N_KILLS, 12.0, methods=METHODS, steps=400, trials=14, seed=seed
        )
    for number, session in enumerate(sessions, 1):
        end = "killed" if session.killed else "ended"
        print(f"{number:2} {end}  {session.n_ended} trials ended, {session.inside} inside")
    n_killed = sum(session.killed for session in sessions)
    n_inside = sum(session.killed and session.inside > 0 for session in sessions)
    print(f"{n_killed} kills, {n_inside} of them inside a trial")
    print(f"the same as without an interruption: {same}")
    return 0 if n_killed == N_KILLS and n_inside >= N_INSIDE and same else 1


if __name__ == "__main__":
    sys.exit(main())
