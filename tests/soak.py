"""Runs for long: ``python tests/soak.py [MINUTES]``.

Two `run` commands and a `report` go over one folder of results again and again, with a grid that
is new each time, until the time is up: no cell may be lost, none computed twice. Then one worker
computes 200 small cells: its memory and its descriptors may not grow.

Exits with 0 if nothing is lost, nothing double, and neither grew.
"""

import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil

from harness.config.grid import load_grid
from harness.results.files import CellFiles
from harness.results.index import State, count, look
from support.kills import leftovers

GRID = """
description = "small cells"
[[sweep]]
scenario = "prisoner"
methods = [{methods}]
seeds = {seeds}
budget = {{ episodes = 10, steps = 20, evaluations = 5, evaluation_episodes = 1 }}
"""
N_CELLS, EVERY = 200, 50
MOST_MB, MOST_DESCRIPTORS = 20, 2  # growth from the 50th cell to the last


def command(name: str, grid: Path, *options: str) -> subprocess.Popen[str]:
    """Start a command on a grid whose results lie beside it."""
    place = ["--grid", str(grid), "--results", str(grid.parent / "results")]
    return subprocess.Popen(
        [sys.executable, "-m", "harness", name, *place, *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def share(folder: Path, seconds: float) -> bool:
    """Have two runs and reports share a folder; say whether nothing was lost or double."""
    deadline, n_cells, n_reports, wrong = time.monotonic() + seconds, 0, 0, list[str]()
    grid, done = folder / "shared.toml", Counter[str]()
    while time.monotonic() < deadline:
        text = GRID.format(methods='"dqn", "random"', seeds=[*range(n_cells // 2 + 10)])
        grid.write_text(text)
        runs = [command("run", grid, "-j", "1", "--checkpoint-every", "0") for _ in range(2)]
        while any(run.poll() is None for run in runs):
            report = command("report", grid, "--reports", str(folder / "reports"))
            _, log = report.communicate()
            wrong += [log] if report.returncode else []
            n_reports += 1
        logs = [run.communicate()[1] for run in runs]
        wrong += [log for run, log in zip(runs, logs, strict=True) if run.returncode]
        cells = load_grid(grid).cells
        states, n_cells = count(look(cells, folder / "results" / "shared")), len(cells)
        wrong += [f"lost: {states}"] if states != {State.DONE: n_cells} else []
        done.update(re.findall(r"^[\d:]+ done +(\S+)", "\n".join(logs), re.MULTILINE))
    double = [name for name, times in done.items() if times > 1]
    lost = n_cells - len(done)
    left = leftovers(folder / "results" / "shared")
    print(f"two runs and {n_reports} reports: {n_cells} cells, {lost} lost, {len(double)} double")
    print("wrong, or left over:", *(wrong + left or ["nothing"]), sep="\n  ")
    return not (lost or double or wrong or left)


def endure(folder: Path) -> bool:
    """Have one worker compute many cells; say whether it stayed as it was."""
    grid = folder / "many.toml"
    grid.write_text(GRID.format(methods='"dqn"', seeds=[*range(N_CELLS + 10)]))
    cells, table = load_grid(grid).cells, list[tuple[int, float, int]]()
    run = command("run", grid, "-j", "1")
    while run.poll() is None and len(table) <= N_CELLS // EVERY:
        n = sum(CellFiles.of(folder / "results" / "many", of).result.exists() for of in cells)
        below = psutil.Process(run.pid).children(recursive=True)
        if n >= max(1, EVERY * len(table)):
            below = [process for process in below if process.ppid() != run.pid]
            worker = max(below, key=lambda process: process.memory_info().rss)  # the other is git
            table.append((n, worker.memory_info().rss / 2**20, worker.num_fds()))
        time.sleep(0.005)
    _, log = run.communicate()
    print("cell  memory [MB]  descriptors", log if run.returncode else "")
    for n, memory_mb, descriptors in table:
        print(f"{n:4}  {memory_mb:11.1f}  {descriptors:11}")
    (_, memory_mb, descriptors), (_, last_mb, last_descriptors) = table[1], table[-1]
    flat = last_mb - memory_mb <= MOST_MB and last_descriptors - descriptors <= MOST_DESCRIPTORS
    return len(table) > N_CELLS // EVERY and flat


def main() -> int:
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    with tempfile.TemporaryDirectory() as folder:
        whole, flat = share(Path(folder), 60 * minutes), endure(Path(folder))
    return 0 if whole and flat else 1


if __name__ == "__main__":
    sys.exit(main())
