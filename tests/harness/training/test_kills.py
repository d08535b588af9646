import subprocess
import sys
import time

import psutil
import pytest

from harness.config.cell import Budget
from harness.results.files import CellFiles
from harness.results.result import load_result
from support.kills import (
    COMPARED,
    kill_and_resume,
    kill_cell,
    leftovers,
    progress,
    uninterrupted,
    write_grid,
)
from support.recorded import cell


@pytest.mark.slow
def test_a_run_that_is_killed_three_times_ends_with_the_same_results(tmp_path):
    kills, different = kill_and_resume(
        tmp_path, n_kills=3, longest_s=0.5, episodes=400, evaluations=200, seed=0
    )

    assert len(kills) == 3
    assert any(kill.inside for kill in kills)
    assert not different


@pytest.mark.slow
def test_a_cell_that_is_killed_twenty_times_ends_with_the_same_result(tmp_path):
    budget = Budget(episodes=400, steps=0, evaluations=200, evaluation_episodes=1)
    of = cell("dqn", budget=budget)
    (whole,) = uninterrupted((of,), tmp_path / "whole")

    n_inside = kill_cell(of, tmp_path / "killed", n_kills=20, longest_s=0.1, seed=0)

    result = load_result(CellFiles.of(tmp_path / "killed", of).result)
    assert n_inside == 20
    assert all(getattr(result, key) == getattr(whole, key) for key in COMPARED)
    assert result.provenance["resumed"] == n_inside
    assert not leftovers(tmp_path / "killed")


@pytest.mark.slow
def test_an_orphaned_worker_ends_itself(tmp_path):
    cells = write_grid(tmp_path / "orphans.toml", episodes=100_000, evaluations=1000)
    command = [sys.executable, "-m", "harness", "run", "--grid", str(tmp_path / "orphans.toml")]
    run = subprocess.Popen(
        [*command, "--results", str(tmp_path), "-j", "2"], stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while not any(progress(cells, tmp_path / "orphans")) and time.monotonic() < deadline:
        time.sleep(0.05)
    below = psutil.Process(run.pid).children(recursive=True)

    run.kill()
    run.wait()
    _, alive = psutil.wait_procs(below, timeout=30)

    assert len(below) >= 3
    assert not alive
