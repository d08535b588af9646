"""The report says what a grid costs, where the time goes and what is to come."""

from dataclasses import replace

import pytest

from harness.config.grid import Grid
from harness.report import build_report
from support import recorded

SPLIT = {
    **recorded.PROVENANCE,
    "steps_per_s": 100.0,
    "peak_memory_mb": 300.0,
    "wall_s": 10.0,
    "cpu_s": 8.0,
    "train_s": 7.0,
    "act_s": 1.0,
    "simulate_s": 2.0,
    "learn_s": 3.0,
    "evaluate_s": 2.5,
}


@pytest.fixture
def text(tmp_path):
    """A report on two DQN cells of four, one DGN cell of none, and a policy that does not learn."""
    dqn = [recorded.cell("dqn", seed=seed) for seed in range(4)]
    others = [recorded.cell("dgn"), recorded.cell("random")]
    replace(recorded.whole(dqn[0]), provenance=SPLIT).save(tmp_path / "trial")
    replace(recorded.whole(dqn[1]), provenance=SPLIT | {"cpu_s": 12.0}).save(tmp_path / "trial")
    replace(recorded.whole(others[1]), provenance=SPLIT).save(tmp_path / "trial")
    cells = (*dqn, *others)
    grid = Grid(name="trial", description="", tuning=False, cells=cells)
    return build_report(grid, tmp_path).text


def test_a_row_has_the_mean_cost_the_shares_and_what_is_to_come(text):
    assert "| prisoner | DQN | default | 2/4 | 10 s | 10 | 20 | 30 | 25 | 15 | 20 s |" in text


def test_a_method_without_any_result_is_guessed_and_marked(text):
    (line,) = [line for line in text.splitlines() if line.startswith("| prisoner | DGN |")]

    assert "| 0/1 | \\~" in line


def test_a_policy_that_does_not_learn_costs_nothing_worth_a_line(text):
    assert "| prisoner | random |" not in text


def test_the_whole_is_what_was_spent_and_what_is_to_come(text):
    assert "Processor time of the 2 learning cells that are done: 20 s. To come" in text
