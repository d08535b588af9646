import subprocess
import sys
import time

import psutil
import pytest

from support.kills import kill_and_resume, progress, write_grid


@pytest.mark.slow
def test_a_run_that_is_killed_three_times_ends_with_the_same_results(tmp_path):
    kills, different = kill_and_resume(
        tmp_path, n_kills=3, longest_s=0.5, episodes=400, evaluations=200, seed=0
    )

    assert len(kills) == 3
    assert any(kill.inside for kill in kills)
    assert not different


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
