"""Kills a `tune` at random moments, and starts it again until it is done."""

import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness.config.grid import load_grid
from harness.tuning.study import StudyStore
from harness.tuning.trial import State
from support.kills import kill

GRID = """
description = "studies to kill"
tuning = true
[[sweep]]
scenario = "prisoner"
methods = [{methods}]
seeds = [1000, 1001, 1002]
budget = {{ episodes = 10, steps = {steps}, evaluations = 10, evaluation_episodes = 2 }}
"""
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Session:
    """One start of the command, up to its kill or its end.

    Attributes:
        killed: Whether it was killed, rather than done.
        n_ended: Trials that had ended by then, in all studies.
        inside: Trials that had begun and not ended.
    """

    killed: bool
    n_ended: int
    inside: int


def start(grid: Path, results: Path, trials: int, *more: str) -> subprocess.Popen[str]:
    """Start the command on one worker."""
    command = [sys.executable, "-m", "harness", "tune", "--grid", str(grid), "-j", "1"]
    command += ["--trials", str(trials), "--unseen", "2", "--results", str(results)]
    return subprocess.Popen(
        [*command, "--reports", str(results / "reports"), *more],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def history(grid: Path, results: Path) -> dict[str, list[tuple[object, ...]]]:
    """What every study holds, times and numbers of trials left out."""
    return {
        study.plan.name: [
            (t.attempt, t.state, {s: (r.value, r.steps, r.failure) for s, r in t.runs.items()})
            for t in study.trials()
        ]
        + [tuple(sorted((whose(k), v["value"]) for k, v in study.notes.items() if "unseen" in k))]
        for study in StudyStore(load_grid(grid), results).begun()
    }


def whose(note: str) -> str:
    """The name of a score on a held-out seed, without the number of the trial it is of."""
    return re.sub(r"^unseen\.\d+\.", "unseen.tuned.", note)


def look(grid: Path, results: Path) -> tuple[int, int]:
    """How many trials have ended, and how many have begun and not ended."""
    with suppress(Exception):  # an heir whose parent is not finished cannot be opened yet
        states = [t[1] for trials in history(grid, results).values() for t in trials[:-1]]
        going_on = sum(state in (State.RUNNING, State.WAITING) for state in states)
        return len(states) - going_on, going_on
    return 0, 0


def kill_and_resume(
    folder: Path,
    n_kills: int,
    longest_s: float,
    *,
    methods: Sequence[str],
    steps: int,
    trials: int,
    seed: int,
) -> tuple[list[Session], bool]:
    """Kill a session at random moments until it was killed often enough, then let it end.

    Returns:
        All sessions, and whether all studies hold what they hold without an interruption.
    """
    grid, moments, sessions = folder / "killed.toml", random.Random(seed), list[Session]()
    names = ", ".join(f'"{method}"' for method in methods)
    grid.write_text(GRID.format(steps=steps, methods=names))
    finish(start(grid, folder / "whole", trials))
    while True:
        last = sum(session.killed for session in sessions) == n_kills
        run = start(grid, folder / "killed", trials)
        if last or not _killed_after(run, grid, folder / "killed", moments.uniform(0, longest_s)):
            finish(run)
            sessions.append(Session(False, *look(grid, folder / "killed")))
            break
        sessions.append(Session(True, *look(grid, folder / "killed")))
    return sessions, history(grid, folder / "whole") == history(grid, folder / "killed")


def _killed_after(run: subprocess.Popen[str], grid: Path, results: Path, wait_s: float) -> bool:
    """Wait until the command writes to a journal, then so long; say whether it was killed."""
    before = _written(grid, results)
    while run.poll() is None and _written(grid, results) == before:
        with suppress(subprocess.TimeoutExpired):
            run.wait(0.01)
    with suppress(subprocess.TimeoutExpired):
        run.wait(wait_s)
    if run.poll() is not None:
        return False
    kill(run.pid)
    run.communicate()
    return True


def _written(grid: Path, results: Path) -> int:
    return sum(p.stat().st_size for p in (results / grid.stem / "tune").glob("*/*.log"))


def finish(run: subprocess.Popen[str]) -> str:
    """Wait for the end of the command; return what it said."""
    _, errors = run.communicate(timeout=3600)
    if run.returncode != 0:
        raise RuntimeError(f"`tune` ended with {run.returncode}: {errors}")
    return errors


def interrupt(run: subprocess.Popen[str]) -> str:
    """Press Ctrl-C; return what the command said."""
    os.killpg(run.pid, signal.SIGINT)
    _, errors = run.communicate(timeout=600)
    return errors
