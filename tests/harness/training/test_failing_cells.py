"""A failing cell is a failing cell, whatever its environment does; all that can be in one run."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.results.failure import load_failure
from harness.results.result import load_result
from support import unruly

ROOT = Path(__file__).parents[3]
SWEEP = """
[[sweep]]
scenario = "pettingzoo"
methods = ["dqn"]
seeds = [0]
options.module = "unruly"
options.max_steps = 9
options.episode = {episode}
options.does = {does}
budget = {{ episodes = 6, evaluations = 3, evaluation_episodes = 1 }}
"""
DONE = ["nothing", "killed_once", "bears", "shouts", "moves"]
AT = "at step 2, training episode 2"
FAILED = {  # what is done: kind of the failure, and what is said
    "hangs": ("timeout", "not done after 12 s (--time-limit)"),
    "two_arguments": ("error", "TwoArguments: this and that"),
    "task_timeout": ("error", "TimeoutError: Task timeout"),
    "mute": ("error", "Mute: (what it says cannot be had: RuntimeError)"),
    "system_exit": ("error", "SystemExit: 0"),
    "keyboard_interrupt": ("error", "KeyboardInterrupt:"),
    "no_memory": ("memory", "MemoryError: 14 GiB"),
    "exit_0": ("killed", "its worker process ended (exit code 1); tried twice"),
    "segfault": (
        "killed",
        "its worker process ended (SIGSEGV); tried twice",
    ),
    "killed": (
        "killed",
        "its worker process ended (SIGKILL; this mostly means out of memory); tried twice",
    ),
    "obs_nan": ("error", f"FloatingPointError: observation of agent_1 is NaN {AT}"),
    "obs_-inf": ("error", f"FloatingPointError: observation of agent_1 is -inf {AT}"),
    "reward_nan": ("error", f"FloatingPointError: reward of agent_1 is NaN {AT}"),
    "mask_empty": ("error", f"ValueError: no action is allowed to agent_1 {AT}"),
    "score_inf": ("error", "FloatingPointError: score of agent 1 is "),
    "obs_inf": (
        "error",
        "FloatingPointError: observation of agent_1 is inf at step 2, evaluation 1, episode 1",
    ),
}


@dataclass(frozen=True)
class Ended:
    """How the run ended: exit code, what it wrote, cells by what their environment did."""

    code: int
    log: str
    answer: dict[str, Any]
    cells: dict[str, dict[str, Any]]
    folder: Path

    def file(self, does: str, suffix: str) -> Path:
        return self.folder / "results/mine" / (self.cells[does]["id"] + suffix)


@pytest.fixture(scope="module")
def ended(tmp_path_factory) -> Ended:
    pytest.importorskip("gymnasium", reason="gymnasium, of an optional extra, is absent")
    folder = tmp_path_factory.mktemp("unruly")
    shutil.copy(unruly.__file__, folder)
    special = {"obs_inf": 3, "killed_once": 4}  # the first evaluation, and what comes after it
    usual = [name for name in [*FAILED, *DONE] if name not in special]
    sweeps = [SWEEP.format(does=[name], episode=k) for name, k in special.items()]
    grid = ['description = "misbehavior"', SWEEP.format(does=usual, episode=2), *sweeps]
    (folder / "mine.toml").write_text("".join(grid))
    how = ("--grid", "mine.toml", "-j", "2", "--checkpoint-every", "0", "--time-limit", "12")
    done = subprocess.run(
        [sys.executable, "-m", "harness", "run", "--json", *how],
        capture_output=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        timeout=150,
    )
    answer = json.loads(done.stdout)
    cells = {cell["id"].partition("does=")[2].partition(",")[0]: cell for cell in answer["cells"]}
    return Ended(done.returncode, done.stderr.decode(), answer, cells, folder)


def test_some_failed_and_the_others_are_done(ended):
    assert ended.code == 1
    assert ended.answer["states"] == {"done": len(DONE), "failed": len(FAILED)}
    assert {name for name, cell in ended.cells.items() if cell["state"] == "done"} == {*DONE}
    assert "Traceback" not in ended.log


@pytest.mark.parametrize("does", FAILED)
def test_a_failure_has_a_record_that_says_why(ended, does):
    kind, says = FAILED[does]

    failure = load_failure(ended.file(does, ".failed.json"))

    assert failure is not None
    assert failure.kind == kind
    assert failure.message.startswith(says)
    assert ended.cells[does]["detail"] == f"{kind}: {failure.message}"
    assert ("unruly.py" in failure.traceback) == (
        does in unruly.MISDEEDS and kind in ("error", "memory")
    )


def test_a_cell_that_was_killed_once_goes_on_to_the_same_result(ended):
    whole, killed = (load_result(ended.file(does, ".json")) for does in ("nothing", "killed_once"))

    assert (ended.folder / "died").exists()
    assert ended.log.count("; tried again, from its checkpoint") == 4  # of three it did not help
    assert killed.provenance["resumed"] == 1
    assert killed.curve == whole.curve


def test_nobody_is_left_behind(ended):
    left = [int(pid) for pid in (ended.folder / "left").read_text().split()]

    assert len(left) == 2 * (1 + 1 + 2)  # of who bears, who hangs, and who has two tries
    assert [pid for pid in left if psutil.pid_exists(pid)] == []


def test_what_an_environment_prints_goes_to_standard_error_whole(ended):
    assert ended.log.count("x") > 20 * unruly.MUCH
    assert ended.log.count("y") > 20 * unruly.MUCH
