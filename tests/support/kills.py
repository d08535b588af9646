"""Kills a running grid, parent and workers, and starts it again until it is done."""

import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from harness.config.cell import Cell
from harness.config.grid import load_grid
from harness.results.files import CellFiles
from harness.results.result import RunResult, load_result
from harness.training.worker import work

COMPARED = ("cell", "fingerprint", "config", "curve", "episodes", "traces", "method")
GRID = """
description = "cells to kill"

[[sweep]]
scenario = "prisoner"
methods = ["dqn"]
seeds = [0]
budget = {{ episodes = {more}, steps = 0, {evaluated} }}

[[sweep]]  # faster, hence longer, or few kills would find it
scenario = "prisoner"
methods = ["coco_q"]
seeds = [0]
budget = {{ episodes = {long}, steps = 0, {evaluated} }}

[[sweep]]  # shares held over two steps, so that a kill may fall in between
scenario = "prisoner"
methods = ["ltos"]
fields.share_interval = 2
seeds = [0]
budget = {{ episodes = {episodes}, steps = 0, {evaluated} }}
"""


@dataclass(frozen=True, slots=True)
class Session:
    """One start of the grid, up to its kill or its end.

    Attributes:
        killed: Whether it was killed, rather than done.
        inside: Names of the cells that had begun and not ended when it was killed.
    """

    killed: bool
    inside: tuple[str, ...]


def write_grid(path: Path, *, episodes: int, evaluations: int) -> tuple[Cell, ...]:
    """Write a grid of DQN, Coco-Q and LToS with held shares, and return its cells."""
    evaluated = f"evaluations = {evaluations}, evaluation_episodes = 2"
    lengths = {"episodes": episodes, "more": 4 * episodes, "long": 16 * episodes}
    path.write_text(GRID.format(evaluated=evaluated, **lengths))
    return load_grid(path).cells


def uninterrupted(cells: tuple[Cell, ...], folder: Path) -> list[RunResult]:
    """Run the cells in this process, in one go each."""
    for cell in cells:
        work(cell, folder, 1e9, lambda: False)
    return [load_result(CellFiles.of(folder, cell).result) for cell in cells]


def session(grid: Path, results: Path, cells: tuple[Cell, ...], wait_s: float | None) -> Session:
    """Start the grid; kill it some time after the first cell goes on, if told to."""
    command = [sys.executable, "-m", "harness", "run", "--grid", str(grid), "-j", "2"]
    command += ["--results", str(results), "--checkpoint-every", "0", "--rerun", "failed"]
    folder = results / grid.stem
    before = progress(cells, folder)
    run = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )
    while wait_s is not None and run.poll() is None and progress(cells, folder) == before:
        time.sleep(0.01)
    try:
        _, errors = run.communicate(timeout=wait_s)
    except subprocess.TimeoutExpired:
        kill(run.pid)
        run.communicate()
        inside = tuple(
            cell.id
            for cell in cells
            if (files := CellFiles.of(folder, cell)).checkpoint.exists()
            and not files.result.exists()
        )
        return Session(killed=True, inside=inside)
    if run.returncode != 0:
        raise RuntimeError(f"`run` ended with {run.returncode}: {errors.decode()}")
    return Session(killed=False, inside=())


def progress(cells: tuple[Cell, ...], folder: Path) -> list[int]:
    """Return when the cells' streams were last written; a change means that a cell goes on."""
    streams = [CellFiles.of(folder, cell).stream for cell in cells]
    return [path.stat().st_mtime_ns if path.exists() else 0 for path in streams]


def kill(pid: int) -> None:
    """Kill a process and all below it with SIGKILL, at one moment as far as possible."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    for signal_ in (signal.SIGSTOP, signal.SIGKILL):
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal_)
    psutil.wait_procs(family[1:], timeout=10)


def kill_and_resume(
    folder: Path, n_kills: int, longest_s: float, *, episodes: int, evaluations: int, seed: int
) -> tuple[list[Session], list[str]]:
    """Kill a grid at random moments until it was killed often enough, then let it end.

    Returns:
        All sessions, and the names of the cells whose results differ from an uninterrupted run's.
    """
    grid, moments = folder / "killed.toml", random.Random(seed)
    cells = write_grid(grid, episodes=episodes, evaluations=evaluations)
    whole = uninterrupted(cells, folder / "whole")
    sessions: list[Session] = []
    while sum(s.killed for s in sessions) < n_kills and (not sessions or sessions[-1].killed):
        sessions.append(session(grid, folder, cells, moments.uniform(0.0, longest_s)))
    if sessions[-1].killed:
        sessions.append(session(grid, folder, cells, None))
    results = [load_result(CellFiles.of(folder / "killed", cell).result) for cell in cells]
    different = [
        first.cell.id
        for first, second in zip(whole, results, strict=True)
        if any(getattr(first, key) != getattr(second, key) for key in COMPARED)
    ]
    return sessions, different
