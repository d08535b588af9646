"""Kills a running grid, its parent, a worker or all, and starts it again until it is done."""

import multiprocessing
import random
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from harness.config.cell import Cell
from harness.config.grid import load_grid
from harness.results.files import CellFiles
from harness.results.result import RunResult, load_result
from harness.training.pool import PRELOAD
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


VICTIMS = ("all", "parent", "worker")


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill.

    Attributes:
        victim: Who was killed; without a parent workers end themselves, without a worker the run
            goes on.
        inside: Names of the cells that had a checkpoint and no result.
    """

    victim: str
    inside: tuple[str, ...]


def write_grid(path: Path, *, episodes: int, evaluations: int) -> tuple[Cell, ...]:
    """Write a grid of DQN, Coco-Q and LToS with held shares, and return its cells."""
    evaluated = f"evaluations = {evaluations}, evaluation_episodes = 2"
    lengths = {"episodes": episodes, "more": 4 * episodes, "long": 16 * episodes}
    path.write_text(GRID.format(evaluated=evaluated, **lengths))
    return load_grid(path).cells


def uninterrupted(
    cells: tuple[Cell, ...], folder: Path, checkpoint_every: float = 1e9
) -> list[RunResult]:
    """Run the cells in this process, in one go each."""
    torch.set_num_threads(1)  # as in workers
    for cell in cells:
        work(cell, folder, checkpoint_every, lambda: False)
    return [load_result(CellFiles.of(folder, cell).result) for cell in cells]


def progress(cells: tuple[Cell, ...], folder: Path) -> list[int]:
    """Return when the cells' streams were last written; a change means that a cell goes on."""
    return [_written_ns(CellFiles.of(folder, cell).stream) for cell in cells]


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
) -> tuple[list[Kill], list[str]]:
    """Kill a grid at random moments until it was killed often enough, then let it end.

    Returns:
        All kills, and what differs from an uninterrupted run: cells by name, and files left over.
    """
    grid, moments = folder / "killed.toml", random.Random(seed)
    cells = write_grid(grid, episodes=episodes, evaluations=evaluations)
    whole = uninterrupted(cells, folder / "whole")
    kills: list[Kill] = []
    while len(kills) < n_kills and not _done(cells, folder / "killed"):
        kills += _session(grid, cells, moments, longest_s, n_kills - len(kills))
    _session(grid, cells, moments, longest_s, 0)
    results = [load_result(CellFiles.of(folder / "killed", cell).result) for cell in cells]
    different = [
        first.cell.id
        for first, second in zip(whole, results, strict=True)
        if any(getattr(first, key) != getattr(second, key) for key in COMPARED)
    ]
    return kills, different + leftovers(folder / "killed")


def kill_cell(of: Cell, folder: Path, n_kills: int, longest_s: float, seed: int) -> int:
    """Run a cell, and kill its process so often at a random moment after it went on; let it end.

    Returns:
        How many of the kills were inside the cell, after a checkpoint.
    """
    context, moments = multiprocessing.get_context("forkserver"), random.Random(seed)
    context.set_forkserver_preload(PRELOAD)
    files, n_inside = CellFiles.of(folder, of), 0
    for _ in range(n_kills):
        before = _written_ns(files.checkpoint)
        process = context.Process(target=uninterrupted, args=((of,), folder, 0.0))
        process.start()
        while process.is_alive() and _written_ns(files.checkpoint) == before:
            time.sleep(0.002)
        process.join(moments.uniform(0.0, longest_s))
        process.kill()
        process.join()
        n_inside += files.checkpoint.exists() and not files.result.exists()
    uninterrupted((of,), folder, 0.0)
    return n_inside


def leftovers(folder: Path) -> list[str]:
    """Return names of files that done cells do not have."""
    kept = re.compile(r"seed=\d+\.(json|lock|policy\.pt)|grid\.txt")
    return [p.name for p in folder.rglob("*") if p.is_file() and not kept.fullmatch(p.name)]


def _written_ns(path: Path) -> int:
    """Return when a file was last written; 0 where there is none."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _done(cells: tuple[Cell, ...], folder: Path) -> bool:
    return all(CellFiles.of(folder, cell).result.exists() for cell in cells)


def _session(
    grid: Path, cells: tuple[Cell, ...], moments: random.Random, longest_s: float, n_kills: int
) -> list[Kill]:
    """Start the grid; kill it so often, or until a kill ends it, some time after it goes on."""
    command = [sys.executable, "-m", "harness", "run", "--grid", str(grid), "-j", "2"]
    command += ["--results", str(grid.parent), "--checkpoint-every", "0", "--rerun", "failed"]
    folder, log, kills = grid.parent / grid.stem, grid.with_suffix(".log"), list[Kill]()
    with log.open("w") as said:
        run = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=said, start_new_session=True
        )
    while len(kills) < n_kills:
        before = progress(cells, folder)
        while run.poll() is None and progress(cells, folder) == before:
            time.sleep(0.01)
        with suppress(subprocess.TimeoutExpired):
            run.wait(moments.uniform(0.0, longest_s))
        if run.poll() is not None:
            break
        kills.append(_kill_some(run, moments.choice(VICTIMS), cells, folder))
        if kills[-1].victim != "worker":
            run.wait()
            return kills
    if run.wait() not in ((0, 1) if kills else (0,)):  # 1: a cell whose worker was killed
        raise RuntimeError(f"`run` ended with {run.returncode}: {log.read_text()}")
    return kills


def _kill_some(
    run: subprocess.Popen[bytes], victim: str, cells: tuple[Cell, ...], folder: Path
) -> Kill:
    """Kill a worker, the parent, or the parent with all below it; wait until all these are gone."""
    below = psutil.Process(run.pid).children(recursive=True)
    workers = [process for process in below if process.ppid() != run.pid]
    if victim == "worker" and workers:
        workers[0].kill()
        psutil.wait_procs(workers[:1], timeout=10)
    elif victim == "parent":
        run.kill()
        _, alive = psutil.wait_procs(below, timeout=30)
        if alive:
            raise RuntimeError(f"alive without their parent: {alive}")
    else:
        victim = "all"
        kill(run.pid)
    every = ((cell.id, CellFiles.of(folder, cell)) for cell in cells)
    inside = (name for name, of in every if of.checkpoint.exists() and not of.result.exists())
    return Kill(victim, tuple(inside))
