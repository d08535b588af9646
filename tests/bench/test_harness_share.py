"""What the harness itself costs in a cell: all that is neither the method nor the simulator."""

import time

import pytest
import torch

from harness.config.cell import Budget, Cell
from harness.training import loop as runner
from harness.training.worker import work

pytestmark = pytest.mark.bench

PRISONER = Cell(
    scenario="prisoner",
    options=(),
    method="dqn",
    fields=(),
    preset="default",
    seed=1000,
    budget=Budget(episodes=500, steps=3000, evaluations=100, evaluation_episodes=20),
    label="",
)
JUNGLE = Cell(
    scenario="jungle",
    options=(),
    method="dgn",
    fields=(),
    preset="default",
    seed=1000,
    budget=Budget(episodes=60, steps=0, evaluations=6, evaluation_episodes=20),
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


def share_outside(cell, parts, folder, monkeypatch):
    """Run a whole cell, with stream, checkpoint and result; return the share not spent in parts."""
    torch.set_num_threads(1)
    work(cell, folder / "warm", 1e9, lambda: False)
    spent = [0.0]
    for owner, names in parts.items():
        for name in names:
            monkeypatch.setattr(owner, name, timed(getattr(owner, name), spent))
    started = time.perf_counter()
    work(cell, folder / "measured", 1e9, lambda: False)
    total = time.perf_counter() - started
    return 1 - spent[0] / total, total


def test_the_harness_takes_less_than_a_tenth_of_a_dqn_cell(tmp_path, monkeypatch, capsys):
    """Evaluations count as the method's time and the simulator's."""
    parts = {
        runner.METHODS["dqn"]: ["__init__", "act", "observe"],
        runner.SCENARIOS["prisoner"]: ["reset", "step", "metrics"],
    }

    share, total = share_outside(PRISONER, parts, tmp_path, monkeypatch)

    with capsys.disabled():
        print(f"\nharness share of a DQN cell on prisoner: {share:.1%} of {total:.1f} s")
    assert share < 0.1


def test_simulator_and_harness_take_less_than_a_tenth_of_a_dgn_cell_on_jungle(
    tmp_path, monkeypatch, capsys
):
    """The learner is the limit, not what it learns in."""
    parts = {runner.METHODS["dgn"]: ["__init__", "act", "observe"]}

    share, total = share_outside(JUNGLE, parts, tmp_path, monkeypatch)

    with capsys.disabled():
        print(f"\nsimulator and harness in a DGN cell on jungle: {share:.1%} of {total:.1f} s")
    assert share < 0.1
