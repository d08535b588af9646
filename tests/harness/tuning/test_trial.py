"""The score of a run, and what a run that breaks down is charged."""

import pytest

from harness.config.cell import Budget
from harness.training.worker import run_cell
from harness.tuning.runner import scoring_workers
from harness.tuning.trial import late_mean, score
from support.recorded import EXPLODING, cell

SHORT = Budget(episodes=1, steps=60, evaluations=20, evaluation_episodes=2)


def rows(*values):
    return [{"metrics": {"return": value}} for value in values]


@pytest.mark.parametrize(
    ("values", "mean"),
    [
        ([0.0] * 18 + [1.0, 2.0], 1.5),  # two of twenty
        ([0.0] * 9 + [1.0], 1.0),
        ([0.0] * 4 + [3.0], 3.0),  # one at least
        ([0.0] * 28 + [1.0], 0.5),  # two of twenty-nine
    ],
)
def test_the_last_tenth_of_the_evaluations_counts(values, mean):
    assert late_mean(rows(*values), "return") == pytest.approx(mean)


def test_a_figure_that_is_not_finite_is_no_score():
    with pytest.raises(FloatingPointError, match="return is nan at the end of training"):
        late_mean(rows(0.1, float("nan")), "return")


def test_a_run_is_trained_as_any_cell_and_charged_its_steps():
    of = cell("dqn", seed=1000, budget=SHORT)

    outcome, curve = score(of, lambda: False), run_cell(of).curve

    assert outcome is not None
    assert outcome.value == late_mean(curve, "return")
    assert outcome.steps == curve[-1]["step"]
    assert SHORT.steps <= outcome.steps < SHORT.steps + 50
    assert outcome.failure == ""
    assert outcome.cpu_s > 0


def test_a_run_that_breaks_down_is_charged_what_it_used_and_says_why():
    of = cell("dqn", seed=1000, budget=SHORT, fields=EXPLODING)

    outcome = score(of, lambda: False)

    assert outcome is not None
    assert outcome.value is None
    assert 0 < outcome.steps < SHORT.steps
    assert outcome.failure.startswith("FloatingPointError: ")


def test_settings_that_a_method_cannot_have_are_a_failure_without_cost():
    of = cell("fixed_ltos", seed=1000, budget=SHORT, fields=(("selfishness", 2.0),))

    outcome = score(of, lambda: False)

    assert outcome is not None
    assert (outcome.value, outcome.steps) == (None, 0)
    assert outcome.failure == (
        "ConfigurationError: fields.selfishness: Input should be less than or equal to 1, not 2.0"
    )


def test_a_stopped_run_has_no_score():
    assert score(cell("dqn", seed=1000, budget=SHORT), lambda: True) is None


def test_one_worker_is_this_process():
    with scoring_workers(1, lambda: False) as alone:
        future = alone.submit(cell("coco_q", seed=1000, budget=SHORT))

    assert alone.size == 1
    assert future.done()
    assert future.result() is not None


@pytest.mark.slow
def test_workers_come_to_the_same_scores_as_this_process():
    of = cell("dqn", seed=1000, budget=SHORT)

    with scoring_workers(2, lambda: False) as team:
        theirs = team.submit(of).result(timeout=120)

    mine = score(of, lambda: False)
    assert mine is not None
    assert theirs is not None
    assert (theirs.value, theirs.steps) == (mine.value, mine.steps)
