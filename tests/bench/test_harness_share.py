"""What the harness itself costs in a cell: all that is neither the method nor the simulator."""

import time

import pytest
import torch

from harness import runner
from harness.cell import Budget, Cell
from harness.worker import work

pytestmark = pytest.mark.bench

CELL = Cell(
    scenario="prisoner",
    options=(),
    method="dqn",
    fields=(),
    preset="default",
    seed=1000,
    budget=Budget(episodes=500, steps=3000, evaluations=100, evaluation_episodes=20),
    label="",
)


def timed(original, spent):
    """Add up the time spent in a function."""

    def wrapped(*args, **kwargs):
        started = time.perf_counter()
        result = original(*args, **kwargs)
        spent[0] += time.perf_counter() - started
        return result

    return wrapped


def test_the_harness_takes_less_than_a_tenth_of_a_dqn_cell(tmp_path, monkeypatch, capsys):
    """A whole cell with stream, checkpoint and result; its evaluations count as method's time."""
    torch.set_num_threads(1)
    work(CELL, tmp_path / "warm", 1e9, lambda: False)
    spent = [0.0]
    parts = {
        runner.METHODS["dqn"]: ["__init__", "act", "observe"],
        runner.SCENARIOS["prisoner"]: ["reset", "step", "metrics"],
    }
    for owner, names in parts.items():
        for name in names:
            monkeypatch.setattr(owner, name, timed(getattr(owner, name), spent))

    started = time.perf_counter()
    work(CELL, tmp_path / "measured", 1e9, lambda: False)
    total = time.perf_counter() - started

    share = 1 - spent[0] / total
    with capsys.disabled():
        print(f"\nharness share of a DQN cell on prisoner: {share:.1%} of {total:.1f} s")
    assert share < 0.1
