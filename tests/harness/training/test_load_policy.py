"""A trained method comes from its policy, or is trained again, or the caller learns why not."""

from dataclasses import replace

import pytest

from harness.config.cell import Budget
from harness.errors import ConfigurationError, StorageError
from harness.results.failure import describe_failure
from harness.results.files import CellFiles
from harness.results.result import load_result
from harness.training import replay
from harness.training.pool import Summary
from harness.training.replay import TrainingError, load_policy
from harness.training.worker import Outcome, work
from support.recorded import cell

SHORT = Budget(episodes=6, steps=0, evaluations=3, evaluation_episodes=2)
CELL = cell(budget=SHORT)


@pytest.fixture
def trained(monkeypatch):
    """Train in this process; returns the jobs that were to be done."""
    jobs_done = []

    def execute(jobs, folder, view, **how):
        jobs_done.extend(jobs)
        (job,) = jobs
        how = {"replaces": job.replaces, "for_policy": job.for_policy}
        outcome = work(job.cell, folder, 1e9, lambda: False, **how)
        view.settled(job, outcome)
        return Summary(outcomes={job.cell: outcome})

    monkeypatch.setattr(replay, "execute", execute)
    return jobs_done


def played(training):
    list(training.evaluation_episode(0))
    return training.scenario.metrics()["return"]


def test_a_policy_that_is_kept_plays_as_at_its_last_evaluation(tmp_path, trained):
    work(CELL, tmp_path, 1e9, lambda: False)

    training = load_policy(CELL, tmp_path)

    result = load_result(CellFiles.of(tmp_path, CELL).result)
    assert played(training) == result.episodes["return"][-1][0]
    assert training.done
    assert not trained


def test_what_does_not_learn_needs_no_file(tmp_path, trained):
    training = load_policy(cell("reference", fields=(("policy", "cooperate"),)), tmp_path)

    assert played(training) == pytest.approx(0.97)
    assert not trained
    assert not list(tmp_path.iterdir())


def test_without_a_policy_the_cell_is_trained_and_its_result_stays(tmp_path, trained, capsys):
    work(CELL, tmp_path, 1e9, lambda: False)
    files = CellFiles.of(tmp_path, CELL)
    files.policy.unlink()
    before = files.result.read_bytes()
    files.result.with_name("seed=1.json").write_text("{ half")  # of no matter here

    training = load_policy(CELL, tmp_path)

    assert played(training) == load_result(files.result).episodes["return"][-1][0]
    assert files.result.read_bytes() == before
    out, log = capsys.readouterr()
    assert not out
    assert "no policy is kept, so the cell is trained first; about" in log
    assert "a guess" not in log  # its result says what it costs


def test_a_damaged_policy_is_moved_aside_and_made_again(tmp_path, trained, capsys):
    files = CellFiles.of(tmp_path, CELL)
    files.policy.parent.mkdir(parents=True)
    files.policy.write_bytes(b"not a policy at all, but longer than a hash is")

    load_policy(CELL, tmp_path)

    assert files.policy.with_name("seed=0.policy.pt.damaged").exists()
    assert "moved to seed=0.policy.pt.damaged" in capsys.readouterr().err
    assert len(trained) == 1


@pytest.mark.parametrize(
    ("summary", "error", "says"),
    [
        (Summary(obstacle="the disk is full"), StorageError, "the disk is full"),
        (Summary(interrupted=True), KeyboardInterrupt, "^$"),
        (
            Summary(failures={CELL: describe_failure(ValueError("no way"), CELL)}),
            TrainingError,
            "dqn/seed=0: error: ValueError: no way",
        ),
        (
            Summary(outcomes={CELL: Outcome(state="busy", metrics={})}),
            TrainingError,
            "is being run elsewhere",
        ),
    ],
)
def test_a_cell_that_is_not_trained_to_its_end_says_why(
    tmp_path, monkeypatch, summary, error, says
):
    monkeypatch.setattr(replay, "execute", lambda *jobs, **how: summary)

    with pytest.raises(error, match=says):
        load_policy(CELL, tmp_path)


def test_a_cell_that_cannot_be_run_says_why(tmp_path):
    with pytest.raises(ConfigurationError, match=r"seed=0: its dataset is not here"):
        load_policy(replace(CELL, unavailable="its dataset is not here"), tmp_path)
