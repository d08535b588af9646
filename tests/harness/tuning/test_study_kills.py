"""Killed, shared and interrupted: whole commands, in processes of their own."""

import re
import time

import pytest

from harness.config.grid import load_grid
from harness.tuning.study import StudyStore, finished
from harness.tuning.trial import State
from support.studies import write_grid
from support.study_kills import finish, interrupt, kill_and_resume, start


@pytest.mark.slow
def test_killed_twice_a_session_ends_with_the_same_trials_values_and_costs(tmp_path):
    sessions, same = kill_and_resume(
        tmp_path, 2, 1.0, methods=["dqn", "coco_q"], steps=100, trials=4, seed=0
    )

    assert [session.killed for session in sessions] == [True, True, False]
    assert same


@pytest.mark.slow
def test_two_commands_on_one_study_share_its_trials_and_its_budget(tmp_path):
    grid = write_grid(tmp_path / "small.toml", "coco_q", steps=400)

    runs = [start(grid, tmp_path, 30) for _ in range(2)]
    logs = [finish(run) for run in runs]

    (study,) = StudyStore(load_grid(grid), tmp_path).begun()
    trials = study.trials()
    assert finished(study)
    assert study.budget - study.plan.run_steps < sum(t.steps for t in trials) <= study.budget
    assert all(trial.state not in (State.RUNNING, State.WAITING) for trial in trials)
    said = [len(re.findall(r"coco_q  trial", log)) for log in logs]
    assert sum(said) == len(trials)
    assert len({str(trial.attempt) for trial in trials}) == len(trials)


@pytest.mark.slow
def test_ctrl_c_ends_the_command_and_the_same_command_goes_on(tmp_path):
    grid = write_grid(tmp_path / "small.toml", "dqn", steps=700)
    run = start(grid, tmp_path, 2)
    journals = tmp_path / "small" / "tune"
    deadline = time.monotonic() + 120
    while not any("run.1000" in p.read_text() for p in journals.glob("*/*.log")) and (
        time.monotonic() < deadline
    ):
        time.sleep(0.05)

    said = interrupt(run)

    assert run.returncode == 130
    assert "the same command goes on from here" in said
    assert "Traceback" not in said
    (study,) = StudyStore(load_grid(grid), tmp_path).begun()
    assert not finished(study)
    finish(start(grid, tmp_path, 2))
    (study,) = StudyStore(load_grid(grid), tmp_path).begun()
    assert finished(study)
    assert [trial.attempt.preset for trial in study.trials()][:2] == ["paper", "default"]
